#include "reconciler/runtime/event_recorder.h"

#include <atomic>

#include <gtest/gtest.h>

#include "reconciler/base/strings.h"
#include "reconciler/runtime/thread_pool.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_metrics.h"
#include "tests/support/fake_objects.h"
#include "tests/support/seeded_random.h"

namespace slipway::runtime {
namespace {

using namespace std::chrono_literals;

class EventRecorderTest : public testing::Test {
 protected:
  std::vector<ObjectPtr> written() {
    while (recorder_.step()) {
    }
    return api_.list(kEvent, "")->items;
  }

  FakeObjects api_;
  FakeClock clock_;
  SeededRandom random_;
  NullLogger log_;
  FakeMetrics metrics_;
  EventRecorder recorder_{{.maxQueued = 5, .maxRemembered = 3}, {api_, clock_, random_, log_, metrics_}};
  const ObjectRef shop_{"slipway.dev/v1alpha1", "Release", "ns", "shop", "uid-1", "7"};
};

TEST_F(EventRecorderTest, WritesAnEventThatKubectlDescribeFinds) {
  recorder_.record(shop_, EventType::Warning, "CheckFailed", "server web-1: exit code 1");
  const auto events = written();
  ASSERT_EQ(events.size(), 1U);
  const Json& event = *events[0];
  EXPECT_EQ(event.find("metadata")->getString("namespace"), "ns");
  EXPECT_EQ(event.find("metadata")->getString("name").substr(0, 5), "shop.");
  EXPECT_EQ(event.find("involvedObject")->dump(),
            R"({"apiVersion":"slipway.dev/v1alpha1","kind":"Release","namespace":"ns","name":"shop","uid":"uid-1",)"
            R"("resourceVersion":"7"})");
  EXPECT_EQ(event.getString("type"), "Warning");
  EXPECT_EQ(event.getString("reason"), "CheckFailed");
  EXPECT_EQ(event.getString("message"), "server web-1: exit code 1");
  EXPECT_EQ(event.getString("firstTimestamp"), "2026-01-01T01:00:00Z");
  EXPECT_EQ(event.getInt("count"), 1);
  EXPECT_EQ(event.find("source")->getString("component"), "slipway");
}

TEST_F(EventRecorderTest, CountsTheSameEventInsteadOfRepeatingIt) {
  recorder_.record(shop_, EventType::Normal, "Retry", "again");
  EXPECT_EQ(written().size(), 1U);
  clock_.advance(10s);
  recorder_.record(shop_, EventType::Normal, "Retry", "again");
  recorder_.record(shop_, EventType::Normal, "Retry", "again");
  const auto events = written();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0]->getInt("count"), 3);
  EXPECT_EQ(events[0]->getString("firstTimestamp"), "2026-01-01T01:00:00Z");
  EXPECT_EQ(events[0]->getString("lastTimestamp"), "2026-01-01T01:00:10Z");
}

TEST_F(EventRecorderTest, KeepsDifferentEventsApart) {
  recorder_.record(shop_, EventType::Normal, "Retry", "one");
  recorder_.record(shop_, EventType::Normal, "Retry", "two");
  recorder_.record(shop_, EventType::Warning, "Retry", "one");
  ObjectRef reborn = shop_;
  reborn.uid = "uid-2";
  recorder_.record(reborn, EventType::Normal, "Retry", "one");
  EXPECT_EQ(written().size(), 4U);
}

TEST_F(EventRecorderTest, StartsAnewWhenTheFirstEventIsGone) {
  recorder_.record(shop_, EventType::Normal, "Retry", "again");
  const auto first = written();
  ASSERT_TRUE(api_.remove(kEvent, {"ns", first[0]->find("metadata")->getString("name")}, ""));
  recorder_.record(shop_, EventType::Normal, "Retry", "again");
  ASSERT_EQ(written().size(), 1U);
  EXPECT_EQ(written()[0]->getInt("count"), 1);
}

TEST_F(EventRecorderTest, DropsAndCountsWhatDoesNotFit) {
  for (int i = 0; i < 9; ++i) recorder_.record(shop_, EventType::Normal, "Many", std::to_string(i));
  EXPECT_EQ(metrics_.value("slipway_events_dropped_total", {{"reason", "full"}}), 4);
  EXPECT_EQ(written().size(), 5U);
}

TEST_F(EventRecorderTest, AFailingApiHurtsNobody) {
  api_.failWrites({Code::Unavailable, "down"});
  recorder_.record(shop_, EventType::Normal, "Retry", "again");
  EXPECT_TRUE(written().empty());
  EXPECT_EQ(metrics_.value("slipway_events_dropped_total", {{"reason", "failed"}}), 1);
  api_.failWrites({});
  recorder_.record(shop_, EventType::Normal, "Retry", "again");
  EXPECT_EQ(written().size(), 1U);
}

TEST_F(EventRecorderTest, PutsEventsOfClusterScopedObjectsIntoDefault) {
  recorder_.record({"v1", "Namespace", "", "shop", "u", ""}, EventType::Normal, "Created", "x");
  const auto events = written();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0]->find("metadata")->getString("namespace"), "default");
  EXPECT_EQ(events[0]->find("involvedObject")->find("namespace"), nullptr);
}

TEST_F(EventRecorderTest, CutsLongMessagesBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 600; ++i) text += "ä";
  recorder_.record(shop_, EventType::Normal, "Long", text);
  const std::string message = written()[0]->getString("message");
  EXPECT_LE(message.size(), 1024U);
  EXPECT_EQ(message.substr(message.size() - 5), "ä...");
  EXPECT_EQ(message.size() % 2, 1U);
}

TEST_F(EventRecorderTest, RemembersABoundedNumber) {
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 5; ++i) {
      recorder_.record(shop_, EventType::Normal, "Many", std::to_string(i));
      written();
    }
  }
  EXPECT_GT(written().size(), 5U) << "old ones were forgotten and are written anew";
}

TEST_F(EventRecorderTest, StopWritesWhatIsQueued) {
  for (int i = 0; i < 5; ++i) recorder_.record(shop_, EventType::Normal, "Many", std::to_string(i));
  recorder_.start();
  recorder_.stop();
  EXPECT_EQ(api_.list(kEvent, "")->items.size(), 5U);
}

TEST(ThreadPool, RunsWhatIsPostedAndSurvivesExceptions) {
  NullLogger log;
  std::atomic<int> ran = 0;
  {
    std::mutex mutex;
    std::condition_variable done;
    ThreadPool pool(2, log);
    pool.post([] { throw std::runtime_error("boom"); });
    for (int i = 0; i < 20; ++i) {
      pool.post([&] {
        const std::lock_guard lock(mutex);
        if (++ran == 20) done.notify_one();
      });
    }
    std::unique_lock lock(mutex);
    done.wait(lock, [&] { return ran == 20; });
    lock.unlock();
    pool.stop();
    pool.post([&] { ++ran; });
  }
  EXPECT_EQ(ran, 20);
}

}  // namespace
}  // namespace slipway::runtime
