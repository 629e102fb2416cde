// BlueGreen by groups of servers, and the cookie of a canary, through the real reconciler.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/release/drift.h"
#include "reconciler/release/summary.h"
#include "tests/support/run_builder.h"
#include "tests/unit/reconciler/release/release_stage.h"

namespace slipway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// web1 and web2 are north, web3 and web4 south; behind a caddy on the machine `edge`.
class GroupStage : public ReleaseStage {
 public:
  GroupStage() : ReleaseStage(4) {
    addServer("edge");
    for (int i = 1; i <= 4; ++i) {
      label(cat("web", i), i < 3 ? "north" : "south");
    }
  }

  void label(const std::string& server, const std::string& side) {
    Json patch;
    patch["metadata"]["labels"]["side"] = side;
    ASSERT_TRUE(objects.mergePatch(kServer, {"default", server}, patch));
  }

  void deploy(const std::string& version, const std::string& more = "") {
    Json spec = *parseJson(R"({"traffic":{"type":"caddy","service":"shop","servers":["edge"],"port":80}})");
    spec["strategy"] = *parseJson(cat(R"({"type":"BlueGreen","blueGreen":{"scaleDownDelay":"30s",)", more, R"("groups":[
        {"name":"north","matchLabels":{"side":"north"}},{"name":"south","matchLabels":{"side":"south"}}]}})"));
    apply(version, spec);
    settle();
  }

  // Those with a weight.
  std::string routed() {
    std::string out;
    for (const auto& [name, state] : traffic.proxies["edge"].backends) {
      out += state.weight > 0 ? cat(out.empty() ? "" : " ", name) : "";
    }
    return out;
  }
  std::string live() {
    std::string out;
    for (int i = 1; i <= 4; ++i) {
      out += cat(i > 1 ? " " : "", provider.live[cat("web", i)]);
    }
    return out;
  }
};

TEST(ServerGroups, TakeTurns) {
  GroupStage stage;
  stage.deploy("1.0.0");
  ASSERT_EQ(stage.run(1).status.outcome, "Completed") << stage.run(1).status.message;
  EXPECT_EQ(stage.routed(), "web1 web2");
  EXPECT_EQ(stage.release().status.liveGroup, "north");
  stage.deploy("2.0.0");
  ASSERT_EQ(stage.run(2).status.outcome, "Completed") << stage.run(2).status.message;
  EXPECT_EQ(stage.run(2).status.liveGroup, "north");
  EXPECT_EQ(stage.routed(), "web3 web4");
  EXPECT_EQ(stage.live(), "2.0.0 2.0.0 2.0.0 2.0.0");
  EXPECT_EQ(stage.release().status.liveGroup, "south");
  EXPECT_EQ(stage.ready(), "True");
  stage.deploy("3.0.0");
  EXPECT_EQ(stage.routed(), "web1 web2");
  EXPECT_EQ(stage.release().status.liveGroup, "north");
}

TEST(ServerGroups, ARollbackToAKeptGroupOnlyMovesTheTraffic) {
  GroupStage stage;
  stage.deploy("1.0.0", R"("oldGroup":"Keep",)");
  stage.deploy("2.0.0", R"("oldGroup":"Keep",)");
  ASSERT_EQ(stage.run(2).status.outcome, "Completed") << stage.run(2).status.message;
  EXPECT_EQ(stage.live(), "1.0.0 1.0.0 2.0.0 2.0.0");
  EXPECT_EQ(stage.routed(), "web3 web4");
  EXPECT_EQ(stage.ready(), "True");
  const ReleaseRun run = stage.run(2);
  EXPECT_EQ(release::expectedOn(run, run.status.targets[0], "2.0.0"), "1.0.0") << "no drift";
  EXPECT_EQ(release::expectedOn(run, run.status.targets[2], "2.0.0"), "2.0.0");
  stage.ask("rollback", "#1");
  stage.settle();
  ASSERT_EQ(stage.run(3).status.outcome, "Completed") << stage.run(3).status.message;
  EXPECT_EQ(stage.routed(), "web1 web2");
  EXPECT_EQ(stage.live(), "1.0.0 1.0.0 2.0.0 2.0.0");
  EXPECT_EQ(stage.release().status.versions.applied, "1.0.0");
}

TEST(ServerGroups, AnUnhealthyVersionGetsNoTraffic) {
  GroupStage stage;
  stage.deploy("1.0.0");
  stage.provider.answers["verify web4"] = [](const StepRequest& request) {
    return std::get<VerifyStep>(request.action).releaseId == "2.0.0"
               ? ScriptedProvider::refused(Code::Unavailable, "no answer")
               : ScriptedProvider::done();
  };
  std::set<std::string> seen;
  stage.traffic.onWeights = [&](const std::string&, const auto&) { seen.insert(stage.routed()); };
  stage.deploy("2.0.0");
  EXPECT_EQ(stage.run(2).status.outcome, "RolledBack") << stage.run(2).status.message;
  EXPECT_EQ(stage.routed(), "web1 web2");
  EXPECT_THAT(seen, testing::IsSubsetOf({"web1 web2"}));
  EXPECT_EQ(stage.live(), "1.0.0 1.0.0 1.0.0 1.0.0");
  EXPECT_EQ(stage.release().status.liveGroup, "north");
  EXPECT_EQ(stage.release().status.versions.applied, "1.0.0");
}

TEST(ServerGroups, AnAbortWhileTheOldGroupIsKeptMovesTheTrafficBack) {
  GroupStage stage;
  stage.deploy("1.0.0");
  stage.deploy("2.0.0", R"("autoPromote":false,)");
  EXPECT_EQ(stage.run(2).status.phase, RunPhase::Paused) << stage.run(2).status.message;
  EXPECT_EQ(stage.routed(), "web1 web2");
  EXPECT_EQ(stage.live(), "1.0.0 1.0.0 2.0.0 2.0.0");
  stage.ask("promote", "p1");
  stage.settle(std::chrono::seconds(10));
  EXPECT_EQ(stage.routed(), "web3 web4");
  EXPECT_THAT(stage.run(2).status.message, HasSubstr("the other group stays for 30s"));
  stage.restart();
  stage.ask("abort", "a1");
  stage.settle();
  EXPECT_EQ(stage.run(2).status.outcome, "RolledBack") << stage.run(2).status.message;
  EXPECT_EQ(stage.routed(), "web1 web2");
  EXPECT_EQ(stage.live(), "1.0.0 1.0.0 1.0.0 1.0.0");
}

TEST(ServerGroups, AThirdVersionTakesThePlaceOfOneThatWaits) {
  GroupStage stage;
  stage.deploy("1.0.0");
  stage.deploy("2.0.0", R"("autoPromote":false,)");
  stage.deploy("3.0.0", R"("autoPromote":true,)");
  EXPECT_EQ(stage.run(2).status.outcome, "RolledBack") << stage.run(2).status.message;
  EXPECT_EQ(stage.run(3).status.outcome, "Completed") << stage.run(3).status.message;
  EXPECT_EQ(stage.routed(), "web3 web4");
}

TEST(ServerGroups, AreRefusedWithTheFieldsPathWhenTheyOverlapOrLeaveAServerOut) {
  GroupStage stage;
  stage.label("web4", "east");
  stage.deploy("1.0.0");
  EXPECT_EQ(stage.runs(), 0U);
  EXPECT_THAT(stage.release().status.message, HasSubstr("spec.strategy.blueGreen.groups: server 'web4' is in neither"));
  stage.label("web4", "north");
  stage.label("web3", "north");
  stage.deploy("1.0.1");
  EXPECT_THAT(stage.release().status.message,
              HasSubstr("spec.strategy.blueGreen.groups[1].matchLabels: no server of the release has these labels"));
  Json spec = *parseJson(R"({"traffic":{"type":"caddy","service":"shop","servers":["edge"],"port":80},
      "strategy":{"type":"BlueGreen","blueGreen":{"groups":[{"name":"a","matchLabels":{"side":"north"}},
                                                            {"name":"b","matchLabels":{"side":"north"}}]}}})");
  stage.apply("1.0.2", spec);
  stage.settle();
  EXPECT_THAT(stage.release().status.message, HasSubstr("groups[1].matchLabels: server 'web1' is in group 'a' too"));
  EXPECT_EQ(stage.runs(), 0U);
}

TEST(CanaryStickiness, IsThereWhileBothVersionsHaveTrafficAndGoesWithTheEnd) {
  ReleaseStage stage(2);
  stage.addServer("edge");
  Json spec = *parseJson(R"({
      "slots":{"blue":{"port":8081},"green":{"port":8082}},
      "process":{"command":{"start":"up","stop":"down"}},
      "traffic":{"type":"caddy","service":"shop","servers":["edge"],"port":80},
      "strategy":{"type":"Canary","canary":{"scaleDownDelay":"0s","stickiness":{"cookie":"shop","maxAge":"1h"},
                  "steps":[{"setWeight":25},{"pause":{}}]}}})");
  stage.apply("1.0.0", spec);
  stage.settle();
  const Stickiness& cookie = stage.traffic.proxies["edge"].stickiness;
  EXPECT_EQ(cookie, Stickiness()) << "a first deployment";
  stage.apply("2.0.0", spec);
  stage.settle();
  EXPECT_EQ(stage.release().status.weight.verified, 25) << stage.run(2).status.message;
  EXPECT_EQ(cookie, (Stickiness{"shop", std::chrono::hours(1)}));
  stage.traffic.asked.clear();
  stage.ask("promote", "p1");
  stage.settle();
  ASSERT_EQ(stage.run(2).status.outcome, "Completed") << stage.run(2).status.message;
  EXPECT_EQ(cookie, Stickiness());
  EXPECT_THAT(stage.traffic.asked,
              ElementsAre("read edge", "add edge", "set edge", "drain edge", "drain edge", "set edge"))
      << "the cookie goes last";
  stage.apply("3.0.0", spec);
  stage.settle();
  EXPECT_EQ(cookie.cookie, "shop");
  stage.ask("abort", "a1");
  stage.settle();
  EXPECT_EQ(stage.run(3).status.outcome, "RolledBack");
  EXPECT_EQ(cookie, Stickiness());
}

TEST(ReleaseHistory, TellsWhatTheAnalysesOfARunCameTo) {
  ReleaseRun run = runOver(1);
  run.status.phase = RunPhase::RolledBack;
  run.status.outcome = "RolledBack";
  run.status.analyses["1"].verdict = "Successful";
  run.status.analyses["11"].verdict = "";
  run.status.analyses["3"].verdict = "Failed";
  ReleaseStatus status;
  release::bookOutcome(status, run);
  EXPECT_EQ(status.history.at(0).analysis, "step 2 Successful, step 4 Failed, step 12 not ended");
}

TEST(RunHooks, AreToldThatTheSourceCannotBeFetched) {
  ReleaseStage stage(2);
  stage.source.status = Status(Code::Invalid, "no such tag");
  stage.apply("1.0.0", Json::object({{"hooks", *parseJson(R"([{"name":"tell","at":"OnFailure","run":"t"},
                                                              {"name":"backup","at":"Backup","run":"b"}])")}}));
  stage.settle();
  EXPECT_EQ(stage.run(1).status.outcome, "Failed");
  EXPECT_EQ(stage.run(1).status.transitions.back().reason, "SourceFailed");
  EXPECT_EQ(stage.run(1).status.message, "no such tag");
  EXPECT_EQ(stage.provider.count("tell web1"), 1U);
  EXPECT_EQ(stage.provider.count("backup web1"), 0U);
  EXPECT_EQ(stage.provider.count("prepare web1"), 0U);
}

}  // namespace
}  // namespace slipway
