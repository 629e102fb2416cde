#include <algorithm>
#include <array>
#include <map>

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
    constexpr std::array kTypes{StrategyType::Atomic, StrategyType::Recreate, StrategyType::Rolling};
    run_ = runOver(servers, kTypes.at(random_.next() % kTypes.size()));
    if (run_.spec.spec.strategy.type == StrategyType::Rolling) {
      chooseBatches(servers);
    }
    run_.spec.spec.health.attempts = 3;
    run_.spec.spec.health.tcpPort = 80;
    run_.spec.spec.maxParallel = 1 + static_cast<int>(random_.next() % 4);
    if (random_.next() % 3 == 0) {
      run_.spec.spec.process = Process{.start = "up", .stop = "down", .reload = "reload"};
    }
    failEvery_ = 2 + random_.next() % 30;
    live_.assign(static_cast<std::size_t>(servers), "1.0.0");
    prepared_.assign(static_cast<std::size_t>(servers), false);
    for (RunTarget& target : run_.status.targets) {
      target.before = "1.0.0";
    }
    out_.assign(static_cast<std::size_t>(servers), false);
  }

  // Drives the run to its end; false when it does not come to one.
  bool run() {
    for (int round = 0; round < 400; ++round) {
      if (random_.next() % 40 == 0 && run_.status.decisions.abort.empty()) {
        run_.status.decisions.abort = "now";
      }
      const Plan plan = strategyFor(run_.spec.spec).plan({run_.meta.uid, run_.spec, run_.status, {}, waited_});
      EXPECT_TRUE(mayFollow(run_.status.phase, plan.phase))
          << phaseName(run_.status.phase) << " to " << phaseName(plan.phase);
      run_.status.phase = plan.phase;
      if (isTerminal(plan.phase)) {
        return true;
      }
      decide(plan);
      if (plan.wait.has_value()) {
        EXPECT_TRUE(plan.wave.empty());
        waited_[plan.wait->name] += std::chrono::seconds(1 + random_.next() % 5);
      }
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

  void chooseBatches(int servers) {
    RollingSettings& rolling = run_.spec.spec.strategy.rolling.emplace();
    rolling.batchSize = random_.next() % 2 == 0 ? Amount{static_cast<int>(1 + random_.next() % 4), false}
                                                : Amount{static_cast<int>(1 + random_.next() % 100), true};
    if (random_.next() % 2 == 0) {
      rolling.maxUnavailable = Amount{static_cast<int>(1 + random_.next() % 2), false};
    }
    rolling.pauseBetween = std::chrono::seconds(random_.next() % 10);
    rolling.order = {"web3", "web1"};
    const auto total = static_cast<std::size_t>(servers);
    mayBeOut_ = std::min(rolling.batchSize.of(total), rolling.maxUnavailable.value_or(rolling.batchSize).of(total));
  }

  // Out of service: from the switch to the verification, and from an undo to the restart.
  void noteService(const StepRef& ref) {
    const bool restarts = runsProcess(run_.spec.spec, StepKind::Restart, run_.status.targets[ref.target].name);
    if (ref.kind == StepKind::Switch) {
      out_[ref.target] = true;
    } else if (ref.kind == StepKind::Undo) {
      out_[ref.target] = restarts;
    } else if (ref.kind == StepKind::Verify || ref.kind == StepKind::Restart) {
      out_[ref.target] = false;
    }
    EXPECT_LE(static_cast<std::size_t>(std::count(out_.begin(), out_.end(), true)), mayBeOut_);
  }

  void effect(const StepRef& ref) {
    noteService(ref);
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
  std::vector<bool> out_;
  std::size_t mayBeOut_ = 1000;
  std::map<std::string, Duration> waited_;
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
  const PlanInput input{run.meta.uid, run.spec, run.status, {}, {}};
  EXPECT_EQ(strategyFor(run.spec.spec).plan(input), strategyFor(run.spec.spec).plan(input));
}

}  // namespace
}  // namespace slipway::planner
