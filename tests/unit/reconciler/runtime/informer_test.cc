#include "reconciler/runtime/informer.h"

#include <gtest/gtest.h>

#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"
#include "reconciler/runtime/cached_reader.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_objects.h"
#include "tests/support/object_builders.h"

namespace slipway::runtime {
namespace {

using namespace std::chrono_literals;

class InformerTest : public testing::Test {
 protected:
  InformerTest() {
    informer_.onChange([this](const ObjectPtr& before, const ObjectPtr& after) {
      changes_.push_back(cat(keyOf(after ? *after : *before).name, ":", before ? uid(before) : "none", "->",
                             after ? uid(after) : "none"));
    });
  }
  static std::string uid(const ObjectPtr& object) { return object->at({"metadata", "uid"})->asString(); }
  void settle() {
    while (informer_.step()) {
    }
  }
  ObjectPtr create(const std::string& name) { return *api_.create(kRelease, simpleObject(kRelease, {"ns", name})); }
  Status remove(const std::string& name) { return api_.remove(kRelease, {"ns", name}, ""); }
  std::vector<std::string> names() {
    std::vector<std::string> out;
    for (const auto& object : informer_.list("").items) out.push_back(keyOf(*object).name);
    return out;
  }
  std::vector<std::string> changes() { return std::exchange(changes_, {}); }

  using Texts = std::vector<std::string>;
  FakeObjects api_;
  FakeClock clock_;
  NullLogger log_;
  NullMetrics metrics_;
  Informer informer_{kRelease, {api_, api_, clock_, log_, metrics_}};
  Texts changes_;
};

TEST_F(InformerTest, ListsThenFollows) {
  create("a");
  EXPECT_FALSE(informer_.hasSynced());
  settle();
  EXPECT_TRUE(informer_.hasSynced());
  EXPECT_EQ(changes(), (Texts{"a:none->uid-1"}));
  create("b");
  ASSERT_TRUE(api_.mergePatch(kRelease, {"ns", "a"}, Json::object({{"spec", Json::object({{"value", 7}})}})));
  ASSERT_TRUE(remove("b"));
  settle();
  EXPECT_EQ(changes(), (Texts{"b:none->uid-2", "a:uid-1->uid-1", "b:uid-2->none"}));
  EXPECT_EQ(informer_.find({"ns", "a"})->find("spec")->getInt("value"), 7);
  EXPECT_EQ(informer_.find({"ns", "b"}), nullptr);
}

TEST_F(InformerTest, SyncsOnAnEmptyList) {
  settle();
  EXPECT_TRUE(informer_.hasSynced());
  EXPECT_EQ(names(), Texts{});
}

TEST_F(InformerTest, TheCacheHasTheChangeWhenHandlersHearOfIt) {
  ObjectPtr seen;
  informer_.onChange([&](const ObjectPtr&, const ObjectPtr& after) { seen = informer_.find(keyOf(*after)); });
  create("a");
  settle();
  ASSERT_NE(seen, nullptr);
  EXPECT_EQ(uid(seen), "uid-1");
}

TEST_F(InformerTest, ListsAgainAfterExpiredAndTellsWhatItMissed) {
  create("kept");
  create("gone");
  create("reborn");
  settle();
  changes();
  api_.expireWatches();
  ASSERT_TRUE(remove("gone"));
  ASSERT_TRUE(remove("reborn"));
  create("reborn");
  create("fresh");
  settle();
  EXPECT_EQ(changes(), (Texts{"fresh:none->uid-7", "reborn:uid-3->none", "reborn:none->uid-6", "gone:uid-2->none"}));
  EXPECT_EQ(names(), (Texts{"fresh", "kept", "reborn"}));
  create("later");
  settle();
  EXPECT_EQ(changes(), (Texts{"later:none->uid-8"}));
}

TEST_F(InformerTest, IgnoresWhatIsNotNewer) {
  for (int i = 0; i < 9; ++i) create(cat("x", i));
  settle();
  changes();
  const auto x8 = informer_.find({"ns", "x8"});  // version 9
  ASSERT_TRUE(api_.mergePatch(kRelease, {"ns", "x8"}, Json::object({{"spec", Json::object({{"value", 1}})}})));
  settle();
  EXPECT_EQ(changes(), (Texts{"x8:uid-9->uid-9"}));  // version 10 is newer than 9
  api_.inject(kRelease, {WatchEvent::Type::Modified, "9", x8});
  api_.inject(kRelease, {WatchEvent::Type::Deleted, "9", x8});
  settle();
  EXPECT_EQ(changes(), Texts{});
  EXPECT_EQ(informer_.find({"ns", "x8"})->find("spec")->getInt("value"), 1);
}

TEST_F(InformerTest, AnotherUidUnderTheSameNameIsADeletionAndAnAddition) {
  create("a");
  settle();
  changes();
  api_.inject(kRelease, {WatchEvent::Type::Modified, "5", storedObject(kRelease, {"ns", "a"}, "other", "5")});
  settle();
  EXPECT_EQ(changes(), (Texts{"a:uid-1->none", "a:none->other"}));
}

TEST_F(InformerTest, ALateDeletionOfAnEarlierObjectDoesNotHarmItsSuccessor) {
  create("a");
  settle();
  const auto first = informer_.find({"ns", "a"});
  ASSERT_TRUE(remove("a"));
  create("a");
  settle();
  changes();
  api_.inject(kRelease, {WatchEvent::Type::Deleted, "2", first});
  settle();
  EXPECT_EQ(changes(), Texts{});
  EXPECT_EQ(uid(informer_.find({"ns", "a"})), "uid-3");
}

TEST_F(InformerTest, RetriesAFailedListWithGrowingPauses) {
  api_.failLists({Code::Unavailable, "down"});
  settle();
  EXPECT_FALSE(informer_.hasSynced());
  EXPECT_FALSE(informer_.step());
  EXPECT_EQ(clock_.pendingTimers(), 1U) << "no second attempt before the pause is over";
  for (int i = 0; i < 20; ++i) {
    clock_.advance(30s);
    settle();
  }
  api_.failLists({});
  create("a");
  clock_.advance(30s);
  settle();
  EXPECT_TRUE(informer_.hasSynced());
  EXPECT_EQ(changes(), (Texts{"a:none->uid-1"}));
}

TEST_F(InformerTest, DoesNotAskInALoopWhenEveryWatchIsExpired) {
  api_.failWatches({Code::Expired, "too old"});
  settle();
  EXPECT_TRUE(informer_.hasSynced());
  EXPECT_EQ(clock_.pendingTimers(), 1U);
  api_.failWatches({});
  create("a");
  clock_.advance(1min);
  settle();
  EXPECT_EQ(names(), (Texts{"a"}));
}

TEST_F(InformerTest, RefusesAListOlderThanWhatItSaw) {
  create("a");
  ASSERT_TRUE(remove("a"));
  settle();
  changes();
  api_.pretendListVersion("1");
  api_.expireWatches();
  settle();
  EXPECT_EQ(clock_.pendingTimers(), 1U);
  api_.pretendListVersion("");
  clock_.advance(1min);
  settle();
  EXPECT_EQ(api_.openWatches(), 1U);
}

TEST_F(InformerTest, TakesEverythingAnewFromAServerThatLostState) {
  for (int i = 0; i < 5; ++i) create("a" + std::to_string(i));
  settle();
  changes();
  api_.pretendListVersion("3");
  api_.expireWatches();
  for (int i = 0; i < 10; ++i) {
    settle();
    clock_.advance(1min);
  }
  const auto seen = changes();
  ASSERT_EQ(seen.size(), 10U);
  EXPECT_EQ(seen.front(), "a0:uid-1->none");
  EXPECT_EQ(seen.back(), "a4:none->uid-5");
}

TEST_F(InformerTest, AThreadFollowsAndStops) {
  create("a");
  informer_.start();
  std::stop_source stop;
  EXPECT_TRUE(informer_.waitSynced(stop.get_token()));
  informer_.stop();
  EXPECT_EQ(names(), (Texts{"a"}));
  EXPECT_EQ(api_.openWatches(), 0U);
}

TEST_F(InformerTest, WaitingForAListEndsWhenStopped) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(informer_.waitSynced(stop.get_token()));
}

TEST_F(InformerTest, ListsOneNamespace) {
  create("a");
  ASSERT_TRUE(api_.create(kRelease, simpleObject(kRelease, {"nr", "b"})));
  ASSERT_TRUE(api_.create(kRelease, simpleObject(kRelease, {"nt", "c"})));
  settle();
  const auto list = informer_.list("ns");
  ASSERT_EQ(list.items.size(), 1U);
  EXPECT_EQ(keyOf(*list.items[0]).name, "a");
  EXPECT_EQ(list.resourceVersion, "3");
  EXPECT_EQ(informer_.list("").items.size(), 3U);
}

TEST_F(InformerTest, ACachedReaderKnowsTheDifferenceBetweenNothingAndNotYet) {
  const CachedReader reader({&informer_}, api_);
  EXPECT_EQ(reader.get(kRelease, {"ns", "a"}).code(), Code::Unavailable);
  EXPECT_EQ(reader.list(kRelease, "").code(), Code::Unavailable);
  create("a");
  settle();
  EXPECT_TRUE(reader.get(kRelease, {"ns", "a"}));
  EXPECT_EQ(reader.get(kRelease, {"ns", "b"}).code(), Code::NotFound);
  ASSERT_TRUE(api_.create(kSecret, simpleObject(kSecret, {"ns", "s"})));
  EXPECT_TRUE(reader.get(kSecret, {"ns", "s"})) << "kinds that nobody follows come from the other reader";
}

TEST(EnqueueSelf, LeavesOutChangesOfStatusAlone) {
  std::vector<ObjectKey> keys;
  const auto handler = enqueueSelf([&](const ObjectKey& key) { keys.push_back(key); }, true);
  const auto object = [](const char* version, int generation, const char* label, const char* status) {
    Json json = *storedObject(kRelease, {"ns", "a"}, "u", version);
    json["metadata"]["generation"] = generation;
    json["metadata"]["labels"]["l"] = label;
    json["status"]["phase"] = status;
    return std::make_shared<const Json>(json);
  };
  const auto base = object("1", 1, "x", "Ready");
  handler(nullptr, base);
  EXPECT_EQ(keys.size(), 1U);
  handler(base, object("2", 1, "x", "Progressing"));
  EXPECT_EQ(keys.size(), 1U);
  handler(base, object("2", 2, "x", "Ready"));
  handler(base, object("2", 1, "y", "Ready"));
  handler(base, nullptr);
  EXPECT_EQ(keys.size(), 4U);
}

TEST(ResourceVersions, AreComparedAsNumbersOfAnyLength) {
  EXPECT_TRUE(newerVersion("10", "9"));
  EXPECT_TRUE(newerVersion("1", ""));
  EXPECT_TRUE(newerVersion("100000000000000000000000", "99999999999999999999999"));
  EXPECT_FALSE(newerVersion("9", "9"));
  EXPECT_FALSE(newerVersion("9", "10"));
}

}  // namespace
}  // namespace slipway::runtime
