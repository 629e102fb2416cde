#include "reconciler/apiserver/delete_collector.h"

#include <gtest/gtest.h>

#include "tests/support/embedded_api.h"

namespace slipway::apiserver {
namespace {

const std::string kMaps = "/api/v1/namespaces/default/configmaps";

class Collector : public ::testing::Test {
 protected:
  void SetUp() override {
    owner_ = textAt(api_.call("POST", EmbeddedApi::kReleases, labRelease("owner")).second, {"metadata", "uid"});
  }
  std::string ownedBy(const std::string& uid, const std::string& name, bool blocks = false) const {
    return cat(R"({"apiVersion":"lab.example.dev/v1","kind":"Release","name":")", name, R"(","uid":")", uid,
               R"(","blockOwnerDeletion":)", blocks, "}");
  }
  int createMap(const std::string& name, const std::string& owners, const std::string& more = {}) {
    return api_
        .call("POST", kMaps, cat(R"({"metadata":{"name":")", name, R"(","ownerReferences":[)", owners, "]", more, "}}"))
        .first;
  }
  int deleteOwner(const std::string& policy) {
    return api_
        .call("DELETE", std::string(EmbeddedApi::kReleases) + "/owner", cat(R"({"propagationPolicy":")", policy, "\"}"))
        .first;
  }
  int ownerStatus() { return api_.call("GET", std::string(EmbeddedApi::kReleases) + "/owner").first; }

  EmbeddedApi api_;
  std::string owner_;
};

TEST_F(Collector, RemovesDependentsAfterTheirOwner) {
  EXPECT_EQ(createMap("d", ownedBy(owner_, "owner")), 201);
  deleteOwner("Background");
  EXPECT_EQ(api_.call("GET", kMaps + "/d").first, 404);
}

TEST_F(Collector, KeepsADependentThatHasAnotherOwnerAndForgetsTheGoneOne) {
  const std::string other =
      textAt(api_.call("POST", EmbeddedApi::kReleases, labRelease("other")).second, {"metadata", "uid"});
  createMap("d", ownedBy(owner_, "owner") + "," + ownedBy(other, "other"));
  deleteOwner("Background");
  const Json kept = api_.get(kMaps + "/d");
  ASSERT_NE(kept.at({"metadata", "ownerReferences"}), nullptr) << kept.dump();
  EXPECT_EQ(kept.at({"metadata", "ownerReferences"})->asArray().size(), 1U);
}

TEST_F(Collector, RemovesWhatIsCreatedForAnOwnerThatIsGone) {
  createMap("d", ownedBy("not-the-uid", "owner"));
  EXPECT_EQ(api_.call("GET", kMaps + "/d").first, 404);
}

TEST_F(Collector, KeepsWhatBelongsToAKindItDoesNotKnow) {
  createMap("d", R"({"apiVersion":"other.dev/v1","kind":"Thing","name":"t","uid":"u"})");
  EXPECT_EQ(api_.call("GET", kMaps + "/d").first, 200);
}

TEST_F(Collector, OrphansWhenAskedTo) {
  createMap("d", ownedBy(owner_, "owner"));
  deleteOwner("Orphan");
  EXPECT_EQ(ownerStatus(), 404);
  EXPECT_EQ(textAt(api_.get(kMaps + "/d"), {"metadata", "ownerReferences"}), "missing");
}

TEST_F(Collector, WaitsInForegroundForBlockingDependents) {
  createMap("d", ownedBy(owner_, "owner", true), R"(,"finalizers":["x.dev/f"])");
  deleteOwner("Foreground");
  EXPECT_EQ(ownerStatus(), 200);
  EXPECT_NE(textAt(api_.get(kMaps + "/d"), {"metadata", "deletionTimestamp"}), "missing");
  api_.mergePatch(kMaps + "/d", R"({"metadata":{"finalizers":null}})");
  EXPECT_EQ(ownerStatus(), 404);
}

TEST(NamespaceLifecycle, EmptiesANamespaceShowsItTerminatingThenRemovesIt) {
  EmbeddedApi api;
  api.call("POST", "/api/v1/namespaces", R"({"metadata":{"name":"n"}})");
  const std::string releases = "/apis/lab.example.dev/v1/namespaces/n/releases";
  api.call("POST", releases, labRelease("a"));
  api.call("POST", "/api/v1/namespaces/n/secrets", R"({"metadata":{"name":"s"}})");
  const auto deleted = api.call("DELETE", "/api/v1/namespaces/n");
  EXPECT_EQ(textAt(deleted.second, {"status", "phase"}), "Terminating");
  const auto refused = api.call("POST", releases, labRelease("b"));
  EXPECT_EQ(refused.first, 403);
  EXPECT_NE(refused.second.dump().find("NamespaceTerminating"), std::string::npos);
  const auto again = api.call("POST", "/api/v1/namespaces", R"({"metadata":{"name":"n"}})");
  EXPECT_EQ(again.second.getString("message"), "object is being deleted: namespaces \"n\" already exists");
  EXPECT_TRUE(api.get(releases).find("items")->asArray().empty());
  EXPECT_EQ(api.call("GET", "/api/v1/namespaces/n").first, 200);
  api.advance(DeleteCollector::kNamespaceDrain);
  api.drain();
  EXPECT_EQ(api.call("GET", "/api/v1/namespaces/n").first, 404);
  EXPECT_EQ(api.call("POST", releases, labRelease("b")).first, 404);
}

TEST(NamespaceLifecycle, WaitsForFinalizersOfContentsAndOfTheNamespace) {
  EmbeddedApi api;
  api.call("POST", "/api/v1/namespaces", R"({"metadata":{"name":"n","finalizers":["x.dev/ns"]}})");
  const std::string release = "/apis/lab.example.dev/v1/namespaces/n/releases";
  api.call("POST", release, labRelease("a", R"({"version":"1"})", R"(,"finalizers":["x.dev/f"])"));
  api.call("DELETE", "/api/v1/namespaces/n");
  api.advance(std::chrono::seconds(10));
  EXPECT_EQ(api.call("GET", release + "/a").first, 200);
  api.mergePatch(release + "/a", R"({"metadata":{"finalizers":null}})");
  api.advance(std::chrono::seconds(10));
  EXPECT_EQ(api.call("GET", "/api/v1/namespaces/n").first, 200);
  EXPECT_EQ(api.mergePatch("/api/v1/namespaces/n", R"({"metadata":{"finalizers":null}})").first, 200);
  EXPECT_EQ(api.call("GET", "/api/v1/namespaces/n").first, 404);
}

TEST(NamespaceLifecycle, GoesOnAfterARestart) {
  const auto store = std::make_shared<MemStore>(MemStore::Mode::Manual);
  {
    EmbeddedApi api(store);
    api.call("POST", "/api/v1/namespaces", R"({"metadata":{"name":"n"}})");
    api.call("POST", "/api/v1/namespaces/n/secrets", R"({"metadata":{"name":"s"}})");
    api.call("DELETE", "/api/v1/namespaces/n");
  }
  EmbeddedApi again(store);
  again.drain();
  again.advance(std::chrono::seconds(2));
  EXPECT_EQ(again.call("GET", "/api/v1/namespaces/n").first, 404);
}

}  // namespace
}  // namespace slipway::apiserver
