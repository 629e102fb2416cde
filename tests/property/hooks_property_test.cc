// Random lists of hooks, random outcomes of hooks and steps, aborts and people's answers at random moments.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "reconciler/base/strings.h"
#include "reconciler/planner/hooks.h"
#include "tests/support/run_builder.h"
#include "tests/support/seeded_random.h"

namespace slipway::planner {
namespace {

class HookWorld {
 public:
  explicit HookWorld(std::uint64_t seed) : random_(seed) {
    constexpr std::array kTypes{StrategyType::Atomic, StrategyType::Recreate, StrategyType::Rolling};
    run_ = runOver(1 + static_cast<int>(below(4)), kTypes.at(below(kTypes.size())));
    run_.spec.reason = below(5) == 0 ? RunReason::Rollback : RunReason::Apply;
    run_.spec.spec.rollback = below(4) == 0 ? RollbackPolicy::Freeze : RollbackPolicy::Automatic;
    run_.spec.spec.maxParallel = 1 + static_cast<int>(below(3));
    for (RunTarget& target : run_.status.targets) {
      target.before = "1.0.0";
    }
    addHooks();
    failEvery_ = 3 + below(20);
  }

  // Drives the run to its end; false when it does not come to one.
  bool run() {
    for (int round = 0; round < 600; ++round) {
      if (below(80) == 0 && run_.status.decisions.abort.empty()) {
        run_.status.decisions.abort = "now";
        toldBefore_ = run_.status.hooks.contains("onfailure");
      }
      const Plan plan = strategyFor(run_.spec.spec).plan({run_.meta.uid, run_.spec, run_.status, {}, {}});
      EXPECT_TRUE(mayFollow(run_.status.phase, plan.phase))
          << phaseName(run_.status.phase) << " to " << phaseName(plan.phase);
      EXPECT_TRUE(plan.hooks.empty() || plan.wave.empty()) << "a hook and a step at once";
      run_.status.phase = plan.phase;
      if (isTerminal(plan.phase)) {
        return true;
      }
      decide(plan);
      checkOrder(plan);
      for (const std::string& operation : plan.abort) {
        cancel(operation);
      }
      for (const PlannedHook& hook : plan.hooks) {
        perform(hook);
      }
      for (const PlannedStep& step : plan.wave) {
        perform(step);
      }
    }
    return false;
  }

  void checkEnd() const {
    for (const auto& [key, known] : run_.status.hooks) {
      EXPECT_NE(known.record.state, StepState::Running) << key << " still runs at the end";
    }
    if (run_.status.phase == RunPhase::Completed) {
      for (HookPoint point : {HookPoint::Backup, HookPoint::BeforeSwitch, HookPoint::AfterSwitch, HookPoint::Restore}) {
        EXPECT_TRUE(through(point)) << hookPointName(point) << " was left out of a run that completed";
      }
    }
    if (run_.status.phase == RunPhase::RolledBack) {
      EXPECT_TRUE(run_.status.hooks.contains("afterrollback"));
      for (const RunTarget& target : run_.status.targets) {
        const bool drained = run_.status.hooks.contains(cat("drain/", target.name));
        const bool restored = run_.status.hooks.contains(cat("restore/", target.name, "/back"));
        EXPECT_TRUE(!drained || restored) << target.name << " was drained and never restored";
      }
    }
    if (run_.status.phase == RunPhase::Failed) {
      EXPECT_TRUE(run_.status.hooks.contains("onfailure"));
      EXPECT_EQ(switched_, 0) << "nothing may have been switched";
    }
    if (run_.status.phase == RunPhase::Cancelled) {
      EXPECT_TRUE(toldBefore_ || !run_.status.hooks.contains("onfailure")) << "a person stopped it";
    }
  }

 private:
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(random_.next() % limit); }

  void addHooks() {
    const bool rests = run_.spec.spec.strategy.type != StrategyType::Atomic;
    for (HookPoint point : {HookPoint::OnFailure, HookPoint::AfterRollback, HookPoint::Backup, HookPoint::BeforeBuild,
                            HookPoint::AfterBuild, HookPoint::BeforeSwitch, HookPoint::Drain, HookPoint::Restore,
                            HookPoint::AfterSwitch}) {
      const bool ofServers = point == HookPoint::Drain || point == HookPoint::Restore;
      if (ofServers && !rests) {
        continue;
      }
      Hook hook;
      hook.name = lowerAscii(hookPointName(point));
      hook.at = point;
      hook.idempotent = below(2) == 0;
      if (below(2) == 0) {
        hook.http = HookRequest{};
      } else {
        hook.run = "true";
      }
      if (!ofServers && below(3) == 0 && point != HookPoint::OnFailure && point != HookPoint::AfterRollback) {
        hook.scope = HookScope::EachServer;
      }
      run_.spec.spec.hooks.push_back(hook);
    }
  }

  // Every operation of the point's hook has succeeded, or a person said so.
  bool through(HookPoint point) const {
    return std::all_of(run_.spec.spec.hooks.begin(), run_.spec.spec.hooks.end(), [&](const Hook& hook) {
      if (hook.at != point || (run_.spec.reason == RunReason::Rollback && point == HookPoint::Backup)) {
        return true;
      }
      return std::all_of(run_.status.targets.begin(), run_.status.targets.end(), [&](const RunTarget& target) {
        const auto known = run_.status.hooks.find(hook.onEachServer() ? cat(hook.name, "/", target.name) : hook.name);
        return known != run_.status.hooks.end() && known->second.record.state == StepState::Done;
      });
    });
  }

  void checkOrder(const Plan& plan) const {
    for (const PlannedStep& step : plan.wave) {
      const std::string& server = run_.status.targets[step.ref.target].name;
      if (step.ref.kind == StepKind::Prepare) {
        EXPECT_TRUE(through(HookPoint::Backup)) << "built before the backup";
      }
      if (step.ref.kind == StepKind::Switch || step.ref.kind == StepKind::Stop) {
        EXPECT_TRUE(through(HookPoint::BeforeSwitch));
        const auto drained = run_.status.hooks.find(cat("drain/", server));
        const bool drains = run_.spec.spec.strategy.type != StrategyType::Atomic;
        EXPECT_TRUE(!drains || (drained != run_.status.hooks.end() && drained->second.record.state == StepState::Done))
            << server << " was touched before it was drained";
      }
    }
  }

  void decide(const Plan& plan) {
    RunDecisions& decisions = run_.status.decisions;
    if (plan.decision == Decision::Commit) {
      EXPECT_TRUE(through(HookPoint::BeforeSwitch));
      decisions.commit = "now";
    } else if (plan.decision == Decision::Revert) {
      decisions.revert = "now";
      decisions.revertReason = plan.reason;
      decisions.pausedAt.clear();
    } else if (plan.decision == Decision::Hold) {
      decisions.pausedAt = "now";
      run_.status.phase = RunPhase::Paused;
    } else if (plan.phase == RunPhase::Paused && plan.hooks.empty() && plan.wave.empty()) {
      answer();
    }
  }

  // A person takes what a hook should have done as done, or asks to try again, or gives up.
  void answer() {
    run_.status.decisions.pausedAt.clear();
    const bool passes = below(2) == 0;
    if (!passes && below(3) == 0 && run_.status.decisions.revert.empty()) {
      run_.status.decisions.abort = "now";
      toldBefore_ = run_.status.hooks.contains("onfailure");
    }
    for (auto& [key, known] : run_.status.hooks) {
      if (known.record.state == StepState::Failed || known.record.state == StepState::Unknown) {
        known.record.state = passes ? StepState::Done : StepState::Pending;
        known.record.tries = 0;
      }
    }
    for (RunTarget& target : run_.status.targets) {
      for (auto& [kind, one] : target.steps) {
        if (one.state == StepState::Failed) {
          one.state = StepState::Pending;
          one.tries = 0;
        }
      }
    }
  }

  void cancel(const std::string& operation) {
    for (auto& [key, known] : run_.status.hooks) {
      if (known.record.operationId == operation) {
        known.record.state = StepState::Failed;
        known.record.code = "Cancelled";
      }
    }
    for (RunTarget& target : run_.status.targets) {
      if (target.steps[StepKind::Prepare].operationId == operation) {
        target.steps[StepKind::Prepare].state = StepState::Failed;
        target.steps[StepKind::Prepare].code = "Cancelled";
      }
    }
  }

  void perform(const PlannedHook& planned) {
    const Hook& hook = run_.spec.spec.hooks[planned.hook];
    HookRecord& known = run_.status.hooks[planned.key];
    StepRecord& one = known.record;
    const bool goesOn = one.state == StepState::Running && one.operationId == planned.operationId;
    known.server = run_.status.targets[planned.target].name;
    if (!goesOn) {
      const bool fresh = started_.insert(planned.operationId).second;
      EXPECT_TRUE(fresh || !cannotBeAsked(hook) || one.phase == "connect") << planned.operationId << " was sent twice";
      one.attempt = planned.attempt;
      one.operationId = planned.operationId;
      ++one.tries;
    }
    one.state = StepState::Running;
    one.phase.clear();
    one.code.clear();
    const std::size_t dice = below(failEvery_);
    if (dice == 0) {
      one.state = StepState::Unknown;
      one.code = "OutcomeUnknown";
    } else if (dice == 1) {
      one.state = StepState::Failed;
      one.code = below(2) == 0 ? "Invalid" : "Unavailable";
      one.phase = below(2) == 0 ? "connect" : "http";
    } else if (dice != 2) {  // 2: it goes on
      one.state = StepState::Done;
    }
  }

  void perform(const PlannedStep& step) {
    StepRecord& one = record(run_, step.ref.target, step.ref.kind);
    one.attempt = step.attempt;
    one.operationId = step.operationId;
    ++one.tries;
    one.state = StepState::Done;
    one.code.clear();
    switched_ += step.ref.kind == StepKind::Switch ? 1 : 0;
    const bool mayFail = step.ref.kind == StepKind::Verify || step.ref.kind == StepKind::Prepare;
    if (mayFail && below(failEvery_) == 0) {
      one.state = StepState::Failed;
      one.code = "Invalid";
      one.tries = 100;
    }
  }

  SeededRandom random_;
  ReleaseRun run_;
  std::size_t failEvery_ = 3;
  int switched_ = 0;
  bool toldBefore_ = false;  // of a failure, when a person stopped it
  std::set<std::string> started_;
};

TEST(HookLaws, HoldForRandomHooksAndOutcomes) {
  for (std::uint64_t seed = 1; seed <= 20'000; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    HookWorld world(seed);
    ASSERT_TRUE(world.run()) << "no end";
    world.checkEnd();
    if (testing::Test::HasFailure()) {
      return;
    }
  }
}

}  // namespace
}  // namespace slipway::planner
