#include "reconciler/planner/shift.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/planner/traffic_goal.h"
#include "tests/support/run_builder.h"

namespace slipway::planner {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

CanaryStep weight(int percent) { return {.kind = CanaryStep::Kind::SetWeight, .weight = percent}; }

ReleaseRun runWith(int servers, StrategyType type) {
  ReleaseRun run = runOver(servers, type);
  ReleaseSpec& spec = run.spec.spec;
  spec.slots = Slots{8081, 8082};
  spec.traffic = TrafficSpec{};
  spec.traffic->servers = {"edge"};
  spec.process = Process{.start = "up", .stop = "down"};
  return run;
}

std::vector<std::string> waves(const ReleaseRun& run) {
  std::vector<std::string> out;
  for (const PreviewWave& wave : preview(run.spec, run.status.targets)) {
    out.push_back(wave.kind == StepKind::Traffic
                      ? wave.note.substr(0, wave.note.find(';'))
                      : std::string(stepName(wave.kind)) + " " + std::to_string(wave.targets.size()));
  }
  return out;
}

// At the first step: everything is prepared and checked, and an old version runs in the blue slots.
ReleaseRun committed(int servers, StrategyType type) {
  ReleaseRun run = runWith(servers, type);
  setAll(run, StepKind::Prepare, StepState::Done);
  setAll(run, StepKind::Check, StepState::Done);
  for (RunTarget& target : run.status.targets) {
    target.before = "1.0.0";
    target.slotBefore = "blue";
    target.slot = "green";
  }
  run.status.decisions.commit = "2026-01-01T00:00:00Z";
  run.status.phase = RunPhase::Deploying;
  return run;
}

Plan planFor(const ReleaseRun& run, std::map<std::string, Duration> waited = {}) {
  return strategyFor(run.spec.spec).plan({run.meta.uid, run.spec, run.status, {}, std::move(waited)});
}

void traffic(ReleaseRun& run, int percent) {
  run.status.traffic = {1, {}, {percent, percent, percent}, {}, {}};
  run.status.traffic.record.state = StepState::Done;
  for (const RunTarget& target : run.status.targets) {
    if (target.stateOf(StepKind::Verify) == StepState::Done) {
      run.status.traffic.fresh.push_back(target.name);
    }
    if (percent < 100) {
      run.status.traffic.stable.push_back(target.name);
    }
  }
}

TEST(Capacity, IsWhatReadyInstancesCanCarry) {
  const Capacity four(4);
  EXPECT_EQ(four.of(0), 0);
  EXPECT_EQ(four.of(1), 25);
  EXPECT_EQ(four.of(9), 100);
  EXPECT_EQ(Capacity(3).of(1), 34) << "rounded up: weights are whole percent";
  EXPECT_EQ(four.needed(0), 0U);
  EXPECT_EQ(four.needed(25), 1U);
  EXPECT_EQ(four.needed(26), 2U);
  EXPECT_EQ(four.needed(100), 4U);
}

TEST(BlueGreenPlan, ChangesTrafficOnce) {
  EXPECT_THAT(waves(runWith(3, StrategyType::BlueGreen)),
              ElementsAre("prepare 3", "check 3", "place 3", "start 3", "verify 3", "confirm 3",
                          "100% to the new version on web1, web2, web3", "switch 3", "scale-down 3", "retire 3"));
}

TEST(CanaryPlan, BringsUpAsManyInstancesAsTheWeightNeeds) {
  ReleaseRun run = runWith(4, StrategyType::Canary);
  run.spec.spec.strategy.canary = CanarySettings{.steps = {weight(25), weight(50)}};
  EXPECT_THAT(waves(run),
              ElementsAre("prepare 4", "check 4", "place 1", "start 1", "verify 1",
                          "25% to the new version on web1, 75% to the old one on web1, web2, web3, web4", "place 1",
                          "start 1", "verify 1", "confirm 2",
                          "50% to the new version on web1, web2, 50% to the old one on web1, web2, web3, web4",
                          "place 2", "start 2", "verify 2", "confirm 4",
                          "100% to the new version on web1, web2, web3, web4", "switch 4", "scale-down 4", "retire 4"));
}

TEST(CanaryPlan, WithASmallSurgeStopsOldInstancesAsTheirTrafficMoves) {
  ReleaseRun run = runWith(2, StrategyType::Canary);
  run.spec.spec.strategy.canary = CanarySettings{.steps = {weight(50)}, .maxSurge = {1, false}};
  EXPECT_THAT(waves(run), ElementsAre("prepare 2", "check 2", "place 1", "start 1", "verify 1",
                                      "50% to the new version on web1, 50% to the old one on web1, web2",
                                      "50% to the new version on web1, 50% to the old one on web2", "scale-down 1",
                                      "place 1", "start 1", "verify 1", "confirm 2",
                                      "100% to the new version on web1, web2", "switch 2", "scale-down 1", "retire 2"));
}

TEST(CanaryPlan, WithoutSlotsTakesServersOutOfRotationFirst) {
  ReleaseRun run = runWith(2, StrategyType::Canary);
  run.spec.spec.slots.reset();
  run.spec.spec.strategy.canary = CanarySettings{.steps = {weight(50)}};
  EXPECT_THAT(waves(run),
              ElementsAre("prepare 2", "check 2", "0% to the new version, 100% to the old one on web2", "switch 1",
                          "verify 1", "50% to the new version on web1, 50% to the old one on web2", "confirm 1",
                          "100% to the new version on web1", "switch 1", "verify 1",
                          "100% to the new version on web1, web2", "retire 2"));
}

TEST(CanaryPlan, WithoutSlotsDoesNotSwitchTheLastServerUnderItsTraffic) {
  ReleaseRun run = committed(2, StrategyType::Canary);
  run.spec.spec.slots.reset();
  run.spec.spec.strategy.canary = CanarySettings{.steps = {weight(50)}};
  for (const StepKind kind : {StepKind::Switch, StepKind::Verify}) {
    record(run, 0, kind).state = StepState::Done;
  }
  traffic(run, 50);
  run.status.canaryStep = 1;
  run.status.targets[0].gone = true;
  const Plan back = planFor(run);
  ASSERT_TRUE(back.traffic.has_value());
  EXPECT_EQ(back.traffic->weight, 0) << "all that is left is the old version";
  run.status.traffic = {2, {}, {0, 0, 0}, {}, {"web2"}};
  run.status.traffic.record.state = StepState::Done;
  const Plan fails = planFor(run);
  EXPECT_TRUE(fails.wave.empty());
  EXPECT_EQ(fails.reason, "NobodyToCarry");
  EXPECT_THAT(fails.message, HasSubstr("no server is left that could carry the requests"));
}

TEST(CanaryPlan, HoldsAtAManualPauseAndNamesWhoEndsIt) {
  ReleaseRun run = committed(2, StrategyType::Canary);
  run.spec.spec.strategy.canary = CanarySettings{.steps = {{.kind = CanaryStep::Kind::Pause}, weight(50)}};
  Plan plan = planFor(run);
  EXPECT_EQ(plan.phase, RunPhase::Paused);
  EXPECT_EQ(plan.reason, "AwaitingPromotion");
  EXPECT_EQ(plan.step, "step 1/2");
  EXPECT_THAT(plan.message, HasSubstr("waits for a person: slipway promote"));
  run.status.decisions.promotedStep = 0;
  EXPECT_EQ(planFor(run).decision, Decision::NextStep);
}

TEST(CanaryPlan, BakesAsLongAsConfigured) {
  ReleaseRun run = committed(2, StrategyType::Canary);
  run.spec.spec.strategy.canary = CanarySettings{.steps = {{.kind = CanaryStep::Kind::Pause, .pause = seconds(60)}}};
  EXPECT_EQ(planFor(run).wait, (PlannedWait{"step-1", seconds(60)}));
  EXPECT_EQ(planFor(run, {{"step-1", seconds(59)}}).checkAgain, Duration(seconds(1)));
  EXPECT_EQ(planFor(run, {{"step-1", seconds(60)}}).decision, Decision::NextStep);
}

TEST(CanaryPlan, AsksForAnAnalysisAndFollowsItsVerdict) {
  ReleaseRun run = committed(2, StrategyType::Canary);
  run.spec.spec.strategy.canary =
      CanarySettings{.steps = {{.kind = CanaryStep::Kind::Analysis, .templates = {"errors"}}}};
  EXPECT_EQ(planFor(run).analysis, (PlannedAnalysis{0, {"errors"}}));
  run.status.analyses["0"].verdict = "Successful";
  EXPECT_EQ(planFor(run).decision, Decision::NextStep);
  run.status.analyses["0"].verdict = "Failed";
  EXPECT_EQ(planFor(run).decision, Decision::Revert);
  run.status.analyses["0"].verdict = "Inconclusive";
  EXPECT_EQ(planFor(run).decision, Decision::Hold) << "never success";
}

TEST(CanaryPlan, GoesBackThroughTheWeightsAfterAnAbortOnlyWhenAsked) {
  ReleaseRun run = committed(2, StrategyType::Canary);
  CanarySettings& canary = run.spec.spec.strategy.canary.emplace();
  canary.steps = {weight(10), weight(50)};
  setAll(run, StepKind::Place, StepState::Done);
  setAll(run, StepKind::Start, StepState::Done);
  setAll(run, StepKind::Verify, StepState::Done);
  traffic(run, 50);
  run.status.decisions.abort = run.status.decisions.revert = "now";
  run.status.decisions.revertMessage = "the run was stopped";
  EXPECT_EQ(planFor(run).traffic->weight, 0);
  canary.gradualAbort = seconds(10);
  EXPECT_EQ(planFor(run).traffic->weight, 10);
  run.status.decisions.revertMessage = "web1: no answer";
  EXPECT_EQ(planFor(run).traffic->weight, 0) << "a failure goes back at once";
}

TEST(ShiftPlan, SeesATrafficChangeUnderWayToItsEnd) {
  ReleaseRun run = committed(2, StrategyType::Canary);
  run.spec.spec.strategy.canary = CanarySettings{.steps = {weight(50)}};
  setAll(run, StepKind::Place, StepState::Done);
  setAll(run, StepKind::Start, StepState::Done);
  setAll(run, StepKind::Verify, StepState::Done);
  traffic(run, 50);
  run.status.traffic.record.state = StepState::Running;
  run.status.traffic.record.attempt = 1;
  run.status.decisions.revert = "now";
  EXPECT_EQ(planFor(run).traffic->operationId, "run-uid.traffic.1.1");
  EXPECT_EQ(planFor(run).traffic->weight, 50);
}

TEST(ShiftPlan, SeesThatFreeSlotsGetNothingBeforeItPutsAVersionThere) {
  for (const StrategyType type : {StrategyType::BlueGreen, StrategyType::Canary, StrategyType::Rolling}) {
    ReleaseRun run = committed(2, type);
    const Plan plan = planFor(run);
    ASSERT_TRUE(plan.traffic.has_value());
    EXPECT_EQ(plan.reason, "FreeingSlots");
    EXPECT_EQ(plan.phase, RunPhase::Deploying);
    EXPECT_TRUE(plan.wave.empty());
    EXPECT_EQ(plan.traffic->weight, 0);
    EXPECT_THAT(plan.traffic->stable, ElementsAre(0, 1));
    traffic(run, 0);
    EXPECT_EQ(planFor(run).reason, "Placing");
  }
}

TEST(ShiftPlan, FreesTheSlotsOfAFirstDeploymentAsWell) {
  ReleaseRun run = committed(1, StrategyType::BlueGreen);
  run.status.targets[0].before = run.status.targets[0].slotBefore = "";
  EXPECT_EQ(planFor(run).reason, "FreeingSlots");
  EXPECT_THAT(planFor(run).traffic->stable, ElementsAre());
}

TEST(ShiftPlan, GoesBackWithoutTheProxiesWhereNothingWasPlaced) {
  ReleaseRun run = committed(2, StrategyType::BlueGreen);
  traffic(run, 0);
  run.status.traffic.record.state = StepState::Failed;
  run.status.decisions.revert = "now";
  run.status.phase = RunPhase::RollingBack;
  EXPECT_EQ(planFor(run).phase, RunPhase::RolledBack);
  run.status.traffic.record.state = StepState::Running;
  run.status.traffic.record.attempt = 1;
  ASSERT_TRUE(planFor(run).traffic.has_value()) << "what is under way is seen to its end";
  EXPECT_EQ(planFor(run).traffic->operationId, "run-uid.traffic.1.1");
}

TEST(ShiftPlan, TakesTrafficBackAlsoWhereTheOnlyServerThatHadTheNewVersionHasGone) {
  ReleaseRun run = committed(2, StrategyType::Canary);
  for (const StepKind kind : {StepKind::Place, StepKind::Start, StepKind::Verify}) {
    record(run, 0, kind).state = StepState::Done;
  }
  traffic(run, 50);
  run.status.targets[0].gone = true;
  run.status.decisions.revert = "now";
  run.status.phase = RunPhase::RollingBack;
  const Plan plan = planFor(run);
  ASSERT_TRUE(plan.traffic.has_value()) << plan.message;
  EXPECT_EQ(plan.traffic->weight, 0);
  EXPECT_THAT(plan.traffic->stable, ElementsAre(1));
}

TEST(RollingPlan, InSlotsFollowsTheSurge) {
  ReleaseRun run = runWith(3, StrategyType::Rolling);
  run.spec.spec.strategy.rolling = RollingSettings{.maxSurge = {1, false}};
  const std::vector<std::string> all = waves(run);
  EXPECT_EQ(std::count(all.begin(), all.end(), "place 1"), 3);
  EXPECT_EQ(all.back(), "retire 3");
}

TEST(RollingPlan, KeepsABatchWithinOneZoneAndTheLeaderLast) {
  ReleaseRun run = runOver(4, StrategyType::Rolling);
  run.spec.spec.strategy.rolling = RollingSettings{.batchSize = {2, false}, .last = {"web1"}, .zoneLabel = "zone"};
  const char* const zones[] = {"a", "b", "b", "b"};
  for (std::size_t i = 0; i < 4; ++i) {
    run.status.targets[i].zone = zones[i];
  }
  std::vector<std::string> switched;
  for (const PreviewWave& wave : preview(run.spec, run.status.targets)) {
    if (wave.kind == StepKind::Switch) {
      switched.push_back(::testing::PrintToString(wave.targets));
    }
  }
  EXPECT_THAT(switched, ElementsAre(R"({ "web2", "web3" })", R"({ "web4" })", R"({ "web1" })"));
}

TEST(RollingPlan, ChecksAgainAfterMinReady) {
  ReleaseRun run = runOver(2, StrategyType::Rolling);
  run.spec.spec.strategy.rolling = RollingSettings{.minReady = seconds(20)};
  EXPECT_THAT(waves(run), ElementsAre("prepare 2", "check 2", "switch 1", "verify 1", "confirm 1", "switch 1",
                                      "verify 1", "confirm 1", "retire 2"));
}

}  // namespace
}  // namespace slipway::planner
