#include "reconciler/planner/two_phase.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/run_builder.h"

namespace slipway::planner {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Plan planFor(const ReleaseRun& run, std::map<StepRef, Duration> cooling = {}) {
  return strategyFor(run.spec.spec).plan({run.meta.uid, run.spec, run.status, std::move(cooling), {}});
}

ReleaseRun atSwitch(int servers) {
  ReleaseRun run = runOver(servers);
  setAll(run, StepKind::Prepare, StepState::Done);
  setAll(run, StepKind::Check, StepState::Done);
  run.status.decisions.commit = "2026-01-01T00:00:00Z";
  run.status.phase = RunPhase::Deploying;
  return run;
}

TEST(TwoPhasePlan, PreparesUpToTheCap) {
  ReleaseRun run = runOver(8);
  run.spec.spec.maxParallel = 3;
  Plan plan = planFor(run);
  EXPECT_EQ(plan.phase, RunPhase::Preparing);
  EXPECT_EQ(plan.step, "prepared 0/8");
  ASSERT_THAT(plan.wave, SizeIs(3));
  EXPECT_EQ(plan.wave[0].operationId, "run-uid.prepare.web1.1");

  record(run, 5, StepKind::Prepare).state = StepState::Running;
  record(run, 5, StepKind::Prepare).attempt = 1;
  plan = planFor(run);
  ASSERT_THAT(plan.wave, SizeIs(3));
  EXPECT_EQ(plan.wave[0].ref.target, 5U) << "what runs already counts against the cap and comes first";
}

TEST(TwoPhasePlan, WaitsForEveryServerBeforeItReportsFailures) {
  ReleaseRun run = runOver(3);
  fail(run, 0, StepKind::Prepare, Code::Invalid);
  record(run, 1, StepKind::Prepare).state = StepState::Running;
  EXPECT_EQ(planFor(run).phase, RunPhase::Preparing);

  record(run, 1, StepKind::Prepare).state = StepState::Done;
  fail(run, 2, StepKind::Prepare, Code::Timeout);
  const Plan plan = planFor(run);
  EXPECT_EQ(plan.phase, RunPhase::Failed);
  EXPECT_EQ(plan.reason, "PrepareFailed");
  EXPECT_THAT(plan.message, HasSubstr("web1: part: it broke"));
  EXPECT_THAT(plan.message, HasSubstr("web3"));
  EXPECT_THAT(plan.wave, IsEmpty());
}

TEST(TwoPhasePlan, SwitchesNothingUntilTheCommitIsDecided) {
  ReleaseRun run = runOver(2);
  setAll(run, StepKind::Prepare, StepState::Done);
  Plan plan = planFor(run);
  ASSERT_THAT(plan.wave, SizeIs(2));
  EXPECT_EQ(plan.wave[0].ref.kind, StepKind::Check);

  setAll(run, StepKind::Check, StepState::Done);
  plan = planFor(run);
  EXPECT_EQ(plan.decision, Decision::Commit);
  EXPECT_THAT(plan.wave, IsEmpty());

  run.status.decisions.commit = "2026-01-01T00:00:00Z";
  plan = planFor(run);
  EXPECT_EQ(plan.phase, RunPhase::Deploying);
  ASSERT_THAT(plan.wave, SizeIs(2));
  EXPECT_EQ(plan.wave[0].ref.kind, StepKind::Switch);
}

TEST(TwoPhasePlan, KeepsTheGateClosedWhenOneServerDoesNotAnswer) {
  ReleaseRun run = runOver(2);
  setAll(run, StepKind::Prepare, StepState::Done);
  record(run, 0, StepKind::Check).state = StepState::Done;
  fail(run, 1, StepKind::Check, Code::Unavailable);
  const Plan plan = planFor(run);
  EXPECT_EQ(plan.phase, RunPhase::Failed);
  EXPECT_EQ(plan.reason, "GateClosed");
}

TEST(TwoPhasePlan, MakesAChangedPreparationAgainOnce) {
  ReleaseRun run = runOver(2);
  setAll(run, StepKind::Prepare, StepState::Done);
  record(run, 0, StepKind::Check).state = StepState::Done;
  fail(run, 1, StepKind::Check, Code::Conflict);
  record(run, 1, StepKind::Check).phase = "digest";
  Plan plan = planFor(run);
  ASSERT_THAT(plan.wave, SizeIs(1));
  EXPECT_EQ(plan.wave[0].operationId, "run-uid.prepare.web2.2");

  record(run, 1, StepKind::Prepare).attempt = 2;
  EXPECT_EQ(planFor(run).phase, RunPhase::Failed);
}

TEST(TwoPhasePlan, RetriesAServerThatCouldNotBeReachedUnderTheSameId) {
  ReleaseRun run = runOver(1);
  fail(run, 0, StepKind::Prepare, Code::Unavailable, 1);
  record(run, 0, StepKind::Prepare).phase = "connect";
  Plan plan = planFor(run, {{{0, StepKind::Prepare}, std::chrono::seconds(2)}});
  EXPECT_THAT(plan.wave, IsEmpty());
  EXPECT_EQ(plan.checkAgain, std::chrono::seconds(2));

  plan = planFor(run);
  ASSERT_THAT(plan.wave, SizeIs(1));
  EXPECT_EQ(plan.wave[0].operationId, "run-uid.prepare.web1.1");
}

TEST(TwoPhasePlan, NeverRetriesRefusedCredentials) {
  ReleaseRun run = runOver(1);
  fail(run, 0, StepKind::Prepare, Code::Denied, 1);
  EXPECT_EQ(planFor(run).phase, RunPhase::Failed);
}

TEST(TwoPhasePlan, StopsAndAsksWhenAHookEndedUnknown) {
  ReleaseRun run = runOver(1);
  fail(run, 0, StepKind::Prepare, Code::OutcomeUnknown, 1);
  EXPECT_EQ(planFor(run).phase, RunPhase::Failed);
}

TEST(TwoPhasePlan, LooksAgainAfterAnUnknownOutcomeUnderTheSameId) {
  ReleaseRun run = atSwitch(1);
  StepRecord& flip = record(run, 0, StepKind::Switch);
  flip.state = StepState::Unknown;
  flip.code = "OutcomeUnknown";
  flip.attempt = 1;
  flip.tries = 1;
  const Plan plan = planFor(run);
  ASSERT_THAT(plan.wave, SizeIs(1));
  EXPECT_EQ(plan.wave[0].attempt, 1);
}

TEST(TwoPhasePlan, UndoesTheFleetWhenOneSwitchFailsTwice) {
  ReleaseRun run = atSwitch(3);
  setAll(run, StepKind::Switch, StepState::Done);
  fail(run, 1, StepKind::Switch, Code::Conflict, 1);
  Plan plan = planFor(run);
  ASSERT_THAT(plan.wave, SizeIs(1));
  EXPECT_EQ(plan.wave[0].attempt, 2) << "one retry on that server";

  fail(run, 1, StepKind::Switch, Code::Conflict, 2);
  plan = planFor(run);
  EXPECT_EQ(plan.decision, Decision::Revert);
  EXPECT_EQ(plan.reason, "PartialSwitch");

  run.status.decisions.revert = "2026-01-01T00:00:01Z";
  run.status.decisions.revertReason = plan.reason;
  plan = planFor(run);
  EXPECT_EQ(plan.phase, RunPhase::RollingBack);
  ASSERT_THAT(plan.wave, SizeIs(3));
  EXPECT_EQ(plan.wave[0].ref.kind, StepKind::Undo);
  EXPECT_EQ(plan.wave[0].ref.target, 2U) << "in reverse";

  run.status.phase = plan.phase;
  setAll(run, StepKind::Undo, StepState::Done);
  EXPECT_EQ(planFor(run).phase, RunPhase::RolledBack);
}

TEST(TwoPhasePlan, HoldsAPartialSwitchWhereAsked) {
  ReleaseRun run = atSwitch(2);
  run.spec.spec.strategy.onPartialSwitch = OnPartialSwitch::Hold;
  record(run, 0, StepKind::Switch).state = StepState::Done;
  fail(run, 1, StepKind::Switch, Code::Conflict, 2);
  EXPECT_EQ(planFor(run).decision, Decision::Hold);
}

TEST(TwoPhasePlan, ARollbackIsNeverRolledBack) {
  ReleaseRun run = atSwitch(2);
  run.spec.reason = RunReason::Rollback;
  setAll(run, StepKind::Switch, StepState::Done);
  record(run, 0, StepKind::Verify).state = StepState::Done;
  fail(run, 1, StepKind::Verify, Code::Conflict);
  EXPECT_EQ(planFor(run).decision, Decision::Hold);
}

TEST(TwoPhasePlan, VerifiesAsOftenAsAskedAndThenUndoes) {
  ReleaseRun run = atSwitch(2);
  run.spec.spec.health.tcpPort = 80;
  run.spec.spec.health.attempts = 3;
  setAll(run, StepKind::Switch, StepState::Done);
  record(run, 0, StepKind::Verify).state = StepState::Done;
  fail(run, 1, StepKind::Verify, Code::Conflict, 2);
  Plan plan = planFor(run);
  ASSERT_THAT(plan.wave, SizeIs(1));
  EXPECT_EQ(plan.phase, RunPhase::HealthCheck);

  fail(run, 1, StepKind::Verify, Code::Conflict, 3);
  plan = planFor(run);
  EXPECT_EQ(plan.decision, Decision::Revert);
  EXPECT_EQ(plan.reason, "VerificationFailed");
}

void failForRoom(ReleaseRun& run, std::size_t target, int tries) {
  fail(run, target, StepKind::Prepare, Code::Unavailable, tries);
  record(run, target, StepKind::Prepare).code = kNoRoomCode;
}

TEST(TwoPhasePlan, MakesRoomOnAFullServerBeforeItTriesAgainThere) {
  ReleaseRun run = runOver(2);
  setAll(run, StepKind::Prepare, StepState::Done);
  failForRoom(run, 1, 1);
  Plan plan = planFor(run);
  ASSERT_THAT(plan.wave, SizeIs(1));
  EXPECT_EQ(plan.wave[0].ref, (StepRef{1, StepKind::Sync}));
  EXPECT_EQ(plan.reason, "MakingRoom");
  record(run, 1, StepKind::Sync) = {.state = StepState::Running, .attempt = 1};
  EXPECT_EQ(planFor(run).wave, plan.wave) << "the build waits for it";

  for (const StepState ended : {StepState::Done, StepState::Failed, StepState::Unknown}) {
    record(run, 1, StepKind::Sync).state = ended;
    plan = planFor(run);
    ASSERT_THAT(plan.wave, SizeIs(1));
    EXPECT_EQ(plan.wave[0].ref, (StepRef{1, StepKind::Prepare}));
    EXPECT_EQ(plan.wave[0].attempt, 2);
  }
  record(run, 1, StepKind::Prepare).attempt = 2;
  record(run, 1, StepKind::Prepare).tries = 2;
  EXPECT_EQ(planFor(run).wave[0].ref.kind, StepKind::Sync) << "once for each failure";

  failForRoom(run, 1, 4);
  EXPECT_EQ(planFor(run).phase, RunPhase::Failed);
}

TEST(TwoPhasePlan, DoesNotBuildAgainWhatMayRunOnceOnly) {
  ReleaseRun run = runOver(1);
  run.spec.spec.build.push_back({.name = "migrate", .run = "x", .idempotent = false});
  failForRoom(run, 0, 1);
  record(run, 0, StepKind::Prepare).phase = "migrate";
  EXPECT_EQ(planFor(run).phase, RunPhase::Failed);
  record(run, 0, StepKind::Prepare).phase = "space";
  EXPECT_EQ(planFor(run).wave[0].ref.kind, StepKind::Sync) << "nothing of the build has run";
}

TEST(TwoPhasePlan, DoesNotRepeatACheckThatCannotBeMade) {
  ReleaseRun run = atSwitch(1);
  run.spec.spec.health.container = ContainerCheck{"web"};
  setAll(run, StepKind::Switch, StepState::Done);
  fail(run, 0, StepKind::Verify, Code::Invalid, 1);
  EXPECT_EQ(planFor(run).decision, Decision::Revert);
}

TEST(TwoPhasePlan, CompletesEvenWhenOldReleasesCannotBeRemoved) {
  ReleaseRun run = atSwitch(2);
  setAll(run, StepKind::Switch, StepState::Done);
  setAll(run, StepKind::Verify, StepState::Done);
  ASSERT_THAT(planFor(run).wave, SizeIs(2));
  setAll(run, StepKind::Retire, StepState::Done);
  fail(run, 0, StepKind::Retire, Code::Internal, 1);
  const Plan plan = planFor(run);
  EXPECT_EQ(plan.phase, RunPhase::Completed);
  EXPECT_THAT(plan.message, HasSubstr("old releases stay: web1"));
}

TEST(TwoPhasePlan, AbortBeforeTheCommitKillsWhatRunsAndTouchesNothing) {
  ReleaseRun run = runOver(2);
  record(run, 0, StepKind::Prepare) = {.state = StepState::Running, .attempt = 1, .operationId = "op"};
  run.status.decisions.abort = "2026-01-01T00:00:00Z";
  Plan plan = planFor(run);
  EXPECT_EQ(plan.abort, (std::vector<std::string>{"op"}));
  EXPECT_THAT(plan.wave, IsEmpty());
  fail(run, 0, StepKind::Prepare, Code::Cancelled, 1);
  EXPECT_EQ(planFor(run).phase, RunPhase::Cancelled);
}

TEST(TwoPhasePlan, AbortAfterTheCommitIsAnUndo) {
  ReleaseRun run = atSwitch(2);
  run.status.decisions.abort = "2026-01-01T00:00:00Z";
  EXPECT_EQ(planFor(run).decision, Decision::Revert);
}

TEST(TwoPhasePlan, AServerThatIsGoneIsNeitherFailedNorWaitedFor) {
  ReleaseRun run = atSwitch(2);
  run.status.targets[1].gone = true;
  setAll(run, StepKind::Switch, StepState::Done);
  setAll(run, StepKind::Verify, StepState::Done);
  setAll(run, StepKind::Retire, StepState::Done);
  EXPECT_EQ(planFor(run).phase, RunPhase::Completed);
  run.status.targets[0].gone = true;
  EXPECT_EQ(planFor(run).phase, RunPhase::Failed);
}

TEST(TwoPhasePlan, AnUndoThatFailsStaysOpenAndSaysSo) {
  ReleaseRun run = atSwitch(2);
  setAll(run, StepKind::Switch, StepState::Done);
  run.status.decisions.revert = "2026-01-01T00:00:00Z";
  record(run, 0, StepKind::Undo).state = StepState::Done;
  fail(run, 1, StepKind::Undo, Code::Unavailable);
  const Plan plan = planFor(run);
  EXPECT_EQ(plan.phase, RunPhase::Paused);
  EXPECT_EQ(plan.reason, "RollbackIncomplete");
}

TEST(RecreatePlan, StopsBeforeTheSwitchAndStartsAfterIt) {
  ReleaseRun run = runOver(1, StrategyType::Recreate);
  run.spec.spec.process = Process{.start = "start", .stop = "stop"};
  std::vector<StepKind> kinds;
  for (const PreviewWave& wave : preview(run.spec, run.status.targets)) {
    kinds.push_back(wave.kind);
  }
  EXPECT_EQ(kinds, (std::vector<StepKind>{StepKind::Prepare, StepKind::Check, StepKind::Stop, StepKind::Switch,
                                          StepKind::Start, StepKind::Verify, StepKind::Retire}));
}

}  // namespace
}  // namespace slipway::planner
