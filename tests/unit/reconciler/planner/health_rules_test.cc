#include "reconciler/planner/health_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/planner/step_rules.h"
#include "reconciler/planner/two_phase.h"
#include "tests/support/run_builder.h"

namespace slipway::planner {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Health threeInARow() {
  Health health;
  health.tcpPort = 80;
  health.attempts = 6;
  health.successThreshold = 3;
  return health;
}

// The next answer, as a run takes it.
void answer(StepRecord& record, StepKind kind, const Health& health, bool good, const std::string& phase = "health") {
  ++record.tries;
  record.state = good ? StepState::Done : StepState::Failed;
  record.code = good ? "" : std::string(codeName(Code::Unavailable));
  record.phase = good ? "" : phase;
  record.message = good ? "" : "it broke";
  countAnswer(record, kind, health);
}

TEST(HealthRules, AnInstanceIsHealthyAfterSoManyGoodAnswersInARow) {
  const Health health = threeInARow();
  StepRecord record;
  for (const bool good : {true, true, false, true, true}) {
    answer(record, StepKind::Verify, health, good);
    EXPECT_NE(record.state, StepState::Done);
    EXPECT_EQ(needsMoreAnswers(record), good);
  }
  EXPECT_EQ(record.message, "healthy 2 of 3 times in a row");
  answer(record, StepKind::Verify, health, true);
  EXPECT_EQ(record.state, StepState::Done);
  EXPECT_EQ(record.successes, 3);
}

TEST(HealthRules, OneThatFlapsIsNotHealthyWhenItsAttemptsAreUsedUp) {
  ReleaseSpec spec;
  spec.health = threeInARow();
  StepRecord record;
  for (const bool good : {true, true, false, true, true, false}) {
    answer(record, StepKind::Verify, spec.health, good);
  }
  EXPECT_EQ(record.state, StepState::Failed);
  EXPECT_EQ(record.message, "it broke after 6 attempts");
  EXPECT_EQ(nextTry(StepKind::Verify, record, spec), NextTry::No);

  record = {};
  for (const bool good : {false, false, false, false, true, true}) {
    answer(record, StepKind::Verify, spec.health, good);
  }
  EXPECT_EQ(record.state, StepState::Failed);
  EXPECT_EQ(record.message, "healthy 2 of 3 times in a row after 6 attempts");
  EXPECT_EQ(nextTry(StepKind::Verify, record, spec), NextTry::No);
}

TEST(HealthRules, WhatCouldNotBeAskedSaysNothing) {
  const Health health = threeInARow();
  StepRecord record;
  answer(record, StepKind::Verify, health, true);
  answer(record, StepKind::Verify, health, false, "connect");
  EXPECT_EQ(record.successes, 1);
  EXPECT_EQ(record.failures, 0);
  answer(record, StepKind::Verify, health, true);
  EXPECT_EQ(record.successes, 2);
}

TEST(HealthRules, OneThatWasHealthyIsUnhealthyAfterSoManyBadAnswersInARow) {
  ReleaseSpec spec;
  spec.health = threeInARow();
  spec.health.attempts = 30;
  StepRecord record;
  for (const bool good : {false, false}) {
    answer(record, StepKind::Confirm, spec.health, good);
    EXPECT_EQ(nextTry(StepKind::Confirm, record, spec), NextTry::NewId);
  }
  answer(record, StepKind::Confirm, spec.health, true);
  EXPECT_EQ(record.state, StepState::Done) << "it is healthy as it was: no rise is asked for";
  record = {};
  for (int i = 0; i < 3; ++i) {
    answer(record, StepKind::Confirm, spec.health, false);
  }
  EXPECT_EQ(nextTry(StepKind::Confirm, record, spec), NextTry::No);
  EXPECT_EQ(record.message, "it broke, 3 times in a row");
  EXPECT_EQ(nextTry(StepKind::Verify, record, spec), NextTry::NewId) << "before it was healthy only attempts ends it";
  spec.health.failureThreshold = 5;
  EXPECT_EQ(nextTry(StepKind::Confirm, record, spec), NextTry::NewId);
  spec.health.failureThreshold = 0;
  spec.health.attempts = 2;
  EXPECT_EQ(spec.health.unhealthyAfter(), 2);
}

TEST(HealthRules, WithoutChecksNothingIsCounted) {
  StepRecord record;
  Health health;
  health.successThreshold = 3;
  answer(record, StepKind::Verify, health, true);
  EXPECT_EQ(record.state, StepState::Done);
}

// --- in a plan -------------------------------------------------------------------------------------------------------

ReleaseRun rollingOver(int servers, const Health& health) {
  ReleaseRun run = runOver(servers, StrategyType::Rolling);
  run.spec.spec.strategy.rolling = RollingSettings{.batchSize = {1, false}};
  run.spec.spec.health = health;
  setAll(run, StepKind::Prepare, StepState::Done);
  setAll(run, StepKind::Check, StepState::Done);
  run.status.decisions.commit = "2026-01-01T00:00:00Z";
  run.status.phase = RunPhase::Deploying;
  return run;
}

struct Known {
  std::map<StepRef, Duration> cooling = {};
  std::map<std::string, Duration> waited = {};
  std::set<StepRef> stale = {};
};

Plan planFor(const ReleaseRun& run, Known known = {}) {
  return strategyFor(run.spec.spec)
      .plan({run.meta.uid,
             run.spec,
             run.status,
             std::move(known.cooling),
             std::move(known.waited),
             {},
             std::move(known.stale)});
}

std::vector<std::string> operations(const Plan& plan) {
  std::vector<std::string> out;
  for (const PlannedStep& step : plan.wave) {
    out.push_back(step.operationId);
  }
  return out;
}

void finish(ReleaseRun& run, std::size_t target, StepKind kind) {
  record(run, target, kind).state = StepState::Done;
  record(run, target, kind).attempt = std::max(record(run, target, kind).attempt, 1);
}

TEST(HealthPlan, AnApplicationHasTimeToComeUpBeforeItIsAsked) {
  Health health = threeInARow();
  health.initialDelay = seconds(20);
  ReleaseRun run = rollingOver(1, health);
  finish(run, 0, StepKind::Switch);
  const Plan plan = planFor(run, {.waited = {{"initial-delay-verify-web1", seconds(5)}}});
  EXPECT_THAT(plan.wave, IsEmpty());
  EXPECT_EQ(plan.phase, RunPhase::HealthCheck);
  EXPECT_EQ(plan.reason, "InitialDelay");
  EXPECT_EQ(plan.wait, (PlannedWait{"initial-delay-verify-web1", seconds(20)}));
  EXPECT_EQ(plan.checkAgain, seconds(15));
  EXPECT_THAT(operations(planFor(run, {.waited = {{"initial-delay-verify-web1", seconds(20)}}})),
              ElementsAre("run-uid.verify.web1.1"));
  record(run, 0, StepKind::Verify).attempt = 1;
  record(run, 0, StepKind::Verify).state = StepState::Running;
  EXPECT_THAT(operations(planFor(run)), ElementsAre("run-uid.verify.web1.1")) << "it was asked before: no second wait";
}

TEST(HealthPlan, TheNextLookOfARowIsDueAfterTheIntervalUnderANewId) {
  ReleaseRun run = rollingOver(1, threeInARow());
  finish(run, 0, StepKind::Switch);
  StepRecord& verify = record(run, 0, StepKind::Verify);
  verify.attempt = 1;
  answer(verify, StepKind::Verify, run.spec.spec.health, true);
  Plan plan = planFor(run, {.cooling = {{{0, StepKind::Verify}, seconds(10)}}});
  EXPECT_THAT(plan.wave, IsEmpty());
  EXPECT_EQ(plan.checkAgain, seconds(10));
  EXPECT_THAT(operations(planFor(run)), ElementsAre("run-uid.verify.web1.2"));
}

TEST(HealthPlan, AnswersThatAreTooOldAreAskedAgainBeforeTheNextBatch) {
  Health health = threeInARow();
  health.freshness = seconds(30);
  ReleaseRun run = rollingOver(3, health);
  for (const StepKind kind : {StepKind::Switch, StepKind::Verify}) {
    finish(run, 0, kind);
    finish(run, 1, kind);
  }
  const std::set<StepRef> stale{{0, StepKind::Confirm}, {2, StepKind::Confirm}};
  Plan plan = planFor(run, {.stale = stale});
  EXPECT_THAT(operations(plan), ElementsAre("run-uid.confirm.web1.1"));
  EXPECT_THAT(plan.message, HasSubstr("before the next batch"));
  finish(run, 0, StepKind::Confirm);
  EXPECT_THAT(operations(planFor(run)), ElementsAre("run-uid.switch.web3.1"));
  EXPECT_THAT(operations(planFor(run, {.stale = stale})), ElementsAre("run-uid.confirm.web1.2"))
      << "the second answer has aged too";
  record(run, 2, StepKind::Switch).state = StepState::Running;
  record(run, 2, StepKind::Switch).attempt = 1;
  EXPECT_THAT(operations(planFor(run, {.stale = stale})), ElementsAre("run-uid.switch.web3.1"))
      << "the decision is behind";
  record(run, 2, StepKind::Switch) = {};
  fail(run, 0, StepKind::Confirm, Code::Unavailable);
  EXPECT_EQ(planFor(run).decision, Decision::Revert);
}

TEST(HealthPlan, TheGateAsksAgainWhatIsTooOld) {
  Health health = threeInARow();
  health.freshness = seconds(30);
  ReleaseRun run = rollingOver(2, health);
  run.status.decisions.commit.clear();
  run.status.phase = RunPhase::Preparing;
  Plan plan = planFor(run, {.stale = {{1, StepKind::Check}, {0, StepKind::Confirm}}});
  EXPECT_EQ(plan.decision, Decision::None);
  EXPECT_THAT(operations(plan), ElementsAre("run-uid.check.web2.2"));
  EXPECT_EQ(planFor(run).decision, Decision::Commit);
}

TEST(HealthPlan, ThePreviewNamesTheRowAndTheDelay) {
  Health health = threeInARow();
  health.initialDelay = seconds(20);
  const ReleaseRun run = rollingOver(1, health);
  const std::vector<PreviewWave> waves = preview(run.spec, run.status.targets);
  const auto verify =
      std::find_if(waves.begin(), waves.end(), [](const PreviewWave& wave) { return wave.kind == StepKind::Verify; });
  ASSERT_NE(verify, waves.end());
  EXPECT_THAT(verify->note, HasSubstr("until 3 in a row are good"));
  EXPECT_THAT((verify - 1)->note, HasSubstr("then 20s before it is asked for its health"));
}

}  // namespace
}  // namespace slipway::planner
