#include "reconciler/runtime/work_queue.h"

#include <thread>

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/seeded_random.h"

namespace slipway::runtime {
namespace {

using namespace std::chrono_literals;

class WorkQueueTest : public testing::Test {
 protected:
  FakeClock clock_;
  SeededRandom random_;
  NullMetrics metrics_;
  WorkQueue queue_{{.name = "test"}, clock_, random_, metrics_};
  const ObjectKey a_{"default", "a"};
  const ObjectKey b_{"default", "b"};
};

TEST_F(WorkQueueTest, HandsOutKeysInTheOrderOfTheirFirstAdd) {
  queue_.add(a_);
  queue_.add(b_);
  queue_.add(a_);
  EXPECT_EQ(queue_.depth(), 2U);
  EXPECT_EQ(queue_.tryTake(), a_);
  EXPECT_EQ(queue_.tryTake(), b_);
  EXPECT_EQ(queue_.tryTake(), std::nullopt);
}

TEST_F(WorkQueueTest, HandsAKeyToOneWorkerAtATime) {
  queue_.add(a_);
  EXPECT_EQ(queue_.tryTake(), a_);
  queue_.add(a_);
  EXPECT_EQ(queue_.tryTake(), std::nullopt);
  queue_.done(a_);
  EXPECT_EQ(queue_.tryTake(), a_);
  queue_.done(a_);
  EXPECT_EQ(queue_.tryTake(), std::nullopt);
}

TEST_F(WorkQueueTest, ManyAddsWhileAWorkerHasTheKeyAreOneMoreTurn) {
  queue_.add(a_);
  EXPECT_EQ(queue_.tryTake(), a_);
  for (int i = 0; i < 10; ++i) queue_.add(a_);
  queue_.done(a_);
  EXPECT_EQ(queue_.depth(), 1U);
}

TEST_F(WorkQueueTest, DelaysAKeyUntilItsTime) {
  queue_.addAfter(a_, 10s);
  clock_.advance(9s);
  EXPECT_EQ(queue_.tryTake(), std::nullopt);
  clock_.advance(1s);
  EXPECT_EQ(queue_.tryTake(), a_);
  EXPECT_EQ(queue_.delayed(), 0U);
}

TEST_F(WorkQueueTest, TheEarliestOfSeveralDelaysCounts) {
  queue_.addAfter(a_, 10s);
  queue_.addAfter(a_, 2s);
  queue_.addAfter(a_, 20s);
  EXPECT_EQ(queue_.delayed(), 1U);
  clock_.advance(2s);
  EXPECT_EQ(queue_.tryTake(), a_);
  queue_.done(a_);
  clock_.advance(1h);
  EXPECT_EQ(queue_.tryTake(), std::nullopt);
}

TEST_F(WorkQueueTest, ADelayOfNothingIsAnAdd) {
  queue_.addAfter(a_, 0s);
  EXPECT_EQ(queue_.tryTake(), a_);
}

TEST_F(WorkQueueTest, StartsFewTimersForManyDelays) {
  for (int i = 0; i < 1000; ++i) queue_.addAfter({"default", std::to_string(i)}, 1s + i * 1ms);
  EXPECT_EQ(clock_.pendingTimers(), 1U);
  clock_.advance(2s);
  EXPECT_EQ(queue_.depth(), 1000U);
  EXPECT_EQ(clock_.pendingTimers(), 0U);
}

TEST_F(WorkQueueTest, ShortDelaysBesideALongOneLeaveNoTimersBehind) {
  queue_.addAfter(b_, 1h);
  for (int i = 0; i < 100; ++i) {
    queue_.addAfter(a_, 1s);
    clock_.advance(1s);
    ASSERT_EQ(queue_.tryTake(), a_);
    queue_.done(a_);
  }
  EXPECT_LE(clock_.pendingTimers(), 2U);
}

TEST_F(WorkQueueTest, BackOffDoublesUpToItsLimitAndEndsWithForget) {
  Duration last = 0ms;
  for (int i = 0; i < 30; ++i) {
    const SteadyTime start = clock_.steady();
    queue_.retry(a_);
    while (!queue_.tryTake()) clock_.advance(1ms);
    queue_.done(a_);
    const Duration waited = clock_.steady() - start;
    EXPECT_GE(waited, std::min<Duration>(5ms * (1 << std::min(i, 20)), 5min) * 3 / 4);
    EXPECT_LE(waited, std::min<Duration>(5ms * (1 << std::min(i, 20)), 5min) + 1ms);
    last = waited;
    if (i > 18) break;
  }
  EXPECT_GT(last, 3min);
  EXPECT_GT(queue_.retries(a_), 15);
  queue_.forget(a_);
  EXPECT_EQ(queue_.retries(a_), 0);
  queue_.retry(a_);
  clock_.advance(5ms);
  EXPECT_EQ(queue_.tryTake(), a_);
}

TEST_F(WorkQueueTest, OneFailingKeyDelaysNoOther) {
  for (int i = 0; i < 20; ++i) queue_.retry(a_);
  queue_.add(b_);
  EXPECT_EQ(queue_.tryTake(), b_);
}

TEST_F(WorkQueueTest, ShutDownWakesWorkersAndDropsKeys) {
  std::jthread worker([&](const std::stop_token& stop) { EXPECT_EQ(queue_.take(stop), std::nullopt); });
  queue_.shutDown();
  worker.join();
  queue_.add(a_);
  queue_.addAfter(b_, 1s);
  clock_.advance(2s);
  EXPECT_EQ(queue_.depth(), 0U);
}

TEST_F(WorkQueueTest, AStoppedWorkerGetsNothing) {
  std::jthread worker([&](const std::stop_token& stop) { EXPECT_EQ(queue_.take(stop), std::nullopt); });
  worker.request_stop();
  worker.join();
  queue_.add(a_);
  EXPECT_EQ(queue_.tryTake(), a_);
}

TEST_F(WorkQueueTest, ATimerThatFiresAfterTheQueueIsGoneDoesNothing) {
  {
    WorkQueue gone({.name = "gone"}, clock_, random_, metrics_);
    gone.addAfter(a_, 1s);
  }
  clock_.advance(2s);
}

TEST_F(WorkQueueTest, BlockedWorkersGetEveryKeyOnce) {
  std::mutex mutex;
  std::map<ObjectKey, int> seen;
  std::condition_variable all;
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < 4; ++i) {
      workers.emplace_back([&](const std::stop_token& stop) {
        while (const auto key = queue_.take(stop)) {
          {
            const std::lock_guard lock(mutex);
            ++seen[*key];
          }
          queue_.done(*key);
          all.notify_one();
        }
      });
    }
    for (int i = 0; i < 200; ++i) queue_.add({"default", std::to_string(i)});
    std::unique_lock lock(mutex);
    all.wait(lock, [&] { return seen.size() == 200; });
  }
  for (const auto& [key, times] : seen) EXPECT_EQ(times, 1) << key.toString();
}

}  // namespace
}  // namespace slipway::runtime
