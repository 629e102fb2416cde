#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/planner/two_phase.h"
#include "tests/support/run_builder.h"

namespace slipway::planner {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// At the first switch: everything is prepared and checked.
ReleaseRun rollingOver(int servers, RollingSettings settings) {
  ReleaseRun run = runOver(servers, StrategyType::Rolling);
  run.spec.spec.strategy.rolling = std::move(settings);
  setAll(run, StepKind::Prepare, StepState::Done);
  setAll(run, StepKind::Check, StepState::Done);
  run.status.decisions.commit = "2026-01-01T00:00:00Z";
  run.status.phase = RunPhase::Deploying;
  return run;
}

Plan planFor(const ReleaseRun& run, std::map<std::string, Duration> waited = {}) {
  return strategyFor(run.spec.spec).plan({run.meta.uid, run.spec, run.status, {}, std::move(waited)});
}

std::vector<std::string> operations(const Plan& plan) {
  std::vector<std::string> out;
  for (const PlannedStep& step : plan.wave) {
    out.push_back(step.operationId);
  }
  return out;
}

void finish(ReleaseRun& run, const Plan& plan) {
  for (const PlannedStep& step : plan.wave) {
    StepRecord& one = record(run, step.ref.target, step.ref.kind);
    one.state = StepState::Done;
    one.attempt = step.attempt;
  }
  run.status.phase = plan.phase;
}

TEST(Amount, IsANumberOrAShareButAtLeastOneAndAtMostAll) {
  EXPECT_EQ((Amount{3, false}.of(10)), 3U);
  EXPECT_EQ((Amount{30, false}.of(10)), 10U);
  EXPECT_EQ((Amount{25, true}.of(10)), 2U);
  EXPECT_EQ((Amount{1, true}.of(10)), 1U);
  EXPECT_EQ((Amount{100, true}.of(7)), 7U);
}

TEST(RollingPlan, BeginsNothingBeforeEveryServerIsReady) {
  ReleaseRun run = runOver(4, StrategyType::Rolling);
  EXPECT_THAT(operations(planFor(run)), ElementsAre("run-uid.prepare.web1.1", "run-uid.prepare.web2.1",
                                                    "run-uid.prepare.web3.1", "run-uid.prepare.web4.1"));
  setAll(run, StepKind::Prepare, StepState::Done);
  fail(run, 3, StepKind::Check, Code::Unavailable);
  for (std::size_t i = 0; i < 3; ++i) {
    record(run, i, StepKind::Check).state = StepState::Done;
  }
  const Plan plan = planFor(run);
  EXPECT_EQ(plan.phase, RunPhase::Failed);
  EXPECT_EQ(plan.reason, "GateClosed");
}

TEST(RollingPlan, SwitchesTheNextBatchOnlyWhenTheOneBeforeIsVerified) {
  ReleaseRun run = rollingOver(3, {.batchSize = {2, false}, .order = {"web3"}});
  Plan plan = planFor(run);
  EXPECT_THAT(operations(plan), ElementsAre("run-uid.switch.web3.1", "run-uid.switch.web1.1"));
  EXPECT_EQ(plan.message, "batch 1 of 2: switching 2 servers to version 2.0.0");
  finish(run, plan);
  plan = planFor(run);
  EXPECT_THAT(operations(plan), ElementsAre("run-uid.verify.web3.1", "run-uid.verify.web1.1"));
  EXPECT_EQ(plan.phase, RunPhase::HealthCheck);
  record(run, 0, StepKind::Verify).state = StepState::Done;
  EXPECT_THAT(operations(planFor(run)), ElementsAre("run-uid.verify.web3.1"));
  record(run, 2, StepKind::Verify).state = StepState::Done;
  plan = planFor(run);
  EXPECT_THAT(operations(plan), ElementsAre("run-uid.switch.web2.1"));
  EXPECT_EQ(plan.step, "switched 2/3");
}

TEST(RollingPlan, NeverHasMoreServersOutOfServiceThanAllowed) {
  const ReleaseRun run = rollingOver(10, {.batchSize = {50, true}, .maxUnavailable = Amount{2, false}});
  EXPECT_EQ(planFor(run).wave.size(), 2U);
}

TEST(RollingPlan, WaitsBetweenBatches) {
  ReleaseRun run = rollingOver(2, {.pauseBetween = seconds(30)});
  finish(run, planFor(run));
  finish(run, planFor(run));
  Plan plan = planFor(run);
  ASSERT_TRUE(plan.wait.has_value());
  EXPECT_EQ(*plan.wait, (PlannedWait{"after-batch-1", seconds(30)}));
  EXPECT_THAT(plan.wave, IsEmpty());
  plan = planFor(run, {{"after-batch-1", seconds(29)}});
  EXPECT_EQ(plan.checkAgain, Duration(seconds(1)));
  EXPECT_THAT(operations(planFor(run, {{"after-batch-1", seconds(30)}})), ElementsAre("run-uid.switch.web2.1"));
}

TEST(RollingPlan, TakesTheLastBatchBackFirst) {
  ReleaseRun run = rollingOver(3, {});
  finish(run, planFor(run));
  finish(run, planFor(run));
  finish(run, planFor(run));
  ASSERT_EQ(record(run, 1, StepKind::Switch).state, StepState::Done);
  fail(run, 1, StepKind::Verify, Code::Unavailable);
  Plan plan = planFor(run);
  EXPECT_EQ(plan.decision, Decision::Revert);
  EXPECT_EQ(plan.reason, "VerificationFailed");
  run.status.decisions.revert = "now";
  plan = planFor(run);
  EXPECT_THAT(operations(plan), ElementsAre("run-uid.undo.web2.1"));
  finish(run, plan);
  plan = planFor(run);
  EXPECT_THAT(operations(plan), ElementsAre("run-uid.undo.web1.1"));
  finish(run, plan);
  plan = planFor(run);
  EXPECT_EQ(plan.phase, RunPhase::RolledBack);
}

TEST(RollingPlan, IsShownBatchByBatch) {
  RunSpec run = rollingOver(3, {.batchSize = {2, false}, .pauseBetween = seconds(10)}).spec;
  std::vector<std::string> waves;
  for (const PreviewWave& wave : preview(run, runOver(3).status.targets)) {
    waves.push_back(std::string(stepName(wave.kind)) + " " + std::to_string(wave.targets.size()));
  }
  EXPECT_THAT(waves, ElementsAre("prepare 3", "check 3", "switch 2", "verify 2", "switch 1", "verify 1", "retire 3"));
  EXPECT_THAT(preview(run, runOver(3).status.targets)[3].note, ::testing::HasSubstr("then 10s before the next batch"));
}

}  // namespace
}  // namespace slipway::planner
