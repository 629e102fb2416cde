#include "reconciler/planner/hooks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/base/strings.h"
#include "tests/support/run_builder.h"

namespace slipway::planner {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Hook command(const std::string& name, HookPoint at) {
  Hook hook;
  hook.name = name;
  hook.at = at;
  hook.run = "true";
  return hook;
}

Plan planFor(const ReleaseRun& run) {
  return strategyFor(run.spec.spec).plan({run.meta.uid, run.spec, run.status, {}, {}});
}

void settle(ReleaseRun& run, const std::string& key, StepState state, const std::string& code = "", int tries = 1) {
  HookRecord& known = run.status.hooks[key];
  known.server = known.server.empty() ? "web1" : known.server;
  known.record.state = state;
  known.record.code = code;
  known.record.attempt = 1;
  known.record.tries = tries;
  known.record.message = "it broke";
}

// "backup web1", "prepare web1 web2", in the order of the plan of a run in which everything succeeds.
std::vector<std::string> walk(const ReleaseRun& run) {
  std::vector<std::string> out;
  for (const PreviewWave& wave : preview(run.spec, run.status.targets)) {
    const std::string name =
        wave.kind == StepKind::Hook ? wave.note.substr(0, wave.note.find(' ')) : std::string(stepName(wave.kind));
    out.push_back(cat(name, " ", join(wave.targets, " ")));
  }
  return out;
}

TEST(HookPlan, RunsHooksAtTheirPoints) {
  ReleaseRun run = runOver(2);
  run.spec.spec.hooks = {command("after", HookPoint::AfterSwitch), command("backup", HookPoint::Backup),
                         command("migrate", HookPoint::BeforeSwitch), command("built", HookPoint::AfterBuild),
                         command("begin", HookPoint::BeforeBuild)};
  run.spec.spec.hooks[3].scope = HookScope::EachServer;
  EXPECT_THAT(walk(run),
              ElementsAre("backup web1", "begin web1", "prepare web1 web2", "built web1 web2", "check web1 web2",
                          "migrate web1", "switch web1 web2", "verify web1 web2", "after web1", "retire web1 web2"));
}

TEST(HookPlan, DrainsAndRestoresEachBatchOfARolling) {
  ReleaseRun run = runOver(2, StrategyType::Rolling);
  run.spec.spec.hooks = {command("restore", HookPoint::Restore), command("drain", HookPoint::Drain)};
  EXPECT_THAT(walk(run), ElementsAre("prepare web1 web2", "check web1 web2", "drain web1", "switch web1", "verify web1",
                                     "restore web1", "drain web2", "switch web2", "verify web2", "restore web2",
                                     "retire web1 web2"));
}

TEST(HookPlan, ARollbackLeavesOutTheHooksOfTheBuild) {
  ReleaseRun run = runOver(1);
  run.spec.reason = RunReason::Rollback;
  run.spec.spec.hooks = {command("backup", HookPoint::Backup), command("begin", HookPoint::BeforeBuild),
                         command("built", HookPoint::AfterBuild), command("migrate", HookPoint::BeforeSwitch)};
  EXPECT_THAT(walk(run),
              ElementsAre("prepare web1", "check web1", "migrate web1", "switch web1", "verify web1", "retire web1"));
}

TEST(HookPlan, NothingIsBuiltWhenTheBackupFailsAndTheFirstErrorStays) {
  ReleaseRun run = runOver(1);
  run.spec.spec.hooks = {command("backup", HookPoint::Backup), command("tell", HookPoint::OnFailure)};
  Plan plan = planFor(run);
  ASSERT_THAT(plan.hooks, SizeIs(1));
  EXPECT_EQ(plan.hooks[0].operationId, "run-uid.hook.backup.web1.1");
  EXPECT_THAT(plan.wave, IsEmpty());

  settle(run, "backup", StepState::Failed, "Invalid");
  plan = planFor(run);
  ASSERT_THAT(plan.hooks, SizeIs(1));
  EXPECT_EQ(plan.hooks[0].key, "tell");
  EXPECT_EQ(plan.reason, "HookFailed");

  settle(run, "tell", StepState::Failed, "Invalid");
  plan = planFor(run);
  EXPECT_EQ(plan.phase, RunPhase::Failed);
  EXPECT_THAT(plan.message, HasSubstr("hook backup on web1: it broke; nothing was switched; hooks that failed: tell"));
}

TEST(HookPlan, WhatMayHaveHappenedIsAPersonsToDecide) {
  ReleaseRun run = runOver(1);
  run.spec.spec.hooks = {command("migrate", HookPoint::BeforeSwitch)};
  setAll(run, StepKind::Prepare, StepState::Done);
  setAll(run, StepKind::Check, StepState::Done);
  settle(run, "migrate", StepState::Unknown, "OutcomeUnknown", 1);
  EXPECT_THAT(planFor(run).hooks, SizeIs(1)) << "the server is asked under the same id";
  settle(run, "migrate", StepState::Unknown, "OutcomeUnknown", 100);
  const Plan plan = planFor(run);
  EXPECT_EQ(plan.decision, Decision::Hold);
  EXPECT_EQ(plan.reason, "HookOutcomeUnknown");
  EXPECT_THAT(plan.hooks, IsEmpty());

  run.spec.spec.hooks[0].run.clear();
  run.spec.spec.hooks[0].http = HookRequest{};
  settle(run, "migrate", StepState::Unknown, "OutcomeUnknown", 1);
  EXPECT_EQ(planFor(run).decision, Decision::Hold) << "nobody can be asked about a request";
  run.spec.spec.hooks[0].idempotent = true;
  EXPECT_THAT(planFor(run).hooks, SizeIs(1)) << "it may be sent again, under the same key";
}

TEST(HookPlan, AnIgnoredFailureIsOnlyTold) {
  ReleaseRun run = runOver(1);
  run.spec.spec.hooks = {command("warm", HookPoint::BeforeBuild)};
  run.spec.spec.hooks[0].onError = HookErrors::Ignore;
  settle(run, "warm", StepState::Failed, "Invalid");
  EXPECT_THAT(planFor(run).wave, SizeIs(1));
}

TEST(HookPlan, AServerThatFailsItsVerificationStaysDrainedWhereTheRunIsHeld) {
  ReleaseRun run = runOver(2, StrategyType::Rolling);
  run.spec.spec.rollback = RollbackPolicy::Freeze;
  run.spec.spec.hooks = {command("drain", HookPoint::Drain), command("restore", HookPoint::Restore)};
  setAll(run, StepKind::Prepare, StepState::Done);
  setAll(run, StepKind::Check, StepState::Done);
  run.status.decisions.commit = "now";
  run.status.phase = RunPhase::HealthCheck;
  settle(run, "drain/web1", StepState::Done);
  record(run, 0, StepKind::Switch).state = StepState::Done;
  fail(run, 0, StepKind::Verify, Code::Conflict);
  const Plan plan = planFor(run);
  EXPECT_EQ(plan.decision, Decision::Hold);
  EXPECT_THAT(plan.hooks, IsEmpty());
}

TEST(HookPlan, WhatIsTakenBackIsDrainedAgainAndThenRestored) {
  ReleaseRun run = runOver(2, StrategyType::Rolling);
  run.spec.spec.hooks = {command("drain", HookPoint::Drain), command("restore", HookPoint::Restore),
                         command("undone", HookPoint::AfterRollback), command("tell", HookPoint::OnFailure)};
  setAll(run, StepKind::Prepare, StepState::Done);
  setAll(run, StepKind::Check, StepState::Done);
  run.status.decisions.commit = run.status.decisions.revert = "now";
  run.status.decisions.revertReason = "VerificationFailed";
  run.status.phase = RunPhase::RollingBack;
  record(run, 0, StepKind::Switch).state = StepState::Done;
  record(run, 0, StepKind::Verify).state = StepState::Done;
  settle(run, "drain/web1", StepState::Done);
  settle(run, "restore/web1", StepState::Done);
  run.status.hooks["drain/web2"].server = "web2";
  settle(run, "drain/web2", StepState::Done);

  std::vector<std::string> order;
  for (int round = 0; round < 20; ++round) {
    const Plan plan = planFor(run);
    if (isTerminal(plan.phase)) {
      order.emplace_back(phaseName(plan.phase));
      break;
    }
    for (const PlannedHook& hook : plan.hooks) {
      order.push_back(hook.key);
      run.status.hooks[hook.key].server = run.status.targets[hook.target].name;
      settle(run, hook.key, StepState::Done);
    }
    for (const PlannedStep& step : plan.wave) {
      order.push_back(cat(stepName(step.ref.kind), " ", run.status.targets[step.ref.target].name));
      record(run, step.ref.target, step.ref.kind).state = StepState::Done;
    }
  }
  EXPECT_THAT(order, ElementsAre("restore/web2/back", "drain/web1/back", "undo web1", "restore/web1/back", "undone",
                                 "tell", "RolledBack"));
}

TEST(HookPlan, AnAbortEndsCommandsAndWaitsForRequests) {
  ReleaseRun run = runOver(1);
  run.spec.spec.hooks = {command("backup", HookPoint::Backup)};
  settle(run, "backup", StepState::Running);
  run.status.hooks["backup"].record.operationId = "op";
  run.status.decisions.abort = "now";
  EXPECT_THAT(planFor(run).abort, ElementsAre("op"));

  run.spec.spec.hooks[0].http = HookRequest{};
  Plan plan = planFor(run);
  EXPECT_THAT(plan.abort, IsEmpty());
  EXPECT_THAT(plan.hooks, SizeIs(1));
  settle(run, "backup", StepState::Done);
  EXPECT_EQ(planFor(run).phase, RunPhase::Cancelled);
}

}  // namespace
}  // namespace slipway::planner
