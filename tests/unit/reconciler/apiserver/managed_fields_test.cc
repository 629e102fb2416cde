#include "reconciler/apiserver/forms/managed_fields.h"

#include <gtest/gtest.h>

#include "reconciler/apiserver/forms/builtin_resources.h"
#include "reconciler/apiserver/forms/field_set.h"
#include "reconciler/apiserver/forms/typed_merge.h"
#include "reconciler/schema/yaml.h"
#include "tests/support/seeded_random.h"

namespace slipway::apiserver {
namespace {

constexpr const char* kSchema = R"(
type: object
properties:
  spec:
    type: object
    properties:
      version: {type: string}
      channel: {type: string, default: stable}
      replicas: {type: integer}
      paused: {type: boolean}
      tags: {type: array, items: {type: string}, x-kubernetes-list-type: set}
      order: {type: array, items: {type: string}}
      targets:
        type: array
        x-kubernetes-list-type: map
        x-kubernetes-list-map-keys: [name]
        items:
          type: object
          required: [name]
          properties: {name: {type: string}, weight: {type: integer, default: 1}, host: {type: string}}
      ports:
        type: array
        x-kubernetes-list-type: map
        x-kubernetes-list-map-keys: [port, protocol]
        items:
          type: object
          required: [port]
          properties: {port: {type: integer}, protocol: {type: string, default: TCP}, note: {type: string}}
      config: {type: object, x-kubernetes-preserve-unknown-fields: true}
      labels: {type: object, additionalProperties: {type: string}}
  status: {type: object, properties: {phase: {type: string}}}
)";

const std::string kLastApplied = "kubectl.kubernetes.io/last-applied-configuration";

ResourceInfo releases() {
  ResourceInfo info;
  info.group = "lab.example.dev";
  info.version = "v1";
  info.plural = "releases";
  info.kind = "Release";
  info.hasStatus = true;
  auto compiled = schema::StructuralSchema::compile((*schema::parseYaml(kSchema))[0].value);
  EXPECT_TRUE(compiled) << compiled.status().message();
  info.schema = *compiled;
  return info;
}

// One object and the clock, as a store and a handler would keep them.
class Lab {
 public:
  Lab() : resource_(releases()) {}

  ManagedWrite write(const std::string& manager, const std::string& subresource = "") const {
    return {resource_, manager, subresource, "n", "x", *parseTime(now_)};
  }
  static Json config(const std::string& spec) {
    Json out = *parseJson(R"({"apiVersion":"lab.example.dev/v1","kind":"Release","metadata":{"name":"x"}})");
    if (!spec.empty()) {
      out["spec"] = *parseJson(spec);
    }
    return out;
  }
  const Json* live() const { return exists_ ? &object_ : nullptr; }

  ApplyResult apply(const std::string& manager, const std::string& spec, bool force = false) {
    return applyWhole(manager, config(spec), force);
  }
  ApplyResult applyWhole(const std::string& manager, const Json& body, bool force = false,
                         const std::string& subresource = "") {
    ApplyResult result = applyConfiguration(write(manager, subresource), live(), body, force);
    if (!result.failure) {
      adopt(result.object);
      result.object = object_;
    }
    return result;
  }
  void create(const std::string& manager, const std::string& spec) {
    Json object = config(spec);
    resource_.schema->applyDefaults(object);
    trackUpdate(write(manager), nullptr, object);
    adopt(object);
  }
  // `change` sets members of spec; null removes one.
  void update(const std::string& manager, const std::string& change, const std::string& subresource = "") {
    Json object = object_;
    Json& part = object[subresource.empty() ? "spec" : subresource];
    const Json changes = *parseJson(change);
    for (const auto& [name, value] : changes.asObject()) {
      if (value.isNull()) {
        part.asObject().erase(name);
      } else {
        part[name] = value;
      }
    }
    replace(manager, object, subresource);
  }
  void replace(const std::string& manager, Json object, const std::string& subresource = "") {
    trackUpdate(write(manager, subresource), &object_, object);
    adopt(object);
  }

  Json& object() { return object_; }
  Json spec(const std::string& name) const {
    const Json* found = object_.at({"spec", name});
    return found == nullptr ? Json() : *found;
  }
  // "m1/Apply m2/Update", in order.
  std::string owners() const {
    std::string out;
    for (const Json& entry : entries()) {
      out += (out.empty() ? "" : " ") + entry.getString("manager") + "/" + entry.getString("operation") +
             (entry.getString("subresource").empty() ? "" : "/" + entry.getString("subresource"));
    }
    return out;
  }
  Json fields(const std::string& manager) const {
    for (const Json& entry : entries()) {
      if (entry.getString("manager") == manager) {
        return *entry.find("fieldsV1");
      }
    }
    return nullptr;
  }
  std::string timeOf(const std::string& manager) const {
    for (const Json& entry : entries()) {
      if (entry.getString("manager") == manager) {
        return entry.getString("time", "none");
      }
    }
    return "no entry";
  }
  void setNow(const std::string& now) { now_ = now; }

 private:
  const Json::Array& entries() const {
    static const Json::Array kNone;
    const Json* found = object_.at({"metadata", "managedFields"});
    return found == nullptr ? kNone : found->asArray();
  }
  void adopt(const Json& object) {
    object_ = object;
    resource_.schema->applyDefaults(object_);
    object_["metadata"]["uid"] = "u-1";
    object_["metadata"]["resourceVersion"] = "5";
    exists_ = true;
  }

  ResourceInfo resource_;
  std::string now_ = "2026-01-01T00:00:00Z";
  Json object_;
  bool exists_ = false;
};

TEST(Apply, CreatesWithTheFieldsOfTheConfiguration) {
  Lab lab;
  const auto result =
      lab.apply("m1", R"({"version":"1","replicas":1,"tags":["a"],"targets":[{"name":"t1","host":"h1"}]})");
  ASSERT_FALSE(result.failure);
  EXPECT_EQ(lab.owners(), "m1/Apply");
  EXPECT_EQ(
      lab.fields("m1").dump(),
      R"({"f:spec":{"f:replicas":{},"f:tags":{"v:\"a\"":{}},"f:targets":{"k:{\"name\":\"t1\"}":{".":{},"f:host":{},"f:name":{}}},"f:version":{}}})");
}

TEST(Apply, OfTheSameConfigurationChangesNothing) {
  Lab lab;
  lab.apply("m1", R"({"version":"1","targets":[{"name":"t1"}]})");
  const Json before = lab.object();
  lab.setNow("2026-01-01T00:05:00Z");
  lab.apply("m1", R"({"version":"1","targets":[{"name":"t1"}]})");
  EXPECT_EQ(lab.object(), before);
  EXPECT_TRUE(equalIgnoringTimes(lab.object(), before));
}

TEST(Apply, ConflictsWithAnotherOwner) {
  Lab lab;
  lab.apply("m1", R"({"version":"1"})");
  const auto result = lab.apply("m2", R"({"version":"2"})");
  ASSERT_TRUE(result.failure);
  EXPECT_EQ(result.failure->code, 409);
  EXPECT_EQ(result.failure->reason, "Conflict");
  EXPECT_EQ(result.failure->message, "Apply failed with 1 conflict: conflict with \"m1\": .spec.version");
  ASSERT_EQ(result.failure->causes.size(), 1U);
  EXPECT_EQ(result.failure->causes[0].reason, "FieldManagerConflict");
  EXPECT_EQ(result.failure->causes[0].message, "conflict with \"m1\"");
  EXPECT_EQ(result.failure->causes[0].field, ".spec.version");
}

TEST(Apply, ListsSeveralConflictsByOwner) {
  Lab lab;
  lab.apply("m1", R"({"version":"1","targets":[{"name":"t1","host":"h"}]})");
  const auto result = lab.apply("m2", R"({"version":"2","targets":[{"name":"t1","host":"g"}]})");
  ASSERT_TRUE(result.failure);
  EXPECT_EQ(
      result.failure->message,
      "Apply failed with 2 conflicts: conflicts with \"m1\":\n- .spec.targets[name=\"t1\"].host\n- .spec.version");
}

TEST(Apply, SharesEqualValues) {
  Lab lab;
  lab.apply("m1", R"({"version":"1"})");
  ASSERT_FALSE(lab.apply("m2", R"({"version":"1"})").failure);
  EXPECT_EQ(lab.fields("m1").dump(), R"({"f:spec":{"f:version":{}}})");
  EXPECT_EQ(lab.fields("m2").dump(), R"({"f:spec":{"f:version":{}}})");
  EXPECT_EQ(lab.timeOf("m2"), "none") << "the object did not change";
}

TEST(Apply, TakesFieldsByForce) {
  Lab lab;
  lab.apply("m1", R"({"version":"1","replicas":1})");
  ASSERT_FALSE(lab.apply("m3", R"({"version":"3"})", true).failure);
  EXPECT_EQ(lab.spec("version"), Json("3"));
  EXPECT_EQ(lab.fields("m1").dump(), R"({"f:spec":{"f:replicas":{}}})");
  EXPECT_EQ(lab.fields("m3").dump(), R"({"f:spec":{"f:version":{}}})");
}

TEST(Apply, RemovesWhatItNoLongerNamesAndNobodyElseOwns) {
  Lab lab;
  lab.apply("m1", R"({"version":"1","replicas":1,"paused":true})");
  lab.apply("m2", R"({"paused":true})");
  lab.apply("m1", R"({"version":"1"})");
  EXPECT_TRUE(lab.spec("replicas").isNull());
  EXPECT_EQ(lab.spec("paused"), Json(true));
}

TEST(Apply, MergesSetsAndKeyedListsAndTakesOutOnlyItsOwnItems) {
  Lab lab;
  lab.apply("m1", R"({"version":"3","tags":["a"],"targets":[{"name":"t1","host":"h1"}]})");
  lab.apply("m2", R"({"version":"3","tags":["b"],"targets":[{"name":"t2","host":"h2"}]})");
  EXPECT_EQ(lab.spec("tags").dump(), R"(["a","b"])");
  EXPECT_EQ(lab.spec("targets").asArray().size(), 2U);
  lab.apply("m2", R"({"version":"3"})");
  EXPECT_EQ(lab.spec("tags").dump(), R"(["a"])");
  ASSERT_EQ(lab.spec("targets").asArray().size(), 1U);
  EXPECT_EQ(lab.spec("targets").asArray()[0].getString("name"), "t1");
}

TEST(Apply, KeepsTheOrderOfTheConfigurationForItsItems) {
  Lab lab;
  lab.apply("m1", R"({"tags":["a","b","c"]})");
  lab.apply("m2", R"({"tags":["c","a","z"]})");
  EXPECT_EQ(lab.spec("tags").dump(), R"(["c","a","b","z"])");
}

TEST(Apply, OwnsAnAtomicListAsAWhole) {
  Lab lab;
  lab.apply("m1", R"({"order":["x"]})");
  const auto result = lab.apply("m2", R"({"order":["y"]})");
  ASSERT_TRUE(result.failure);
  EXPECT_EQ(result.failure->causes[0].field, ".spec.order");
}

TEST(Apply, FillsMissingKeysOfAListFromTheirDefaults) {
  Lab lab;
  lab.apply("m1", R"({"ports":[{"port":80}]})");
  EXPECT_EQ(lab.fields("m1").at({"f:spec", "f:ports"})->dump(),
            R"({"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:port":{}}})");
  lab.apply("m2", R"({"ports":[{"port":80,"protocol":"TCP","note":"n"},{"port":80,"protocol":"UDP"}]})");
  EXPECT_EQ(lab.spec("ports").asArray().size(), 2U);
  const auto conflict = lab.apply("m3", R"({"ports":[{"port":80,"note":"other"}]})");
  ASSERT_TRUE(conflict.failure);
  EXPECT_EQ(conflict.failure->causes[0].field, ".spec.ports[port=80,protocol=\"TCP\"].note");
}

TEST(Apply, DoesNotOwnDefaults) {
  Lab lab;
  lab.apply("m1", R"({"version":"1"})");
  EXPECT_EQ(lab.spec("channel"), Json("stable"));
  EXPECT_EQ(lab.fields("m1").at({"f:spec", "f:channel"}), nullptr);
}

TEST(Apply, OwnsEveryMemberOfAnOpenObject) {
  Lab lab;
  lab.apply("m1", R"({"config":{"k":{"deep":1},"empty":{},"list":[1]},"labels":{"a":"b"}})");
  EXPECT_EQ(lab.fields("m1").find("f:spec")->dump(),
            R"({"f:config":{"f:empty":{},"f:k":{".":{},"f:deep":{}},"f:list":{}},"f:labels":{"f:a":{}}})");
}

TEST(Apply, NamesAnUpdaterWithVersionAndTime) {
  Lab lab;
  lab.create("curl", R"({"version":"1","replicas":1})");
  const auto result = lab.apply("m1", R"({"replicas":2})");
  ASSERT_TRUE(result.failure);
  EXPECT_EQ(result.failure->causes[0].message,
            "conflict with \"curl\" using lab.example.dev/v1 at 2026-01-01T00:00:00Z");
}

TEST(Apply, ToStatusIsAnEntryOfItsOwn) {
  Lab lab;
  lab.create("curl", R"({"version":"1"})");
  Json body = Lab::config(R"({"version":"9"})");
  body["status"] = *parseJson(R"({"phase":"P"})");
  ASSERT_FALSE(lab.applyWhole("m1", body, false, "status").failure);
  EXPECT_EQ(lab.spec("version"), Json("1"));
  EXPECT_EQ(lab.object().at({"status", "phase"})->asString(), "P");
  EXPECT_EQ(lab.owners(), "m1/Apply/status curl/Update");
  EXPECT_EQ(lab.fields("m1").dump(), R"({"f:status":{"f:phase":{}}})");
}

TEST(Apply, IgnoresStatusOnTheMainEndpoint) {
  Lab lab;
  Json body = Lab::config(R"({"version":"1"})");
  body["status"] = *parseJson(R"({"phase":"P"})");
  ASSERT_FALSE(lab.applyWhole("m1", body).failure);
  EXPECT_EQ(lab.object().find("status"), nullptr);
  EXPECT_EQ(lab.fields("m1").find("f:status"), nullptr);
}

TEST(Apply, DropsTheEntryWithItsLastField) {
  Lab lab;
  lab.apply("m1", R"({"version":"1","paused":true})");
  lab.apply("m2", R"({"replicas":4})");
  lab.apply("m2", "");
  EXPECT_TRUE(lab.spec("replicas").isNull());
  EXPECT_EQ(lab.owners(), "m1/Apply");
}

TEST(Apply, BooksAnUntrackedObjectToBeforeFirstApply) {
  Lab lab;
  lab.create("curl", R"({"version":"1","replicas":1})");
  Json cleared = lab.object();
  cleared["metadata"]["managedFields"] = *parseJson("[{}]");
  lab.replace("curl", cleared);
  EXPECT_EQ(lab.owners(), "");
  lab.update("curl", R"({"replicas":2})");
  EXPECT_EQ(lab.owners(), "") << "updates do not start tracking again";
  ASSERT_TRUE(lab.apply("m1", R"({"version":"2"})").failure);
  ASSERT_FALSE(lab.apply("m1", R"({"version":"2"})", true).failure);
  EXPECT_EQ(lab.owners(), "m1/Apply before-first-apply/Update");
}

TEST(Apply, OwnsLabelsButNotWhatTheServerSets) {
  Lab lab;
  Json body = Lab::config(R"({"version":"1"})");
  body["metadata"]["labels"] = *parseJson(R"({"a":"b"})");
  body["metadata"]["finalizers"] = *parseJson(R"(["x/y"])");
  body["metadata"]["creationTimestamp"] = nullptr;
  ASSERT_FALSE(lab.applyWhole("m1", body).failure);
  EXPECT_EQ(lab.fields("m1").find("f:metadata")->dump(), R"({"f:finalizers":{"v:\"x/y\"":{}},"f:labels":{"f:a":{}}})");
  EXPECT_EQ(lab.object().at({"metadata", "labels", "a"})->asString(), "b");
}

TEST(Apply, KeepsTheFieldsOfOthersInMetadata) {
  Lab lab;
  lab.create("curl", R"({"version":"1"})");
  Json labelled = lab.object();
  labelled["metadata"]["labels"] = *parseJson(R"({"theirs":"1"})");
  lab.replace("curl", labelled);
  Json body = Lab::config("");
  body["metadata"]["labels"] = *parseJson(R"({"mine":"1"})");
  ASSERT_FALSE(lab.applyWhole("m1", body).failure);
  EXPECT_EQ(lab.object().at({"metadata", "labels"})->asObject().size(), 2U);
  EXPECT_EQ(lab.object().at({"metadata", "uid"})->asString(), "u-1");
}

TEST(ApplyChecks, RefuseManagedFieldsInTheBody) {
  Lab lab;
  Json body = *parseJson(
      R"({"apiVersion":"lab.example.dev/v1","kind":"Release","metadata":{"managedFields":[{"manager":"x"}]}})");
  const auto result = lab.applyWhole("m1", body);
  EXPECT_EQ(result.failure->code, 400);
  EXPECT_EQ(result.failure->message, "metadata.managedFields must be nil");
}

TEST(ApplyChecks, NeedApiVersionKindAndName) {
  Lab lab;
  EXPECT_EQ(lab.applyWhole("m1", *parseJson(R"({"spec":{"version":"1"}})")).failure->code, 400);
  const auto unnamed =
      lab.applyWhole("m1", *parseJson(R"({"apiVersion":"lab.example.dev/v1","kind":"Release","spec":{}})"));
  EXPECT_EQ(unnamed.failure->code, 400);
  EXPECT_EQ(unnamed.failure->reason, "BadRequest");
  EXPECT_EQ(lab.applyWhole("m1", Json("text")).failure->code, 400);
}

TEST(ApplyChecks, RefuseUndeclaredFieldsAsARealServerDoes) {
  Lab lab;
  const auto result = lab.apply("m1", R"({"version":"1","bogus":1})");
  EXPECT_EQ(result.failure->code, 500);
  EXPECT_EQ(result.failure->reason, "");
  EXPECT_EQ(result.failure->message,
            "failed to create typed patch object (n/x; lab.example.dev/v1, Kind=Release): .spec.bogus: field not "
            "declared in schema");
  Json body = Lab::config("");
  body["metadata"]["bogus"] = 1;
  EXPECT_NE(lab.applyWhole("m1", body).failure->message.find(".metadata.bogus: field not declared"), std::string::npos);
}

TEST(ApplyChecks, RefuseTwoItemsOfOneKey) {
  Lab lab;
  const auto result = lab.apply("m1", R"({"targets":[{"name":"a"},{"name":"a"}]})");
  EXPECT_NE(result.failure->message.find(".spec.targets: duplicate entries for key [name=\"a\"]"), std::string::npos);
}

TEST(ApplyChecks, NeedTheObjectForAUidAVersionOrASubresource) {
  Lab lab;
  Json body = Lab::config("");
  body["metadata"]["uid"] = "u";
  EXPECT_EQ(lab.applyWhole("m1", body).failure->code, 409);
  body = Lab::config("");
  body["metadata"]["resourceVersion"] = "1";
  EXPECT_EQ(lab.applyWhole("m1", body).failure->code, 409);
  EXPECT_EQ(lab.applyWhole("m1", Lab::config(""), false, "status").failure->code, 404);
}

TEST(ApplyChecks, HandOnThePreconditionsOfTheBody) {
  Lab lab;
  lab.apply("m1", R"({"version":"1"})");
  Json body = Lab::config(R"({"version":"1"})");
  body["metadata"]["resourceVersion"] = "1";
  const auto result = applyConfiguration(lab.write("m1"), lab.live(), body, false);
  EXPECT_EQ(result.object.at({"metadata", "resourceVersion"})->asString(), "1");
}

TEST(ApplyByKubectl, TakesOverWhatClientSideApplyRecorded) {
  Lab lab;
  lab.create("kubectl-client-side-apply", R"({"version":"1","replicas":1})");
  Json recorded = lab.object();
  recorded["metadata"]["annotations"][kLastApplied] = Lab::config(R"({"version":"1","replicas":1})").dump() + "\n";
  lab.replace("kubectl-client-side-apply", recorded);
  const auto other = lab.apply("zz", R"({"version":"2"})");
  ASSERT_TRUE(other.failure);
  EXPECT_EQ(other.failure->causes[0].field, ".spec.version");
  const auto kubectl = lab.apply("kubectl", R"({"version":"2"})");
  ASSERT_FALSE(kubectl.failure) << kubectl.failure->message;
  EXPECT_EQ(lab.spec("version"), Json("2"));
  const std::string annotation = lab.object().at({"metadata", "annotations", kLastApplied})->asString();
  EXPECT_EQ(parseJson(annotation)->find("spec")->dump(), R"({"version":"2"})");
}

TEST(ApplyByKubectl, StillConflictsWhereSomebodyChangedTheField) {
  Lab lab;
  lab.create("kubectl-client-side-apply", R"({"version":"1"})");
  Json recorded = lab.object();
  recorded["metadata"]["annotations"][kLastApplied] = Lab::config(R"({"version":"1"})").dump();
  lab.replace("kubectl-client-side-apply", recorded);
  lab.update("other", R"({"version":"5"})");
  EXPECT_TRUE(lab.apply("kubectl", R"({"version":"2"})").failure);
}

// A configuration of few names, so that managers often meet.
Json randomSpec(Random& random) {
  const auto chance = [&] { return random.next() % 2 == 0; };
  const auto text = [&] { return Json(std::string(1, static_cast<char>('a' + random.next() % 3))); };
  Json spec = Json::object();
  if (chance()) {
    spec["version"] = text();
  }
  if (chance()) {
    spec["order"] = Json::array({text()});
  }
  for (const char* tag : {"x", "y", "z"}) {
    if (chance()) {
      spec["tags"].push(tag);
    }
  }
  for (const char* name : {"t1", "t2"}) {
    if (chance()) {
      Json target = Json::object({{"name", name}});
      if (chance()) {
        target["host"] = text();
      }
      spec["targets"].push(std::move(target));
    }
  }
  for (const char* key : {"k1", "k2"}) {
    if (chance()) {
      spec["labels"][key] = text();
    }
  }
  return spec;
}

TEST(Apply, LeavesExactlyTheUnionOfWhatItsManagersWant) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SeededRandom random(seed);
    Lab lab;
    std::map<std::string, Json> wanted;
    for (int step = 0; step < 25; ++step) {
      const std::string manager = "m" + std::to_string(random.next() % 3);
      const Json spec = randomSpec(random);
      ASSERT_FALSE(lab.apply(manager, spec.dump(), true).failure);
      wanted[manager] = spec;
      FieldSet owned;
      for (const auto& [name, unused] : wanted) {
        const Json fields = lab.fields(name);
        owned.unite(fields.isNull() ? FieldSet() : *FieldSet::fromJson(fields));
      }
      Json object = Json::object({{"spec", *lab.object().find("spec")}});
      object["spec"].asObject().erase("channel");  // a default: nobody's
      if (object["spec"].find("targets") != nullptr) {
        for (Json& target : object["spec"]["targets"].asArray()) {
          target.asObject().erase("weight");
        }
      }
      const FieldSet present = fieldsOf(object, MergeType::root(lab.write("m").resource.schema.get()));
      FieldSet nobodys = present;
      nobodys.subtract(owned);
      FieldSet lost = owned;
      lost.subtract(present);
      // An object that became empty is nobody's, and nobody owns what is not there.
      EXPECT_TRUE(lost.empty() || lost.toJson().dump() == R"({"f:spec":{}})") << seed << ": " << lost.toJson().dump();
      EXPECT_TRUE(nobodys.empty() || nobodys.toJson().dump() == R"({"f:spec":{}})")
          << seed << ": " << nobodys.toJson().dump();
      for (const auto& [name, value] : spec.asObject()) {
        ASSERT_NE(lab.object().at({"spec", name}), nullptr) << seed << ": the last apply wins";
      }
    }
  }
}

TEST(Update, TracksACreateWithItsContainers) {
  Lab lab;
  lab.create("curl", R"({"version":"1","targets":[{"name":"a"}],"labels":{"k":"v"}})");
  const Json spec = *lab.fields("curl").find("f:spec");
  EXPECT_EQ(spec.find(".")->dump(), "{}");
  EXPECT_EQ(spec.find("f:targets")->dump(), R"({".":{},"k:{\"name\":\"a\"}":{".":{},"f:name":{},"f:weight":{}}})");
  EXPECT_EQ(spec.find("f:labels")->dump(), R"({".":{},"f:k":{}})");
  EXPECT_EQ(spec.find("f:channel")->dump(), "{}");
}

TEST(Update, MovesOwnershipOfWhatItChanges) {
  Lab lab;
  lab.create("curl", R"({"version":"1","replicas":1})");
  lab.update("tool", R"({"paused":true})");
  lab.update("mine", R"({"replicas":5})");
  EXPECT_EQ(lab.owners(), "curl/Update mine/Update tool/Update");
  EXPECT_EQ(lab.fields("mine").dump(), R"({"f:spec":{"f:replicas":{}}})");
  EXPECT_EQ(lab.fields("curl").at({"f:spec", "f:replicas"}), nullptr);
  lab.update("mine", R"({"replicas":null})");
  EXPECT_EQ(lab.owners(), "curl/Update tool/Update");
}

TEST(Update, TakesFieldsFromAppliersToo) {
  Lab lab;
  lab.apply("m1", R"({"version":"1","replicas":1})");
  lab.update("tool", R"({"replicas":2})");
  EXPECT_EQ(lab.fields("m1").dump(), R"({"f:spec":{"f:version":{}}})");
}

TEST(Update, OfStatusIsAnEntryOfItsOwn) {
  Lab lab;
  lab.create("curl", R"({"version":"1"})");
  lab.update("controller", R"({"phase":"Ready"})", "status");
  EXPECT_EQ(lab.owners(), "controller/Update/status curl/Update");
  EXPECT_EQ(lab.fields("controller").dump(), R"({"f:status":{".":{},"f:phase":{}}})");
}

TEST(Update, MovesItsTimeOnlyWithAChange) {
  Lab lab;
  lab.create("curl", R"({"version":"1"})");
  lab.setNow("2026-01-01T01:00:00Z");
  lab.update("curl", R"({"version":"1"})");
  EXPECT_EQ(lab.timeOf("curl"), "2026-01-01T00:00:00Z");
  lab.update("curl", R"({"version":"2"})");
  EXPECT_EQ(lab.timeOf("curl"), "2026-01-01T01:00:00Z");
}

TEST(Update, TakesManagedFieldsTheClientSets) {
  Lab lab;
  lab.create("curl", R"({"version":"1"})");
  Json migrated = lab.object();
  migrated["metadata"]["managedFields"].asArray()[0]["manager"] = "renamed";
  lab.replace("kubectl", migrated);
  EXPECT_EQ(lab.owners(), "renamed/Update");
  Json broken = lab.object();
  broken["metadata"]["managedFields"] = *parseJson(R"([{"manager":"x","operation":"Nonsense"}])");
  lab.replace("kubectl", broken);
  EXPECT_EQ(lab.owners(), "renamed/Update");
  Json without = lab.object();
  without["metadata"].asObject().erase("managedFields");
  lab.replace("kubectl", without);
  EXPECT_EQ(lab.owners(), "renamed/Update");
}

TEST(Update, KeepsAtMostTenUpdatersWithoutLosingFields) {
  Lab lab;
  lab.create("m00", R"({"labels":{"l00":"1"}})");
  Json labels = *parseJson(R"({"l00":"1"})");
  for (int i = 1; i <= 12; ++i) {
    const std::string two = (i < 10 ? "0" : "") + std::to_string(i);
    lab.setNow("2026-01-01T00:" + two + ":00Z");
    labels["l" + two] = "1";
    lab.update("m" + two, Json::object({{"labels", labels}}).dump());
  }
  EXPECT_EQ(lab.owners(),
            "ancient-changes/Update m04/Update m05/Update m06/Update m07/Update m08/Update m09/Update m10/Update "
            "m11/Update m12/Update");
  EXPECT_NE(lab.fields("ancient-changes").at({"f:spec", "f:labels", "f:l02"}), nullptr);
}

// Entries that a write does not touch are kept as they are, unread: that must give what reading all of them gives.
TEST(Update, IsTheSameWhetherEntriesAreKeptOrComputedAnew) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SeededRandom random(seed);
    Lab lab;
    lab.create("m0", randomSpec(random).dump());
    for (int step = 0; step < 25; ++step) {
      lab.setNow("2026-01-01T00:00:" + std::to_string(10 + step) + "Z");
      const ManagedWrite write = lab.write("m" + std::to_string(random.next() % 3), step % 4 == 0 ? "status" : "");
      Json live = lab.object();
      live.settle();
      Json kept = live;
      if (write.subresource.empty()) {
        kept["spec"] = randomSpec(random);
      } else {
        kept["status"] = random.next() % 2 == 0 ? Json::object({{"phase", "Ready"}}) : Json::object();
      }
      Json anew = kept;
      anew["metadata"]["managedFields"] = *parseJson(anew["metadata"]["managedFields"].dump());
      trackUpdate(write, &live, kept);
      trackUpdate(write, &live, anew);
      ASSERT_EQ(kept.dumpPretty(), anew.dumpPretty()) << seed << ", step " << step;
      lab.object() = kept;
    }
  }
}

TEST(BuiltInApply, TreatsNullAsAbsent) {
  ResourceInfo secret;
  for (const ResourcePtr& resource : builtinResources()) {
    if (resource->kind == "Secret") {
      secret = *resource;
    }
  }
  const ManagedWrite write{secret, "m", "", "n", "s", *parseTime("2026-01-01T00:00:00Z")};
  const Json body = *parseJson(
      R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","labels":null},"data":null,"stringData":{"a":"b"}})");
  const auto result = applyConfiguration(write, nullptr, body, false);
  ASSERT_FALSE(result.failure) << result.failure->message;
  EXPECT_EQ(result.object.at({"metadata", "managedFields"})->asArray()[0].find("fieldsV1")->dump(),
            R"({"f:stringData":{"f:a":{}}})");
}

TEST(FieldManager, IsTheParameterElseTheUserAgent) {
  EXPECT_EQ(fieldManager("mine", "curl/7"), "mine");
  EXPECT_EQ(fieldManager("", "tool/1.2 (x)"), "tool");
  EXPECT_EQ(fieldManager("", ""), "unknown");
  EXPECT_EQ(fieldManager("", std::string(200, 'a')).size(), 128U);
  EXPECT_EQ(fieldManager("a\nb\x1b", ""), "a?b?");
}

TEST(EqualIgnoringTimes, SeesEverythingElse) {
  const Json a = *parseJson(
      R"({"metadata":{"resourceVersion":"1","managedFields":[{"manager":"m","time":"t1"}]},"spec":{"x":1}})");
  Json b = *parseJson(
      R"({"metadata":{"resourceVersion":"2","managedFields":[{"manager":"m","time":"t2"}]},"spec":{"x":1}})");
  EXPECT_TRUE(equalIgnoringTimes(a, b));
  b["metadata"]["managedFields"].asArray()[0]["manager"] = "n";
  EXPECT_FALSE(equalIgnoringTimes(a, b));
  b = a;
  b["spec"]["x"] = 2;
  EXPECT_FALSE(equalIgnoringTimes(a, b));
  b = a;
  b["metadata"]["labels"] = Json::object();
  EXPECT_FALSE(equalIgnoringTimes(a, b));
}

TEST(FieldSet, ReadsBackWhatItWrites) {
  const std::string text = R"({"f:a":{".":{},"f:b":{}},"f:l":{"k:{\"n\":1}":{},"v:\"x\"":{}}})";
  const auto set = FieldSet::fromJson(*parseJson(text));
  ASSERT_TRUE(set);
  EXPECT_EQ(set->toJson().dump(), text);
  EXPECT_TRUE(set->contains({"f:a"}));
  EXPECT_FALSE(set->contains({"f:l"}));
  EXPECT_EQ(pathText({"f:l", "k:{\"n\":1}"}), ".l[n=1]");
  EXPECT_EQ(pathText({"f:l", "v:\"x\""}), ".l[=\"x\"]");
}

TEST(FieldSet, SubtractsAndIntersects) {
  const auto read = [](const char* text) { return *FieldSet::fromJson(*parseJson(text)); };
  FieldSet a = read(R"({"f:a":{".":{},"f:b":{},"f:c":{}}})");
  EXPECT_EQ(a.intersection(read(R"({"f:a":{"f:b":{},"f:z":{}}})")).toJson().dump(), R"({"f:a":{"f:b":{}}})");
  a.subtract(read(R"({"f:a":{"f:b":{},"f:c":{}}})"));
  EXPECT_EQ(a.toJson().dump(), R"({"f:a":{}})");
  a.subtract(read(R"({"f:a":{}})"));
  EXPECT_TRUE(a.empty());
}

TEST(FieldSet, RefusesMalformedAndTooDeepDocuments) {
  EXPECT_FALSE(FieldSet::fromJson(*parseJson(R"({"f:a":1})")));
  EXPECT_FALSE(FieldSet::fromJson(*parseJson(R"({"x":{}})")));
  Json deep = Json::object();
  for (int i = 0; i < 80; ++i) {
    deep = Json::object({{"f:a", deep}});
  }
  EXPECT_FALSE(FieldSet::fromJson(deep));
}

}  // namespace
}  // namespace slipway::apiserver
