// BlueGreen where whole servers are blue or green.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/planner/estimate.h"
#include "reconciler/planner/shift.h"
#include "reconciler/planner/shift_script.h"
#include "tests/support/run_builder.h"

namespace slipway::planner {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// web1 and web2 are north, web3 and web4 south.
ReleaseRun runOfGroups() {
  ReleaseRun run = runOver(4, StrategyType::BlueGreen);
  ReleaseSpec& spec = run.spec.spec;
  spec.traffic = TrafficSpec{};
  spec.traffic->servers = {"edge"};
  spec.traffic->port = 80;
  spec.strategy.blueGreen = BlueGreenSettings{};
  spec.strategy.blueGreen->groups = {{"north", {{"side", "north"}}}, {"south", {{"side", "south"}}}};
  for (std::size_t i = 0; i < 4; ++i) {
    run.status.targets[i].group = i < 2 ? "north" : "south";
    run.status.targets[i].before = "1.0.0";
  }
  return run;
}

ReleaseRun committed() {
  ReleaseRun run = runOfGroups();
  setAll(run, StepKind::Prepare, StepState::Done);
  setAll(run, StepKind::Check, StepState::Done);
  run.status.decisions.commit = "now";
  run.status.phase = RunPhase::Deploying;
  return run;
}

Plan planFor(const ReleaseRun& run, std::map<std::string, Duration> waited = {}) {
  return ShiftStrategy().plan({run.meta.uid, run.spec, run.status, {}, std::move(waited)});
}

void traffic(ReleaseRun& run, int weight, std::vector<std::string> fresh, std::vector<std::string> stable) {
  TrafficChange& change = run.status.traffic;
  ++change.number;
  change.record.state = StepState::Done;
  change.weight = {weight, weight, weight};
  change.fresh = std::move(fresh);
  change.stable = std::move(stable);
}

void groupDone(ReleaseRun& run, std::size_t first, std::initializer_list<StepKind> kinds) {
  for (const StepKind kind : kinds) {
    for (std::size_t i = first; i < first + 2; ++i) {
      record(run, i, kind).state = StepState::Done;
      record(run, i, kind).attempt = 1;
    }
  }
}

std::vector<std::string> waves(const ReleaseRun& run, const std::string& live = "") {
  std::vector<std::string> out;
  for (const PreviewWave& wave : preview(run.spec, run.status.targets, live)) {
    std::string names;
    for (const std::string& name : wave.targets) {
      names += " " + name;
    }
    out.push_back(wave.kind == StepKind::Traffic ? wave.note.substr(0, wave.note.find(';'))
                                                 : std::string(stepName(wave.kind)) + names);
  }
  return out;
}

TEST(GroupPlan, SwitchesTheIdleGroupAndMovesAllTrafficInOneChange) {
  ReleaseRun run = runOfGroups();
  EXPECT_THAT(waves(run, "north"),
              ElementsAre("prepare web1 web2 web3 web4", "check web1 web2 web3 web4",
                          "0% to the new version, 100% to the old one on web1, web2", "switch web3 web4",
                          "verify web3 web4", "confirm web3 web4", "100% to the new version on web3, web4",
                          "switch web1 web2", "verify web1 web2", "retire web1 web2 web3 web4"));
  EXPECT_THAT(waves(run, "south")[3], "switch web1 web2");
}

TEST(GroupPlan, LeavesTheOldGroupAsItIsWhenItIsKept) {
  ReleaseRun run = runOfGroups();
  run.spec.spec.strategy.blueGreen->oldGroup = OldGroup::Keep;
  const std::vector<std::string> all = waves(run, "north");
  EXPECT_EQ(all.back(), "retire web1 web2 web3 web4");
  EXPECT_EQ(all[all.size() - 2], "100% to the new version on web3, web4");
  EXPECT_TRUE(staysOld(run.spec.spec, run.status, run.status.targets[0]));
  EXPECT_FALSE(staysOld(run.spec.spec, run.status, run.status.targets[2]));
}

TEST(GroupPlan, TakesTheFirstGroupForTheLiveOneWhereNothingIsKnown) {
  ReleaseRun run = runOfGroups();
  EXPECT_EQ(liveGroup(run.spec.spec, run.status), "north");
  EXPECT_EQ(freshGroup(run.spec.spec, run.status), "south");
  run.status.liveGroup = "renamed since";
  EXPECT_EQ(liveGroup(run.spec.spec, run.status), "north");
  run.status.liveGroup = "south";
  EXPECT_EQ(freshGroup(run.spec.spec, run.status), "north");
  for (RunTarget& target : run.status.targets) {
    target.before.clear();
  }
  run.status.liveGroup.clear();
  EXPECT_EQ(liveGroup(run.spec.spec, run.status), "") << "a first deployment";
  EXPECT_EQ(freshGroup(run.spec.spec, run.status), "north");
}

TEST(GroupPlan, TakesTheGroupOutOfRotationBeforeAnythingOfItIsTouched) {
  ReleaseRun run = committed();
  run.status.liveGroup = "north";
  const Plan plan = planFor(run);
  ASSERT_TRUE(plan.traffic.has_value());
  EXPECT_THAT(plan.traffic->stable, ElementsAre(0, 1));
  EXPECT_EQ(plan.traffic->weight, 0);
  EXPECT_TRUE(plan.wave.empty());
}

TEST(GroupPlan, WaitsForAPersonWithTheTrafficOnTheOldGroup) {
  ReleaseRun run = committed();
  run.status.liveGroup = "north";
  run.spec.spec.strategy.blueGreen->autoPromote = false;
  traffic(run, 0, {}, {"web1", "web2"});
  groupDone(run, 2, {StepKind::Switch, StepKind::Verify});
  run.status.canaryStep = 1;
  EXPECT_EQ(planFor(run).reason, "AwaitingPromotion");
  run.status.decisions.promotedStep = 1;
  run.status.canaryStep = 2;
  groupDone(run, 2, {StepKind::Confirm});
  const Plan plan = planFor(run);
  ASSERT_TRUE(plan.traffic.has_value()) << plan.message;
  EXPECT_EQ(plan.traffic->weight, 100);
  EXPECT_THAT(plan.traffic->fresh, ElementsAre(2, 3));
  EXPECT_TRUE(plan.traffic->stable.empty());
}

TEST(GroupPlan, MovesTheTrafficBackBeforeTheNewVersionIsTakenBack) {
  ReleaseRun run = committed();
  run.status.liveGroup = "north";
  run.status.phase = RunPhase::RollingBack;
  run.status.decisions.revert = "now";
  groupDone(run, 2, {StepKind::Switch, StepKind::Verify, StepKind::Confirm});
  traffic(run, 100, {"web3", "web4"}, {});
  const Plan back = planFor(run);
  ASSERT_TRUE(back.traffic.has_value());
  EXPECT_EQ(back.traffic->weight, 0);
  EXPECT_THAT(back.traffic->stable, ElementsAre(0, 1));
  traffic(run, 0, {}, {"web1", "web2"});
  const Plan undo = planFor(run);
  ASSERT_EQ(undo.wave.size(), 2U);
  EXPECT_EQ(undo.wave[0].ref.kind, StepKind::Undo);
  EXPECT_THAT((std::vector{undo.wave[0].ref.target, undo.wave[1].ref.target}), ElementsAre(3, 2));
}

TEST(GroupPlan, TakesTheOldGroupBackFirstWhenItWasBeingUpdated) {
  ReleaseRun run = committed();
  run.status.liveGroup = "north";
  run.status.phase = RunPhase::RollingBack;
  run.status.decisions.revert = "now";
  groupDone(run, 0, {StepKind::Switch});
  groupDone(run, 2, {StepKind::Switch, StepKind::Verify, StepKind::Confirm});
  traffic(run, 100, {"web3", "web4"}, {});
  const Plan undo = planFor(run);
  EXPECT_FALSE(undo.traffic.has_value()) << "it runs the new version still";
  ASSERT_EQ(undo.wave.size(), 2U);
  EXPECT_EQ(undo.wave[0].ref.target, 1U);
}

TEST(GroupPlan, CompletesWhereAServerWithoutTrafficDoesNotTakeTheVersion) {
  ReleaseRun run = committed();
  run.status.liveGroup = "north";
  run.status.canaryStep = 1;
  groupDone(run, 2, {StepKind::Switch, StepKind::Verify, StepKind::Confirm});
  traffic(run, 100, {"web3", "web4"}, {});
  EXPECT_EQ(planFor(run).reason, "KeepingOld");
  const std::map<std::string, Duration> waited{{"scale-down", seconds(30)}};
  EXPECT_EQ(planFor(run, waited).wave.at(0).ref.target, 0U);
  groupDone(run, 0, {StepKind::Switch, StepKind::Verify});
  fail(run, 0, StepKind::Verify, Code::Unavailable);
  setAll(run, StepKind::Retire, StepState::Done);
  const Plan end = planFor(run, waited);
  EXPECT_EQ(end.phase, RunPhase::Completed);
  EXPECT_THAT(end.message, HasSubstr("live on group south; without traffic and not on it: web1"));
}

TEST(GroupPlan, RevertsWhenNoServerOfTheGroupIsLeft) {
  ReleaseRun run = committed();
  run.status.liveGroup = "north";
  run.status.targets[2].gone = run.status.targets[3].gone = true;
  const Plan plan = planFor(run);
  EXPECT_EQ(plan.decision, Decision::Revert);
  EXPECT_EQ(plan.reason, "GroupGone");
  EXPECT_THAT(plan.message, HasSubstr("no server of group south is left"));
}

TEST(GroupPlan, TakesTheRoomOfOneInstance) {
  slipway::Strategy strategy = runOfGroups().spec.spec.strategy;
  EXPECT_EQ(takesRoomAs(strategy), StrategyType::Atomic);
  strategy.blueGreen->groups.clear();
  EXPECT_EQ(takesRoomAs(strategy), StrategyType::BlueGreen);
}

}  // namespace
}  // namespace slipway::planner
