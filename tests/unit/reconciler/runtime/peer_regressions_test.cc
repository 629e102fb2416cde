#include <gtest/gtest.h>

#include "reconciler/base/strings.h"
#include "reconciler/runtime/informer.h"
#include "reconciler/runtime/work_queue.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_objects.h"
#include "tests/support/object_builders.h"
#include "tests/support/seeded_random.h"

// Errors of caches and queues that users of other controllers have reported, by project and number.
namespace slipway::runtime {
namespace {

using std::chrono::seconds;

class PeerRegressions : public testing::Test {
 protected:
  void settle() {
    while (informer_.step()) {
    }
  }
  std::int64_t value() { return informer_.find(key_)->find("spec")->getInt("value"); }
  ObjectPtr change(int value) {
    return *api_.mergePatch(kRelease, key_, Json::object({{"spec", Json::object({{"value", value}})}}));
  }

  const ObjectKey key_{"ns", "a"};
  FakeObjects api_;
  FakeClock clock_;
  NullLogger log_;
  NullMetrics metrics_;
  SeededRandom random_;
  Informer informer_{kRelease, {api_, api_, clock_, log_, metrics_}};
};

// argo-rollouts 4073: the controller wrote the answer to its own update into the cache, over a newer version that the
// watch had brought already; every later update was a conflict.
TEST_F(PeerRegressions, ArgoRollouts4073TheCacheNeverGoesBackToAnOlderVersion) {
  ASSERT_TRUE(api_.create(kRelease, simpleObject(kRelease, key_, 1)));
  const ObjectPtr answer = change(2);
  change(3);
  settle();
  ASSERT_EQ(value(), 3);
  api_.inject(kRelease, {WatchEvent::Type::Modified, "2", answer});
  settle();
  EXPECT_EQ(value(), 3);
  Json next = *informer_.find(key_);
  next["spec"]["value"] = 4;
  EXPECT_TRUE(api_.update(kRelease, next)) << "decided on what the cache shows";
}

// argo-rollouts 3316: one missed event left a count wrong for good, since nothing was ever read again.
TEST_F(PeerRegressions, ArgoRollouts3316AMissedEventIsMadeUpForByTheNextList) {
  int changes = 0;
  informer_.onChange([&](const ObjectPtr&, const ObjectPtr&) { ++changes; });
  ASSERT_TRUE(api_.create(kRelease, simpleObject(kRelease, key_, 1)));
  ASSERT_TRUE(api_.create(kRelease, simpleObject(kRelease, {"ns", "gone"}, 1)));
  settle();
  api_.expireWatches();
  change(2);
  ASSERT_TRUE(api_.remove(kRelease, {"ns", "gone"}, ""));
  for (int i = 0; i < 60; ++i) {
    settle();
    clock_.advance(seconds(1));
  }
  EXPECT_EQ(value(), 2);
  EXPECT_EQ(informer_.find({"ns", "gone"}), nullptr);
  EXPECT_EQ(changes, 4) << "two additions, a change and a deletion, each told once";
}

// flux2 5622: failing objects starved healthy ones; the same reconciliation took seconds, then minutes.
TEST_F(PeerRegressions, Flux5622FailingKeysDoNotStarveHealthyOnes) {
  WorkQueue queue{{.name = "test"}, clock_, random_, metrics_};
  for (int i = 0; i < 200; ++i) queue.add({"ns", cat("bad", i)});
  int handled = 0;
  for (int second = 0; second < 120; ++second) {
    queue.add({"ns", "good"});
    std::size_t before = 0;
    for (auto key = queue.tryTake(); key; key = queue.tryTake()) {
      if (key->name == "good") {
        ++handled;
      } else {
        ++before;
        queue.retry(*key);
      }
      queue.done(*key);
    }
    EXPECT_LE(before, 2000U);
    clock_.advance(seconds(1));
  }
  EXPECT_EQ(handled, 120);
}

}  // namespace
}  // namespace slipway::runtime
