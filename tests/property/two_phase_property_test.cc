#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "reconciler/planner/plan.h"
#include "reconciler/planner/step_rules.h"
#include "tests/support/run_builder.h"
#include "tests/support/seeded_random.h"

namespace slipway::planner {
namespace {

// Servers that really have a link and a prepared directory, and steps that fail, hang or lose their answer at random.
class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {
    const int servers = 1 + static_cast<int>(random_.next() % 5);
    run_ = runOver(servers, random_.next() % 4 == 0 ? StrategyType::Recreate : StrategyType::Atomic);
    run_.spec.spec.health.attempts = 3;
    run_.spec.spec.health.tcpPort = 80;
    run_.spec.spec.maxParallel = 1 + static_cast<int>(random_.next() % 4);
    if (random_.next() % 3 == 0) {
      run_.spec.spec.process = ProcessCommand{.start = "up", .stop = "down", .reload = "reload"};
    }
    failEvery_ = 2 + random_.next() % 30;
    live_.assign(static_cast<std::size_t>(servers), "1.0.0");
    prepared_.assign(static_cast<std::size_t>(servers), false);
  }

  // Drives the run to its end; false when it does not come to one.
  bool run() {
    for (int round = 0; round < 400; ++round) {
      if (random_.next() % 40 == 0 && run_.status.decisions.abort.empty()) {
        run_.status.decisions.abort = "now";
      }
      const Plan plan = strategyFor(run_.spec.spec.strategy.type).plan({run_.meta.uid, run_.spec, run_.status, {}});
      EXPECT_TRUE(mayFollow(run_.status.phase, plan.phase))
          << phaseName(run_.status.phase) << " to " << phaseName(plan.phase);
      run_.status.phase = plan.phase;
      if (isTerminal(plan.phase)) {
        return true;
      }
      decide(plan);
      for (const std::string& operation : plan.abort) {
        cancel(operation);
      }
      if (plan.decision == Decision::None && plan.phase == RunPhase::Paused) {
        resume();
      }
      for (const PlannedStep& step : plan.wave) {
        perform(step);
      }
    }
    return false;
  }

  void check() const {
    const auto onNew = static_cast<std::size_t>(std::count(live_.begin(), live_.end(), run_.spec.version));
    switch (run_.status.phase) {
      case RunPhase::Completed:
        EXPECT_EQ(onNew, live_.size()) << "completed means all of them";
        break;
      case RunPhase::RolledBack:
      case RunPhase::Cancelled:
        EXPECT_EQ(onNew, 0U) << phaseName(run_.status.phase) << " means none of them";
        break;
      case RunPhase::Failed:
        EXPECT_TRUE(onNew == 0 || onNew == live_.size()) << "a mix is never an end";
        break;
      default:
        ADD_FAILURE() << "not an end";
    }
  }

 private:
  void decide(const Plan& plan) {
    RunDecisions& decisions = run_.status.decisions;
    if (plan.decision == Decision::Commit) {
      EXPECT_TRUE(decisions.abort.empty());
      EXPECT_TRUE(std::all_of(prepared_.begin(), prepared_.end(), [](bool ready) { return ready; }));
      decisions.commit = "now";
    } else if (plan.decision == Decision::Revert) {
      EXPECT_FALSE(decisions.commit.empty());
      decisions.revert = "now";
      decisions.revertReason = plan.reason;
      decisions.pausedAt.clear();
    } else if (plan.decision == Decision::Hold) {
      decisions.pausedAt = "now";
      run_.status.phase = RunPhase::Paused;
    }
  }

  void resume() {
    run_.status.decisions.pausedAt.clear();
    for (RunTarget& target : run_.status.targets) {
      for (auto& [kind, one] : target.steps) {
        if (one.state == StepState::Failed || one.state == StepState::Unknown) {
          one.state = StepState::Pending;
          one.tries = 0;
        }
      }
    }
  }

  void cancel(const std::string& operation) {
    for (RunTarget& target : run_.status.targets) {
      StepRecord& one = target.steps[StepKind::Prepare];
      if (one.operationId == operation) {
        one.state = StepState::Failed;
        one.code = "Cancelled";
      }
    }
  }

  void perform(const PlannedStep& step) {
    StepRecord& one = record(run_, step.ref.target, step.ref.kind);
    one.attempt = step.attempt;
    one.operationId = step.operationId;
    ++one.tries;
    one.state = StepState::Running;
    const std::uint64_t dice = random_.next() % failEvery_;
    if (dice == 1) {
      return;  // still running: asked about again in the next round
    }
    const bool happens = dice != 0 || random_.next() % 2 == 0;
    if (happens) {
      effect(step.ref);
    }
    if (dice == 0) {
      one.state = random_.next() % 2 == 0 ? StepState::Unknown : StepState::Failed;
      one.code = one.state == StepState::Unknown ? "OutcomeUnknown" : "Conflict";
      return;
    }
    one.state = StepState::Done;
  }

  void effect(const StepRef& ref) {
    if (ref.kind == StepKind::Prepare) {
      EXPECT_TRUE(run_.status.decisions.commit.empty());
      prepared_[ref.target] = true;
    } else if (ref.kind == StepKind::Switch) {
      EXPECT_FALSE(run_.status.decisions.commit.empty()) << "switched before the decision";
      EXPECT_TRUE(run_.status.decisions.revert.empty()) << "switched after the decision to undo";
      EXPECT_TRUE(prepared_[ref.target]);
      live_[ref.target] = run_.spec.version;
    } else if (ref.kind == StepKind::Undo) {
      EXPECT_FALSE(run_.status.decisions.revert.empty());
      live_[ref.target] = "1.0.0";
    }
  }

  SeededRandom random_;
  ReleaseRun run_;
  std::uint64_t failEvery_ = 10;
  std::vector<std::string> live_;
  std::vector<bool> prepared_;
};

TEST(TwoPhaseLaws, HoldForRandomFailures) {
  for (std::uint64_t seed = 1; seed <= 5000; ++seed) {
    World world(seed);
    ASSERT_TRUE(world.run()) << "seed " << seed << " comes to no end";
    world.check();
    ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed;
  }
}

TEST(TwoPhaseLaws, SameInputGivesTheSamePlan) {
  ReleaseRun run = runOver(5);
  fail(run, 2, StepKind::Prepare, Code::Unavailable, 1);
  const PlanInput input{run.meta.uid, run.spec, run.status, {}};
  EXPECT_EQ(strategyFor(StrategyType::Atomic).plan(input), strategyFor(StrategyType::Atomic).plan(input));
}

}  // namespace
}  // namespace slipway::planner
