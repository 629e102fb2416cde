#include "reconciler/apiserver/object_writer.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/embedded_api.h"

namespace slipway::apiserver {
namespace {

std::string url(const std::string& name) { return std::string(EmbeddedApi::kReleases) + "/" + name; }

TEST(ObjectWriter, LetsEveryOfManyConcurrentPatchesThrough) {
  EmbeddedApi api;
  api.call("POST", EmbeddedApi::kReleases, labRelease("a"));
  const Target target{api.registry->resource("lab.example.dev", "v1", "releases"), {"default", "a"}};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        for (int j = 0; j < 10; ++j) {
          const Json patch =
              Json::object({{"metadata", Json::object({{"labels", Json::object({{cat("l", i, "-", j), "x"}})}})}});
          EXPECT_TRUE(api.writer->patch(target, {BodyFormat::MergePatch, patch, false}, {}));
        }
      });
    }
  }
  EXPECT_EQ(api.get(url("a")).at({"metadata", "labels"})->asObject().size(), 40U);
}

TEST(ObjectWriter, WritesNothingWhenNothingChanges) {
  EmbeddedApi api;
  const auto created = api.call("POST", EmbeddedApi::kReleases, labRelease("a"));
  const auto patched = api.mergePatch(url("a"), R"({"spec":{"channel":"stable"}})");
  EXPECT_EQ(textAt(patched.second, {"metadata", "resourceVersion"}),
            textAt(created.second, {"metadata", "resourceVersion"}));
}

TEST(ObjectWriter, StoresNothingInADryRun) {
  EmbeddedApi api;
  const auto dry = api.call("POST", std::string(EmbeddedApi::kReleases) + "?dryRun=All", labRelease("a"));
  EXPECT_EQ(dry.first, 201);
  EXPECT_EQ(textAt(dry.second, {"metadata", "resourceVersion"}), "missing");
  EXPECT_EQ(textAt(dry.second, {"metadata", "uid"}).size(), 36U);
  EXPECT_EQ(api.call("GET", url("a")).first, 404);
}

TEST(ObjectWriter, KeepsAnObjectUntilItsLastFinalizerIsGone) {
  EmbeddedApi api;
  api.call("POST", EmbeddedApi::kReleases, labRelease("a", R"({"version":"1"})", R"(,"finalizers":["x.dev/f"])"));
  const auto watch = api.watch(std::string(EmbeddedApi::kReleases) + "?watch=1");
  const auto deleted = api.call("DELETE", url("a"));
  EXPECT_EQ(textAt(deleted.second, {"kind"}), "Release");
  EXPECT_EQ(textAt(deleted.second, {"metadata", "generation"}), "2");
  const auto more = api.mergePatch(url("a"), R"({"metadata":{"finalizers":["x.dev/f","x.dev/g"]}})");
  EXPECT_EQ(more.first, 422);
  EXPECT_EQ(api.mergePatch(url("a"), R"({"metadata":{"finalizers":null}})").first, 200);
  EXPECT_EQ(api.call("GET", url("a")).first, 404);
  const auto events = watch->events();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(textAt(events[2], {"type"}), "DELETED");
  EXPECT_EQ(textAt(events[2], {"object", "metadata", "finalizers"}), R"(["x.dev/f"])");
  EXPECT_NE(textAt(events[2], {"object", "metadata", "resourceVersion"}),
            textAt(events[1], {"object", "metadata", "resourceVersion"}));
}

TEST(ObjectWriter, SaysWhichFieldsItDoesNotKnowAsTheClientAsked) {
  EmbeddedApi api;
  const std::string body = labRelease("a", R"({"version":"1","bogus":1})");
  const auto strict = api.call("POST", std::string(EmbeddedApi::kReleases) + "?fieldValidation=Strict", body);
  EXPECT_EQ(strict.first, 400);
  EXPECT_NE(strict.second.getString("message").find(R"(unknown field "spec.bogus")"), std::string::npos);
  const auto warned = api.send(EmbeddedApi::request("POST", EmbeddedApi::kReleases, body));
  EXPECT_EQ(warned->response.status, 201);
  bool found = false;
  for (const auto& [name, value] : warned->response.headers) {
    found = found || (name == "Warning" && value == R"(299 - "unknown field \"spec.bogus\"")");
  }
  EXPECT_TRUE(found);
}

TEST(ObjectWriter, LeavesStatusToTheStatusSubresource) {
  EmbeddedApi api;
  api.call("POST", EmbeddedApi::kReleases, labRelease("a"));
  api.mergePatch(url("a"), R"({"status":{"phase":"No"},"spec":{"replicas":1}})");
  const auto status = api.mergePatch(url("a") + "/status", R"({"status":{"phase":"Yes"},"spec":{"replicas":9}})");
  EXPECT_EQ(textAt(status.second, {"status", "phase"}), "Yes");
  EXPECT_EQ(textAt(status.second, {"spec", "replicas"}), "1");
  EXPECT_EQ(textAt(status.second, {"metadata", "generation"}), "2");
}

TEST(ObjectWriter, KnowsWhatBuiltInKindsAskFor) {
  EmbeddedApi api;
  const std::string secrets = "/api/v1/namespaces/default/secrets";
  const auto secret = api.call("POST", secrets, R"({"metadata":{"name":"s"},"stringData":{"p":"q"},"immutable":true})");
  EXPECT_EQ(textAt(secret.second, {"data", "p"}), "cQ==");
  EXPECT_EQ(textAt(secret.second, {"type"}), "Opaque");
  EXPECT_EQ(api.mergePatch(secrets + "/s", R"({"data":{"p":"eA=="}})").first, 422);
  EXPECT_EQ(api.mergePatch(secrets + "/s", R"({"type":"x"})").first, 422);
  EXPECT_EQ(api.call("POST", secrets, R"({"metadata":{"name":"t"},"data":{"p":"***"}})").first, 400);
  EXPECT_EQ(api.call("POST", "/api/v1/namespaces", R"({"metadata":{"name":"a.b"}})").first, 422);
  EXPECT_EQ(api.call("POST", "/api/v1/namespaces/default/events",
                     R"({"metadata":{"name":"e"},"involvedObject":{"namespace":"other"}})")
                .first,
            422);
  EXPECT_EQ(api.call("PUT", "/apis/coordination.k8s.io/v1/namespaces/default/leases/l",
                     R"({"metadata":{"name":"l"},"spec":{"holderIdentity":"x"}})")
                .first,
            201);
}

TEST(ObjectWriter, AppliesAndNamesTheOwnerOfAConflict) {
  EmbeddedApi api;
  const auto apply = [&](const std::string& manager, const std::string& version) {
    return api.call("PATCH", url("a") + "?fieldManager=" + manager,
                    labRelease("a", cat(R"({"version":")", version, "\"}")), "application/apply-patch+yaml");
  };
  EXPECT_EQ(apply("one", "1").first, 201);
  EXPECT_EQ(apply("one", "2").first, 200);
  const auto conflict = apply("two", "3");
  EXPECT_EQ(conflict.first, 409);
  EXPECT_NE(conflict.second.getString("message").find("conflict with \"one\": .spec.version"), std::string::npos);
}

TEST(ObjectWriter, MergesOwnersGivenTwiceAndRefusesTwoControllers) {
  EmbeddedApi api;
  const std::string owner = R"({"apiVersion":"v9","kind":"K","name":"o","uid":"u","controller":true})";
  const auto twice =
      api.call("POST", EmbeddedApi::kReleases,
               labRelease("a", R"({"version":"1"})", cat(R"(,"ownerReferences":[)", owner, ",", owner, "]")));
  EXPECT_EQ(twice.first, 201);
  EXPECT_EQ(twice.second.at({"metadata", "ownerReferences"})->asArray().size(), 1U);
  const std::string other = R"({"apiVersion":"v9","kind":"K","name":"p","uid":"v","controller":true})";
  EXPECT_EQ(api.call("POST", EmbeddedApi::kReleases,
                     labRelease("b", R"({"version":"1"})", cat(R"(,"ownerReferences":[)", owner, ",", other, "]")))
                .first,
            422);
}

TEST(ObjectWriter, DeletesOnlyUnderThePreconditionsOfTheBody) {
  EmbeddedApi api;
  const auto created = api.call("POST", EmbeddedApi::kReleases, labRelease("a"));
  EXPECT_EQ(api.call("DELETE", url("a"), R"({"preconditions":{"uid":"nope"}})").first, 409);
  EXPECT_EQ(api.call("DELETE", url("a"), R"({"preconditions":{"resourceVersion":"1"}})").first, 409);
  EXPECT_EQ(api.call("DELETE", url("a"), R"({"propagationPolicy":"Sometimes"})").first, 422);
  EXPECT_EQ(api.call("DELETE", url("a") + "?dryRun=All").first, 200);
  EXPECT_EQ(api.call("GET", url("a")).first, 200);
  const std::string uid = textAt(created.second, {"metadata", "uid"});
  const auto deleted = api.call("DELETE", url("a") + "?dryRun=All", cat(R"({"preconditions":{"uid":")", uid, "\"}}"));
  EXPECT_EQ(textAt(deleted.second, {"details", "uid"}), uid);
  EXPECT_EQ(api.call("GET", url("a")).first, 404);
}

}  // namespace
}  // namespace slipway::apiserver
