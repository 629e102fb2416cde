#include "reconciler/apiserver/registry.h"

#include <thread>

#include <gtest/gtest.h>

#include "tests/support/embedded_api.h"

namespace slipway::apiserver {
namespace {

std::string url(const std::string& name) { return std::string(EmbeddedApi::kReleases) + "/" + name; }

TEST(Registry, SurvivesARestartWithObjectsDefinitionsAndTheHistoryOfWatches) {
  const auto store = std::make_shared<MemStore>(MemStore::Mode::Manual);
  std::string start;
  {
    EmbeddedApi api(store);
    ASSERT_TRUE(api.installed) << api.installed.toString();
    api.call("POST", EmbeddedApi::kReleases, labRelease("a"));
    start = textAt(api.get(EmbeddedApi::kReleases), {"metadata", "resourceVersion"});
    api.mergePatch(url("a"), R"({"spec":{"replicas":3}})");
    api.call("POST", EmbeddedApi::kReleases, labRelease("b"));
    api.call("DELETE", url("b"));
  }
  EmbeddedApi again(store);
  EXPECT_EQ(textAt(again.get(url("a")), {"spec", "replicas"}), "3");
  const auto watch = again.watch(cat(EmbeddedApi::kReleases, "?watch=1&resourceVersion=", start));
  const auto events = watch->events();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(textAt(events[0], {"type"}), "MODIFIED");
  EXPECT_EQ(textAt(events[1], {"type"}), "ADDED");
  EXPECT_EQ(textAt(events[2], {"type"}), "DELETED");
  EXPECT_EQ(textAt(events[2], {"object", "metadata", "name"}), "b");
}

TEST(Registry, RefusesAWatchFromBeforeTheHistoryOrFromAfterTheNewestWrite) {
  EmbeddedApi api;
  for (const char* version : {"1", "99999"}) {
    const auto watch = api.watch(cat(EmbeddedApi::kReleases, "?watch=1&resourceVersion=", version));
    ASSERT_EQ(watch->events().size(), 1U) << version;
    EXPECT_EQ(textAt(watch->events()[0], {"type"}), "ERROR");
    EXPECT_EQ(textAt(watch->events()[0], {"object", "code"}), "410");
    EXPECT_TRUE(watch->streaming->ended);
  }
}

TEST(Registry, TakesAWriteOnlyOnTheVersionItWasDecidedOn) {
  EmbeddedApi api;
  const ResourcePtr resource = api.registry->resource("lab.example.dev", "v1", "releases");
  api.call("POST", EmbeddedApi::kReleases, labRelease("a"));
  const StoredPtr first = api.registry->newest(*resource, {"default", "a"});
  Json changed = first->parse();
  changed["spec"]["replicas"] = 1;
  auto taken = api.registry->commit({resource, {"default", "a"}, first, changed});
  ASSERT_TRUE(taken);
  EXPECT_NE(*taken, nullptr);
  auto late = api.registry->commit({resource, {"default", "a"}, first, changed});
  ASSERT_TRUE(late);
  EXPECT_EQ(*late, nullptr);
}

TEST(Registry, ShowsAWriteOnlyWhenItIsDurable) {
  EmbeddedApi api(std::make_shared<MemStore>(MemStore::Mode::Threaded));
  const ResourcePtr resource = api.registry->resource("lab.example.dev", "v1", "releases");
  const Revision before = api.registry->published();
  api.store->hold(true);
  std::jthread writing([&] {
    auto written = api.writer->create({resource, {"default", ""}}, parsedJson(labRelease("slow")), {});
    EXPECT_TRUE(written);
  });
  while (api.registry->newest(*resource, {"default", "slow"}) == nullptr) {
    std::this_thread::yield();
  }
  EXPECT_EQ(api.registry->get(*resource, {"default", "slow"}), nullptr);
  EXPECT_EQ(api.registry->published(), before);
  api.store->hold(false);
  writing.join();
  EXPECT_NE(api.registry->get(*resource, {"default", "slow"}), nullptr);
}

// Else a client could be told of a version that a crash takes back, and read an older one after it.
TEST(Registry, RefusesAWriteOnlyOnWhatIsDurable) {
  EmbeddedApi api(std::make_shared<MemStore>(MemStore::Mode::Threaded));
  const ResourcePtr resource = api.registry->resource("lab.example.dev", "v1", "releases");
  api.call("POST", EmbeddedApi::kReleases, labRelease("a"));
  const StoredPtr first = api.registry->newest(*resource, {"default", "a"});
  api.store->hold(true);
  std::jthread removing([&] { EXPECT_FALSE(api.writer->remove({resource, {"default", "a"}}, {})); });
  while (api.registry->newest(*resource, {"default", "a"}) != nullptr) {
    std::this_thread::yield();
  }
  std::jthread updating([&] {
    auto refused = api.writer->replace({resource, {"default", "a"}}, first->parse(), {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, 500) << "told of a removal that never became durable";
  });
  api.store->failNextCommit();
  api.store->hold(false);
}

TEST(Registry, LetsTheStoreForgetWhatNoWatchCanAskFor) {
  EmbeddedApi api;
  api.call("POST", EmbeddedApi::kReleases, labRelease("a"));
  const Revision before = api.store->compactedRevision();
  for (int i = 0; i < 6000; ++i) {
    api.mergePatch(url("a"), cat(R"({"metadata":{"labels":{"n":")", i, "\"}}}"));
  }
  EXPECT_GT(api.store->compactedRevision(), before);
  EXPECT_GE(api.store->compactedRevision() + 6000, api.store->lastRevision());
}

TEST(Registry, SaysDataLossWhenTheStoreFailedToSync) {
  EmbeddedApi api;
  api.store->failNextCommit();
  auto created = api.inProcess->create(kConfigMap, parsedJson(R"({"metadata":{"name":"x","namespace":"default"}})"));
  EXPECT_EQ(created.code(), Code::DataLoss);
  EXPECT_EQ(api.get("/api/v1/namespaces/default/configmaps/x").getInt("code"), 404);
}

TEST(Registry, GivesOldObjectsTheDefaultsOfAChangedDefinition) {
  EmbeddedApi api;
  api.call("POST", EmbeddedApi::kReleases, labRelease("a"));
  const char* definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/releases.lab.example.dev";
  const auto changed = api.call(
      "PATCH", definition,
      R"([{"op":"add","path":"/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/team","value":{"type":"string","default":"core"}}])",
      "application/json-patch+json");
  ASSERT_EQ(changed.first, 200) << changed.second.dump();
  EXPECT_EQ(textAt(api.get(url("a")), {"spec", "team"}), "core");
}

TEST(Registry, ServesAKindFromTheMomentItIsDefinedUntilItsDefinitionIsGone) {
  EmbeddedApi api;
  const std::string definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  EXPECT_EQ(api.call("POST", EmbeddedApi::kReleases, labRelease("a")).first, 201);
  EXPECT_EQ(api.call("DELETE", definitions + "/releases.lab.example.dev").first, 200);
  EXPECT_EQ(api.call("GET", EmbeddedApi::kReleases).first, 404);
  EXPECT_EQ(api.call("GET", definitions + "/releases.lab.example.dev").first, 404);
  const auto defined = api.call("POST", definitions, labDefinition().dump());
  EXPECT_EQ(defined.first, 201);
  EXPECT_EQ(textAt(defined.second, {"status", "acceptedNames", "kind"}), "Release");
  const Json list = api.get(EmbeddedApi::kReleases);
  EXPECT_EQ(list.find("items")->asArray().size(), 0U);
}

TEST(Registry, GivesAShortNameToOneResourceOnly) {
  EmbeddedApi api;
  const std::string definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  for (const char* group : {"zoo.dev", "alpha.dev"}) {
    Json definition = labDefinition();
    definition["metadata"]["name"] = cat("releases.", group);
    definition["spec"]["group"] = group;
    definition["spec"]["names"]["shortNames"] = Json::array({"rel", "cm"});
    ASSERT_EQ(api.call("POST", definitions, definition.dump()).first, 201);
  }
  EXPECT_EQ(api.registry->resource("alpha.dev", "v1", "releases")->shortNames, std::vector<std::string>{"rel"});
  EXPECT_TRUE(api.registry->resource("zoo.dev", "v1", "releases")->shortNames.empty());
}

TEST(Registry, TellsWhatIsWrongWithADefinition) {
  EmbeddedApi api;
  Json definition = labDefinition();
  definition["metadata"]["name"] = "other.lab.example.dev";
  const auto refused = api.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition.dump());
  EXPECT_EQ(refused.first, 422);
  EXPECT_NE(refused.second.getString("message").find("metadata.name"), std::string::npos);
}

}  // namespace
}  // namespace slipway::apiserver
