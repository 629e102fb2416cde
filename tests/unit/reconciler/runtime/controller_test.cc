#include "reconciler/runtime/controller.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <stdexcept>

#include <gtest/gtest.h>

#include "reconciler/runtime/error_policy.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_metrics.h"
#include "tests/support/seeded_random.h"

namespace slipway::runtime {
namespace {

using namespace std::chrono_literals;

// Answers what the test says; an exception when told.
class ScriptedReconciler final : public Reconciler {
 public:
  Result<Action> reconcile(const ObjectKey& key) override {
    calls.push_back(key.name);
    if (throws) throw std::runtime_error("boom");
    return answer;
  }
  std::vector<std::string> calls;
  Result<Action> answer = Action{};
  bool throws = false;
};

class ControllerTest : public testing::Test {
 protected:
  void settle() {
    while (controller_.step()) {
    }
  }
  std::size_t callsAfter(Duration time) {
    reconciler_.calls.clear();
    for (Duration passed = 0s; passed < time; passed += time / 100) {
      clock_.advance(time / 100);
      settle();
    }
    return reconciler_.calls.size();
  }

  FakeClock clock_;
  SeededRandom random_;
  NullLogger log_;
  FakeMetrics metrics_;
  ScriptedReconciler reconciler_;
  Controller controller_{{.name = "release"}, reconciler_, {clock_, random_, log_, metrics_}};
  const ObjectKey key_{"ns", "a"};
};

TEST_F(ControllerTest, ReconcilesEachKeyOnceUntilItIsAddedAgain) {
  controller_.queue().add(key_);
  controller_.queue().add({"ns", "b"});
  settle();
  EXPECT_EQ(reconciler_.calls, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(callsAfter(1h), 0U);
  EXPECT_EQ(metrics_.total("slipway_reconcile_total"), 2);
}

TEST_F(ControllerTest, ComesBackWhenTheActionSaysSo) {
  reconciler_.answer = Action{.requeueAfter = 10s};
  controller_.queue().add(key_);
  settle();
  EXPECT_EQ(callsAfter(9s), 0U);
  EXPECT_EQ(callsAfter(1s), 1U);
}

TEST_F(ControllerTest, RetriesWhatMayRecoverAndForgetsTheBackOffAfterSuccess) {
  for (const Code code : {Code::Unavailable, Code::Timeout, Code::Internal}) {
    reconciler_.answer = Status(code, "not now");
    controller_.queue().add(key_);
    settle();
    EXPECT_GE(callsAfter(1s), 3U) << codeName(code);
    EXPECT_GT(controller_.queue().retries(key_), 3);
    reconciler_.answer = Action{};
    EXPECT_EQ(callsAfter(10min), 1U);
    EXPECT_EQ(controller_.queue().retries(key_), 0);
  }
}

TEST_F(ControllerTest, LooksAgainSoonAfterAConflict) {
  for (const Code code : {Code::Conflict, Code::OutcomeUnknown, Code::NotFound, Code::AlreadyExists, Code::Expired}) {
    reconciler_.answer = Status(code, "look again");
    controller_.queue().add(key_);
    settle();
    reconciler_.answer = Action{};
    EXPECT_EQ(callsAfter(100ms), 1U) << codeName(code);
  }
}

TEST_F(ControllerTest, DoesNotRepeatWhatNeedsAChange) {
  for (const Code code : {Code::Invalid, Code::Denied, Code::Cancelled}) {
    reconciler_.answer = Status(code, "no");
    controller_.queue().add(key_);
    settle();
    EXPECT_EQ(callsAfter(24h), 0U) << codeName(code);
  }
}

TEST_F(ControllerTest, SurvivesAnExceptionAndTreatsItAsInternal) {
  reconciler_.throws = true;
  controller_.queue().add(key_);
  settle();
  reconciler_.throws = false;
  EXPECT_EQ(callsAfter(1s), 1U);
  EXPECT_EQ(metrics_.value("slipway_reconcile_errors_total", {{"controller", "release"}, {"code", "Internal"}}), 1);
}

TEST_F(ControllerTest, AKeyThatIsAddedWhileItIsReconciledHasAnotherTurn) {
  class AddsItself final : public Reconciler {
   public:
    Result<Action> reconcile(const ObjectKey& key) override {
      if (++calls == 1) queue->add(key);
      return Action{};
    }
    WorkQueue* queue = nullptr;
    int calls = 0;
  } reconciler;
  Controller controller({.name = "self"}, reconciler, {clock_, random_, log_, metrics_});
  reconciler.queue = &controller.queue();
  controller.queue().add(key_);
  while (controller.step()) {
  }
  EXPECT_EQ(reconciler.calls, 2);
}

TEST_F(ControllerTest, WorkersShareKeysAndNeverOneKey) {
  class Counting final : public Reconciler {
   public:
    Result<Action> reconcile(const ObjectKey& key) override {
      std::unique_lock lock(mutex);
      EXPECT_TRUE(running.insert(key).second);
      both = std::max(both, running.size());
      // Holds the key until another worker has one too, so that they really overlap.
      changed.notify_all();
      changed.wait(lock, [&] { return both >= 2; });
      running.erase(key);
      ++done;
      changed.notify_all();
      return Action{};
    }
    std::mutex mutex;
    std::condition_variable changed;
    std::set<ObjectKey> running;
    std::size_t both = 0;
    int done = 0;
  } reconciler;
  Controller controller({.name = "many", .workers = 4}, reconciler, {clock_, random_, log_, metrics_});
  for (int i = 0; i < 50; ++i) controller.queue().add({"ns", std::to_string(i % 10)});
  controller.start();
  {
    std::unique_lock lock(reconciler.mutex);
    reconciler.changed.wait(lock, [&] { return reconciler.done >= 10; });
  }
  controller.stop();
  EXPECT_TRUE(reconciler.running.empty());
}

TEST_F(ControllerTest, StopWaitsForWhatRunsAndDropsWhatWaits) {
  controller_.start();
  controller_.stop();
  controller_.queue().add(key_);
  EXPECT_FALSE(controller_.step());
}

TEST(ErrorPolicy, HasAnAnswerToEveryCode) {
  EXPECT_EQ(nextStep(Code::Ok), NextStep::Done);
  EXPECT_EQ(nextStep(Code::DataLoss), NextStep::Stalled);
  EXPECT_EQ(nextStep(Code::Cancelled), NextStep::Ignore);
  EXPECT_EQ(name(nextStep(Code::Conflict)), "reobserve");
}

}  // namespace
}  // namespace slipway::runtime
