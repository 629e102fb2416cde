#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/release/cluster/cluster_check.h"
#include "reconciler/release/cluster/role_survey.h"
#include "tests/unit/reconciler/release/release_stage.h"

namespace slipway {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Members that are asked by a command; `roles` says what they answer.
class ClusterStage : public ReleaseStage {
 public:
  explicit ClusterStage(int servers = 3) : ReleaseStage(servers) {
    for (int i = 1; i <= servers; ++i) {
      roles[cat("web", i)] = i == 1 ? "LEADER" : "FOLLOWER";
    }
    provider.say = [this](const StepRequest& request) {
      const auto* hook = std::get_if<HookStep>(&request.action);
      return hook != nullptr && hook->name == "role" ? cat("asking\n", roles[request.target.name], "\n") : "";
    };
    deploy("1.0.0");
    EXPECT_EQ(run(1).status.outcome, "Completed") << run(1).status.message << last.message();
    EXPECT_EQ(run(1).status.cluster, ClusterRecord{}) << "there was no cluster yet";
    provider.started.clear();
  }

  void deploy(const std::string& version, Duration patience = std::chrono::minutes(30)) {
    apply(version, *parseJson(R"({"strategy":{"type":"Rolling"},
        "cluster":{"roleProbe":{"exec":{"run":"role"}},"settleTimeout":"1m"}})"));
    settle(patience);
  }

  std::map<std::string, std::string> roles;
};

TEST(ClusterRun, TakesTheLeaderLastAndKeepsWhatWasSaid) {
  ClusterStage stage;
  stage.deploy("2.0.0");
  const ReleaseRun run = stage.run(2);
  ASSERT_EQ(run.status.outcome, "Completed") << run.status.message;
  EXPECT_EQ(run.status.cluster.batches, (std::vector<std::vector<std::string>>{{"web2"}, {"web3"}, {"web1"}}));
  EXPECT_EQ(run.status.cluster.members.at("web1"), (MemberSight{"Leader", "LEADER", ""}));
  EXPECT_THAT(stage.events.told, Contains("NextBatch Release/shop: shop-2: next: web1"));
}

TEST(ClusterRun, IsBlockedByASplitBrain) {
  ClusterStage stage;
  stage.roles["web3"] = "leader";
  stage.deploy("2.0.0");
  EXPECT_EQ(stage.run(2).status.outcome, "Failed");
  EXPECT_EQ(stage.run(2).status.transitions.back().reason, "SplitBrain");
  EXPECT_EQ(stage.run(2).status.cluster.surveys, 2);
  EXPECT_EQ(stage.provider.count("switch web2"), 0U);
}

TEST(ClusterRun, HoldsAndGoesOnWhenAPersonResumes) {
  ClusterStage stage;
  stage.provider.answers["switch web2"] = [&](const StepRequest&) {
    stage.roles["web2"] = "candidate";
    return ScriptedProvider::done();
  };
  stage.deploy("2.0.0");
  ASSERT_EQ(stage.run(2).status.phase, RunPhase::Paused) << stage.run(2).status.message;
  EXPECT_THAT(stage.run(2).status.message, HasSubstr("web2: said 'candidate'"));
  EXPECT_EQ(stage.provider.count("switch web3"), 0U);
  stage.roles["web2"] = "follower";
  stage.ask("resume", "1");
  stage.settle();
  EXPECT_EQ(stage.run(2).status.outcome, "Completed") << stage.run(2).status.message;
  EXPECT_EQ(stage.run(2).status.cluster.round, 2);
}

TEST(ClusterRun, AsksAgainAfterARestart) {
  ClusterStage stage;
  stage.provider.held = {"switch web2"};
  stage.deploy("2.0.0", std::chrono::seconds(5));
  const int before = stage.run(2).status.cluster.surveys;
  ASSERT_GT(before, 0);
  stage.restart();
  stage.provider.held.clear();
  stage.settle(std::chrono::minutes(30));
  EXPECT_EQ(stage.run(2).status.outcome, "Completed") << stage.run(2).status.message;
  EXPECT_GT(stage.run(2).status.cluster.surveys, before);
}

TEST(ClusterRun, CountsAMemberThatDoesNotAnswerAsDown) {
  ClusterStage stage;
  stage.provider.answers["role web3"] = [](const StepRequest&) {
    return ScriptedProvider::refused(Code::Unavailable, "no route to host", "connect");
  };
  stage.provider.answers["switch web3"] = [&](const StepRequest&) {
    stage.provider.answers.erase("role web3");
    return ScriptedProvider::done();
  };
  stage.deploy("2.0.0");
  EXPECT_EQ(stage.run(2).status.outcome, "Completed") << stage.run(2).status.message;
  EXPECT_EQ(stage.run(2).status.cluster.batches.front(), std::vector<std::string>{"web3"}) << "it costs nothing";
}

TEST(ClusterRun, TellsAnUnwiseNumberOfMembers) {
  ClusterStage stage(4);
  stage.deploy("2.0.0");
  EXPECT_EQ(stage.run(2).status.outcome, "Completed");
  EXPECT_THAT(stage.events.told, Contains(HasSubstr("ClusterSize ReleaseRun/shop-2: the cluster has 4 members")));
  EXPECT_NE(findCondition(stage.run(2).status.conditions, "ClusterSize"), nullptr);
}

TEST(ClusterRun, IsRefusedWhereNoMemberCouldEverBeSpared) {
  ReleaseStage stage(2);
  stage.apply("1.0.0", *parseJson(R"({"strategy":{"type":"Rolling"},"cluster":{"roleProbe":{"http":{}}}})"));
  stage.settle();
  EXPECT_EQ(stage.runs(), 0U);
  EXPECT_THAT(stage.release().status.message, HasSubstr("of 2 members 2 must stay up"));
}

TEST(RoleProbe, ReadsTheRoleFromTheField) {
  RoleProbe probe;
  probe.http.emplace().field = "raft.state.role";
  const auto said = [&](int status, const std::string& body) { return release::roleIn(probe, {status, body}); };
  EXPECT_EQ(said(200, R"({"raft":{"state":{"role":"Leader"}}})").role, "Leader");
  EXPECT_EQ(said(200, R"({"raft":{"state":{"role":"follower"}}})").role, "Follower");
  EXPECT_EQ(said(200, R"({"raft":{"state":{"role":"candidate"}}})").message,
            "said 'candidate', which is in neither list of values");
  EXPECT_EQ(said(200, R"({"raft":{"state":3}})").message, "the answer has no text at raft.state.role");
  EXPECT_EQ(said(503, "").message, "got status 503, expected 200 to 299");
  EXPECT_EQ(said(200, "<html>").message, "the answer is not JSON");
}

TEST(ClusterCheck, NamesWhatIsWrongWithTheMembers) {
  ReleaseSpec spec;
  std::vector<RunTarget> targets(3);
  EXPECT_TRUE(release::checkCluster(spec, targets));
  spec.cluster.emplace();
  EXPECT_THAT(release::checkCluster(spec, targets).message(), HasSubstr("spec.cluster.quorum.members"));
  for (RunTarget& target : targets) {
    target.voter = true;
  }
  EXPECT_TRUE(release::checkCluster(spec, targets));
  spec.cluster->minAvailable = 3;
  EXPECT_THAT(release::checkCluster(spec, targets).message(), HasSubstr("spec.cluster.quorum.minAvailable"));
  spec.cluster->minAvailable = 0;
  spec.cluster->tieBreaker = TieBreaker{"c", {}};
  EXPECT_THAT(release::checkCluster(spec, targets).message(), HasSubstr("is in zone c by label topology"));
}

}  // namespace
}  // namespace slipway
