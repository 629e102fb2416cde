#include "reconciler/apiserver/in_process_api.h"

#include <gtest/gtest.h>

#include "tests/support/embedded_api.h"

namespace slipway::apiserver {
namespace {

constexpr Kind kLab{"lab.example.dev", "v1", "Release", "releases"};

Json release(const std::string& name) {
  return parsedJson(labRelease(name, R"({"version":"1"})", R"(,"namespace":"default")"));
}

TEST(InProcessApi, ReadsItsOwnWrites) {
  EmbeddedApi api;
  auto created = api.inProcess->create(kLab, release("a"));
  ASSERT_TRUE(created) << created.status().toString();
  auto read = api.inProcess->get(kLab, {"default", "a"});
  ASSERT_TRUE(read);
  EXPECT_EQ(**read, **created);
  EXPECT_EQ(api.inProcess->list(kLab, "")->items.size(), 1U);
  EXPECT_EQ(api.inProcess->list(kLab, "other")->items.size(), 0U);
}

TEST(InProcessApi, GivesTheCodesOfThePorts) {
  EmbeddedApi api;
  EXPECT_EQ(api.inProcess->get(kLab, {"default", "x"}).code(), Code::NotFound);
  ASSERT_TRUE(api.inProcess->create(kLab, release("a")));
  EXPECT_EQ(api.inProcess->create(kLab, release("a")).code(), Code::AlreadyExists);
  Json bad = release("b");
  bad["spec"]["channel"] = "nightly";
  EXPECT_EQ(api.inProcess->create(kLab, bad).code(), Code::Invalid);
  Json unknown = release("c");
  unknown["spec"]["bogus"] = 1;
  EXPECT_EQ(api.inProcess->create(kLab, unknown).code(), Code::Invalid);
  Json stale = **api.inProcess->get(kLab, {"default", "a"});
  ASSERT_TRUE(api.inProcess->mergePatch(kLab, {"default", "a"}, parsedJson(R"({"spec":{"replicas":1}})")));
  stale["spec"]["replicas"] = 2;
  EXPECT_EQ(api.inProcess->update(kLab, stale).code(), Code::Conflict);
  EXPECT_EQ(api.inProcess->remove(kLab, {"default", "a"}, "another-uid").code(), Code::Conflict);
  EXPECT_TRUE(api.inProcess->remove(kLab, {"default", "a"}, ""));
}

TEST(InProcessApi, ReplacesStatusAloneAndOnlyOnTheVersionSeen) {
  EmbeddedApi api;
  const auto created = *api.inProcess->create(kLab, release("a"));
  const std::string version = textAt(*created, {"metadata", "resourceVersion"});
  const Json status = parsedJson(R"({"phase":"Ready"})");
  auto written = api.inProcess->replaceStatus(kLab, {"default", "a"}, version, status);
  ASSERT_TRUE(written) << written.status().toString();
  EXPECT_EQ(*(*written)->find("status"), status);
  EXPECT_EQ(api.inProcess->replaceStatus(kLab, {"default", "a"}, version, status).code(), Code::Conflict);
  const std::string now = textAt(**written, {"metadata", "resourceVersion"});
  auto same = api.inProcess->replaceStatus(kLab, {"default", "a"}, now, status);
  ASSERT_TRUE(same);
  EXPECT_EQ(textAt(**same, {"metadata", "resourceVersion"}), now);
}

TEST(InProcessApi, WatchesWithoutAGapAfterAList) {
  EmbeddedApi api;
  ASSERT_TRUE(api.inProcess->create(kLab, release("a")));
  const std::string version = api.inProcess->list(kLab, "")->resourceVersion;
  int wakes = 0;
  auto watch = api.inProcess->watch(kLab, version, [&] { ++wakes; });
  ASSERT_TRUE(watch);
  EXPECT_FALSE((*watch)->tryNext());
  ASSERT_TRUE(api.inProcess->create(kLab, release("b")));
  ASSERT_TRUE(api.inProcess->remove(kLab, {"default", "b"}, ""));
  EXPECT_EQ(wakes, 2);
  EXPECT_EQ((*watch)->tryNext()->type, WatchEvent::Type::Added);
  const auto deleted = (*watch)->tryNext();
  EXPECT_EQ(deleted->type, WatchEvent::Type::Deleted);
  EXPECT_EQ(textAt(*deleted->object, {"metadata", "name"}), "b");
  EXPECT_FALSE((*watch)->tryNext());
  watch->reset();
  ASSERT_TRUE(api.inProcess->create(kLab, release("c")));
  EXPECT_EQ(wakes, 2);
  EXPECT_EQ(api.inProcess->watch(kLab, "99999", [] {}).code(), Code::Expired);
}

TEST(InProcessApi, TellsAReaderThatFellBehindToListAgain) {
  EmbeddedApi api;
  const std::string version = api.inProcess->list(kLab, "")->resourceVersion;
  auto watch = api.inProcess->watch(kLab, version, [] {});
  ASSERT_TRUE(api.inProcess->create(kLab, release("a")));
  for (std::size_t i = 0; i <= WatchCache::kMaxChanges; ++i) {
    ASSERT_TRUE(api.inProcess->mergePatch(
        kLab, {"default", "a"},
        Json::object({{"metadata", Json::object({{"labels", Json::object({{"n", cat(i)}})}})}})));
  }
  EXPECT_EQ((*watch)->tryNext()->type, WatchEvent::Type::Expired);
}

}  // namespace
}  // namespace slipway::apiserver
