#include "reconciler/apiserver/rest_watch.h"

#include <gtest/gtest.h>

#include "tests/support/embedded_api.h"

namespace slipway::apiserver {
namespace {

using std::chrono::seconds;

std::string releases(const std::string& query) { return std::string(EmbeddedApi::kReleases) + query; }

std::vector<std::string> typesAndNames(const std::vector<Json>& events) {
  std::vector<std::string> out;
  for (const Json& event : events) {
    out.push_back(cat(textAt(event, {"type"}), " ", textAt(event, {"object", "metadata", "name"})));
  }
  return out;
}

TEST(RestWatch, SendsTheStateThenEveryChangeOnceAndInOrder) {
  EmbeddedApi api;
  api.call("POST", releases(""), labRelease("a"));
  const auto watch = api.watch(releases("?watch=True"));
  api.mergePatch(releases("/a"), R"({"spec":{"replicas":1}})");
  api.call("POST", releases(""), labRelease("b"));
  api.call("DELETE", releases("/a"));
  EXPECT_EQ(typesAndNames(watch->events()),
            (std::vector<std::string>{"ADDED a", "MODIFIED a", "ADDED b", "DELETED a"}));
}

TEST(RestWatch, TurnsLeavingASelectionIntoADeletionOfWhatWasSeen) {
  EmbeddedApi api;
  api.call("POST", releases(""), labRelease("a", R"({"version":"1"})", R"(,"labels":{"sel":"yes"})"));
  const auto watch = api.watch(releases("?watch=1&labelSelector=sel"));
  api.mergePatch(releases("/a"), R"({"metadata":{"labels":{"sel":null}}})");
  const auto back = api.mergePatch(releases("/a"), R"({"metadata":{"labels":{"sel":"yes"}}})");
  const auto events = watch->events();
  EXPECT_EQ(typesAndNames(events), (std::vector<std::string>{"ADDED a", "DELETED a", "ADDED a"}));
  EXPECT_EQ(textAt(events[1], {"object", "metadata", "labels", "sel"}), "yes");
  EXPECT_LT(textAt(events[1], {"object", "metadata", "resourceVersion"}),
            textAt(back.second, {"metadata", "resourceVersion"}));
}

TEST(RestWatch, EndsTheInitialEventsWithABookmarkEvenWhenThereAreNone) {
  EmbeddedApi api;
  const auto watch =
      api.watch(releases("?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"));
  const auto events = watch->events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(textAt(events[0], {"type"}), "BOOKMARK");
  EXPECT_EQ(textAt(events[0], {"object", "metadata", "annotations", "k8s.io/initial-events-end"}), "true");
  EXPECT_EQ(api.call("GET", releases("?watch=1&sendInitialEvents=true")).first, 422);
}

TEST(RestWatch, SendsABookmarkForWhatItSawEvenIfItDidNotMatch) {
  EmbeddedApi api;
  const auto watch = api.watch(releases("?watch=1&allowWatchBookmarks=1&fieldSelector=metadata.name=x"));
  api.advance(seconds(61));
  EXPECT_TRUE(watch->events().empty());
  const auto other = api.call("POST", releases(""), labRelease("other"));
  api.advance(seconds(61));
  const auto events = watch->events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(textAt(events[0], {"type"}), "BOOKMARK");
  EXPECT_EQ(textAt(events[0], {"object", "metadata", "resourceVersion"}),
            textAt(other.second, {"metadata", "resourceVersion"}));
  EXPECT_EQ(textAt(events[0], {"object", "kind"}), "Release");
}

TEST(RestWatch, EndsProperlyAtItsTimeout) {
  EmbeddedApi api;
  const auto watch = api.watch(releases("?watch=1&timeoutSeconds=5"));
  api.advance(seconds(4));
  EXPECT_FALSE(watch->streaming->ended);
  api.advance(seconds(1));
  EXPECT_TRUE(watch->streaming->ended);
  EXPECT_EQ(api.clock.pendingTimers(), 0U);
}

TEST(RestWatch, WaitsForASlowClientInsteadOfSendingMore) {
  EmbeddedApi api;
  const auto watch = api.watch(releases("?watch=1"));
  watch->streaming->unread = 8U << 20U;
  api.call("POST", releases(""), labRelease("a"));
  api.advance(seconds(1));
  EXPECT_TRUE(watch->events().empty());
  watch->streaming->unread = 0;
  api.advance(seconds(1));
  EXPECT_EQ(typesAndNames(watch->events()), std::vector<std::string>{"ADDED a"});
}

TEST(RestWatch, ForgetsAClientThatIsGone) {
  EmbeddedApi api;
  const auto gone = api.watch(releases("?watch=1"));
  gone->streaming->closed();
  api.drain();
  const auto slow = api.watch(releases("?watch=1"));
  slow->streaming->full = true;
  api.call("POST", releases(""), labRelease("a"));
  EXPECT_TRUE(gone->events().empty());
  EXPECT_EQ(api.clock.pendingTimers(), 0U);
}

TEST(RestWatch, DoesNotExpireAWatchOfOneObjectForTheChangesOfOthers) {
  EmbeddedApi api;
  api.call("POST", releases(""), labRelease("x"));
  const auto watch = api.watch(releases("?watch=1&fieldSelector=metadata.name=x"));
  api.call("POST", releases(""), labRelease("other"));
  for (std::size_t i = 0; i <= WatchCache::kMaxChanges; ++i) {
    api.mergePatch(releases("/other"), cat(R"({"metadata":{"labels":{"n":")", i, "\"}}}"));
  }
  api.mergePatch(releases("/x"), R"({"spec":{"replicas":1}})");
  EXPECT_EQ(typesAndNames(watch->events()), (std::vector<std::string>{"ADDED x", "MODIFIED x"}));
}

TEST(RestWatch, ShowsTablesAndMetadataWhenAskedTo) {
  EmbeddedApi api;
  api.call("POST", releases(""), labRelease("a"));
  HttpRequest request = EmbeddedApi::request("GET", releases("?watch=1"));
  request.headers.emplace_back("accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
  const auto events = api.send(request)->events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(textAt(events[0], {"object", "kind"}), "Table");
}

TEST(RestWatch, EndsItsStreamsWhenTheServerStops) {
  EmbeddedApi api;
  const auto watch = api.watch(releases("?watch=1"));
  api.pump->stop();
  EXPECT_TRUE(watch->streaming->ended);
  EXPECT_TRUE(api.watch(releases("?watch=1"))->streaming->ended);
}

class OneLog final : public RunLog {
 public:
  void append(const std::string&, const std::string&, std::string_view more) override { text += more; }
  Result<RunLogChunk> read(const std::string&, const std::string& target, std::uint64_t offset,
                           std::size_t) const override {
    if (target != "web1") {
      return Status(Code::NotFound, "no output of " + target);
    }
    return RunLogChunk{text.substr(std::min<std::size_t>(offset, text.size())), text.size(), false};
  }
  std::vector<std::string> targets(const std::string&) const override { return {"web1"}; }
  void remove(const std::string&) override {}
  std::string text;
};

Json runDefinition() {
  return parsedJson(R"({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition",
    "metadata":{"name":"releaseruns.slipway.dev"},
    "spec":{"group":"slipway.dev","scope":"Namespaced",
      "names":{"plural":"releaseruns","singular":"releaserun","kind":"ReleaseRun","listKind":"ReleaseRunList"},
      "versions":[{"name":"v1alpha1","served":true,"storage":true,"subresources":{"status":{}},
        "schema":{"openAPIV3Schema":{"type":"object","properties":{
          "status":{"type":"object","properties":{"finishedAt":{"type":"string"}}}}}}}]}})");
}

TEST(RunLogSubresource, FollowsUntilTheRunIsFinished) {
  OneLog log;
  EmbeddedApi api(std::make_shared<MemStore>(MemStore::Mode::Manual), &log);
  api.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", runDefinition().dump());
  const std::string runs = "/apis/slipway.dev/v1alpha1/namespaces/default/releaseruns";
  ASSERT_EQ(
      api.call("POST", runs, R"({"apiVersion":"slipway.dev/v1alpha1","kind":"ReleaseRun","metadata":{"name":"r"}})")
          .first,
      201);
  log.append("", "web1", "one\n");
  const auto whole = api.send(EmbeddedApi::request("GET", runs + "/r/log?offset=2"));
  EXPECT_EQ(whole->response.body, "e\n");
  EXPECT_EQ(whole->response.contentType, "text/plain; charset=utf-8");
  EXPECT_EQ(api.call("GET", runs + "/r/log?server=web9").first, 404);
  const auto follow = api.send(EmbeddedApi::request("GET", runs + "/r/log?server=web1&follow=true"));
  log.append("", "web1", "two\n");
  api.advance(seconds(1));
  EXPECT_EQ(follow->streaming->text, "one\ntwo\n");
  api.mergePatch(runs + "/r/status", R"({"status":{"finishedAt":"2026-01-01T00:00:00Z"}})");
  api.advance(seconds(1));
  EXPECT_TRUE(follow->streaming->ended);
}

}  // namespace
}  // namespace slipway::apiserver
