#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/planner/cluster/cluster_pass.h"
#include "reconciler/planner/plan.h"
#include "tests/support/run_builder.h"

namespace slipway::planner {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A cluster of which every server runs 1.0.0, at the gate or, `committed`, before its first switch.
class Stage {
 public:
  explicit Stage(int servers, bool committed = true) : run_(runOver(servers, StrategyType::Rolling)) {
    run_.spec.spec.cluster.emplace().roleProbe.http.emplace();
    setAll(run_, StepKind::Prepare, StepState::Done);
    setAll(run_, StepKind::Check, StepState::Done);
    for (RunTarget& target : run_.status.targets) {
      target.voter = true;
      target.before = "1.0.0";
    }
    run_.status.phase = RunPhase::Preparing;
    if (committed) {
      run_.status.decisions.commit = "now";
      run_.status.phase = RunPhase::Deploying;
    }
  }

  ReleaseRun& run() { return run_; }
  RunStatus& status() { return run_.status; }

  // "L" leads, "f" follows, "-" is down.
  void say(const std::string& roles, Duration age = seconds(1)) {
    std::map<std::string, MemberSight> members;
    for (std::size_t i = 0; i < roles.size(); ++i) {
      const std::string role = roles[i] == 'L' ? "Leader" : roles[i] == 'f' ? "Follower" : "Unknown";
      members["web" + std::to_string(i + 1)] = {role, "", role == "Unknown" ? "refused" : ""};
    }
    takeSurvey(run_.status.cluster, std::move(members), "now");
    age_ = age;
  }
  void forgetAge() { age_.reset(); }

  Plan plan() {
    return strategyFor(run_.spec.spec).plan({run_.meta.uid, run_.spec, run_.status, {}, waited_, {}, {}, age_});
  }

  // Follows plans until one starts something, asks the members, or waits; decisions are taken on the way.
  Plan next() {
    for (int i = 0; i < 50; ++i) {
      Plan plan = this->plan();
      if (plan.decision == Decision::NextBatch) {
        takeBatch(run_.status.cluster, *plan.batch, run_.status.targets);
      } else if (plan.decision == Decision::Commit) {
        run_.status.decisions.commit = "now";
      } else if (plan.decision == Decision::Revert) {
        run_.status.decisions.revert = "now";
        run_.status.decisions.revertReason = plan.reason;
        run_.status.decisions.revertMessage = plan.message;
      } else {
        run_.status.phase = plan.phase;
        return plan;
      }
    }
    ADD_FAILURE() << "decides for ever";
    return {};
  }

  // Does what the plan starts.
  void finish(const Plan& plan) {
    for (const PlannedStep& step : plan.wave) {
      record(run_, step.ref.target, step.ref.kind).state = StepState::Done;
      record(run_, step.ref.target, step.ref.kind).attempt = step.attempt;
    }
  }

  // Until nothing of the batch is left to start: its servers, by the names of what was started.
  std::vector<std::string> batch() {
    std::vector<std::string> out;
    for (Plan plan = next(); !plan.wave.empty(); plan = next()) {
      for (const PlannedStep& step : plan.wave) {
        if (step.ref.kind == StepKind::Switch || step.ref.kind == StepKind::Undo) {
          out.push_back(run_.status.targets[step.ref.target].name);
        }
      }
      finish(plan);
      forgetAge();
    }
    return out;
  }

  void wait(const Plan& plan) { waited_[plan.wait->name] = plan.wait->duration; }

 private:
  ReleaseRun run_;
  std::map<std::string, Duration> waited_;
  std::optional<Duration> age_;
};

TEST(ClusterPlan, AsksForRolesBeforeTheDecisionToSwitch) {
  Stage stage(3, false);
  const Plan asks = stage.next();
  ASSERT_TRUE(asks.survey.has_value());
  EXPECT_EQ(asks.survey->operationId, "run-uid.roles.1");
  EXPECT_EQ(asks.reason, "AskingRoles");
  EXPECT_TRUE(stage.status().decisions.commit.empty());
  stage.say("Lff");
  EXPECT_EQ(stage.plan().decision, Decision::Commit);
}

TEST(ClusterPlan, TakesFollowersFirstAndTheLeaderLastAsRolesMove) {
  Stage stage(3);
  stage.say("Lff");
  EXPECT_THAT(stage.batch(), ElementsAre("web2"));
  EXPECT_TRUE(stage.next().survey.has_value()) << "asked again before each batch";
  stage.say("ffL");
  EXPECT_THAT(stage.batch(), ElementsAre("web1")) << "web3 leads now";
  stage.say("ffL");
  EXPECT_THAT(stage.batch(), ElementsAre("web3"));
  stage.say("fLf");
  const Plan end = stage.next();
  ASSERT_FALSE(end.wave.empty());
  EXPECT_EQ(end.wave.front().ref.kind, StepKind::Retire);
  EXPECT_EQ(stage.status().cluster.batches, (std::vector<std::vector<std::string>>{{"web2"}, {"web1"}, {"web3"}}));
}

TEST(ClusterPlan, DecidesAnewWhoIsNextAsLongAsNothingWasDone) {
  Stage stage(3);
  stage.say("Lff");
  const Plan first = stage.plan();
  ASSERT_EQ(first.decision, Decision::NextBatch);
  takeBatch(stage.status().cluster, *first.batch, stage.status().targets);
  stage.forgetAge();  // the controller was restarted
  EXPECT_TRUE(stage.plan().survey.has_value());
  stage.say("fLf");
  const Plan again = stage.plan();
  ASSERT_EQ(again.decision, Decision::NextBatch);
  EXPECT_TRUE(again.batch->replaces);
  EXPECT_THAT(again.batch->targets, ElementsAre(0)) << "web2 leads now";
  takeBatch(stage.status().cluster, *again.batch, stage.status().targets);
  EXPECT_EQ(stage.status().cluster.batches, (std::vector<std::vector<std::string>>{{"web1"}}));
}

TEST(ClusterPlan, WaitsForAMemberThatIsDownAndHoldsAtLast) {
  Stage stage(3);
  stage.say("Lff");
  EXPECT_THAT(stage.batch(), ElementsAre("web2"));
  stage.say("L-f");
  Plan waits = stage.next();
  EXPECT_EQ(waits.reason, "WaitingQuorumAtRisk");
  EXPECT_THAT(waits.message, HasSubstr("of 3 members 2 must stay up, and 1 would be (down are web2); web2: refused"));
  ASSERT_TRUE(waits.wait.has_value());
  EXPECT_EQ(waits.wait->duration, minutes(5));
  EXPECT_TRUE(waits.wave.empty());
  EXPECT_EQ(waits.checkAgain, seconds(4)) << "every interval";
  stage.say("L-f", seconds(5));
  EXPECT_TRUE(stage.next().survey.has_value());
  stage.wait(waits);
  const Plan held = stage.next();
  EXPECT_EQ(held.decision, Decision::Hold);
  EXPECT_EQ(held.reason, "QuorumAtRisk");
  stage.say("Lff");
  EXPECT_THAT(stage.batch(), ElementsAre("web3")) << "it came back";
}

TEST(ClusterPlan, BlocksASplitBrainBeforeAnythingIsChanged) {
  Stage stage(3, false);
  stage.say("LLf");
  const Plan once = stage.next();
  EXPECT_EQ(once.reason, "WaitingSplitBrain") << "it may have been a change of leader";
  stage.say("LLf");
  const Plan end = stage.next();
  EXPECT_EQ(end.phase, RunPhase::Failed);
  EXPECT_EQ(end.reason, "SplitBrain");
  EXPECT_EQ(end.message, "more than one member says that it leads: web1, web2; nothing was switched");
}

TEST(ClusterPlan, HoldsWhereTheBrainSplitsOnTheWay) {
  Stage stage(3);
  stage.say("Lff");
  EXPECT_THAT(stage.batch(), ElementsAre("web2"));
  stage.say("LLf");
  stage.say("LLf");
  const Plan held = stage.next();
  EXPECT_EQ(held.decision, Decision::Hold);
  EXPECT_EQ(held.reason, "SplitBrain");
  EXPECT_TRUE(stage.status().decisions.revert.empty()) << "nobody else is taken down";
}

TEST(ClusterPlan, WaitsForALeader) {
  Stage stage(3, false);
  stage.say("fff");
  const Plan waits = stage.next();
  EXPECT_EQ(waits.reason, "WaitingNoLeader");
  stage.wait(waits);
  const Plan end = stage.next();
  EXPECT_EQ(end.phase, RunPhase::Failed);
  EXPECT_EQ(end.reason, "NoLeader");
  EXPECT_THAT(end.message, HasSubstr("waited for 5m"));
}

TEST(ClusterPlan, DoesNotEndWithoutALeader) {
  Stage stage(3);
  for (const char* roles : {"ffL", "ffL", "ffL"}) {
    stage.say(roles);
    stage.batch();
  }
  stage.say("fff");
  EXPECT_EQ(stage.next().reason, "WaitingNoLeader");
}

TEST(ClusterPlan, KeepsTheQuorumOnTheWayBack) {
  Stage stage(5);
  stage.say("ffffL");
  EXPECT_THAT(stage.batch(), ElementsAre("web1"));
  stage.say("ffffL");
  EXPECT_THAT(stage.batch(), ElementsAre("web2"));
  stage.status().decisions.abort = "now";
  stage.say("Lf-ff");
  EXPECT_THAT(stage.batch(), ElementsAre("web2")) << "web1 leads now";
  stage.say("Lf--f");
  const Plan waits = stage.next();
  EXPECT_EQ(waits.phase, RunPhase::RollingBack);
  EXPECT_THAT(waits.message, HasSubstr("of 5 members 3 must stay up, and 2 would be"));
  stage.wait(waits);
  EXPECT_EQ(stage.next().reason, "RollbackIncomplete");
  stage.say("Lf-ff");
  EXPECT_THAT(stage.batch(), ElementsAre("web1"));
  EXPECT_EQ(stage.status().phase, RunPhase::RolledBack);
}

TEST(ClusterPlan, TakesBackWhatIsDownAlsoWithoutALeader) {
  Stage stage(3);
  stage.say("ffL");
  EXPECT_THAT(stage.batch(), ElementsAre("web1"));
  stage.status().decisions.abort = "now";
  stage.say("-f-");
  EXPECT_THAT(stage.batch(), ElementsAre("web1"));
}

TEST(ClusterPlan, TakesBackWhoWasNotSeenToServeFirst) {
  Stage stage(3);
  stage.say("ffL");
  EXPECT_THAT(stage.batch(), ElementsAre("web1"));
  stage.say("ffL");
  EXPECT_THAT(stage.batch(), ElementsAre("web2"));
  record(stage.run(), 1, StepKind::Verify).state = StepState::Failed;
  stage.status().decisions.abort = "now";
  stage.say("--L");
  EXPECT_THAT(stage.batch(), ElementsAre("web2"));
  stage.say("-fL");
  EXPECT_THAT(stage.batch(), ElementsAre("web1"));
}

TEST(ClusterPlan, RollsBackAClusterThatIsDownAsAWhole) {
  Stage stage(3, false);
  stage.run().spec.reason = RunReason::Rollback;
  stage.say("---");
  EXPECT_EQ(stage.plan().decision, Decision::Commit);
  EXPECT_THAT(stage.batch(), ElementsAre("web1"));
  stage.say("f--");
  EXPECT_THAT(stage.batch(), ElementsAre("web2")) << "who is down is next, though nobody leads yet";
  stage.say("fL-");
  EXPECT_THAT(stage.batch(), ElementsAre("web3"));
  stage.say("fff");
  EXPECT_EQ(stage.next().reason, "WaitingNoLeader") << "it does not end without a leader";
}

TEST(ClusterPlan, RollsNobodyBackWhoIsUpWithoutALeader) {
  Stage stage(3, false);
  stage.run().spec.reason = RunReason::Rollback;
  stage.say("fff");
  EXPECT_EQ(stage.next().reason, "WaitingNoLeader");
}

TEST(ClusterPlan, NeedsNoLeaderWhereThereIsNoClusterYet) {
  Stage stage(3, false);
  for (RunTarget& target : stage.status().targets) {
    target.before.clear();
  }
  EXPECT_EQ(stage.plan().decision, Decision::Commit);
  stage.status().decisions.commit = "now";
  EXPECT_THAT(stage.batch(), ElementsAre("web1", "web2", "web3")) << "one after the other";
}

TEST(ClusterPlan, IsShownWithTheLeaderAtTheEnd) {
  Stage stage(3);
  std::vector<std::string> switched;
  for (const PreviewWave& wave : preview(stage.run().spec, stage.status().targets)) {
    if (wave.kind == StepKind::Switch) {
      switched.insert(switched.end(), wave.targets.begin(), wave.targets.end());
    }
  }
  EXPECT_THAT(switched, ElementsAre("web1", "web2", "web3"));
}

}  // namespace
}  // namespace slipway::planner
