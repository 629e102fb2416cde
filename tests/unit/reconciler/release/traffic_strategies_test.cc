#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/reconciler/release/release_stage.h"

namespace slipway {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// Behind a caddy on the machine `edge`.
class TrafficStage : public ReleaseStage {
 public:
  explicit TrafficStage(int servers = 2) : ReleaseStage(servers) { addServer("edge"); }

  void deploy(const std::string& version, const std::string& strategy) {
    Json spec = *parseJson(R"({
        "slots":{"blue":{"port":8081},"green":{"port":8082}},
        "process":{"command":{"start":"up","stop":"down"}},
        "traffic":{"type":"caddy","service":"shop","servers":["edge"],"port":80}})");
    spec["strategy"] = *parseJson(strategy);
    apply(version, spec);
    settle();
  }
  // "web1-blue=1 web1-green=0", those with a weight.
  std::string weights() {
    std::string out;
    for (const auto& [name, state] : traffic.proxies["edge"].backends) {
      if (state.weight > 0) {
        out += cat(out.empty() ? "" : " ", name, "=", state.weight);
      }
    }
    return out;
  }
};

const char* const kBlueGreen = R"({"type":"BlueGreen","blueGreen":{"scaleDownDelay":"30s"}})";
const char* const kCanary = R"({"type":"Canary","canary":{"scaleDownDelay":"0s",
    "steps":[{"setWeight":25},{"pause":{}},{"setWeight":50},{"pause":{"duration":"1m"}}]}})";

TEST(BlueGreenRelease, ComesUpBesideTheLiveOneAndTakesAllTrafficInOneChange) {
  TrafficStage stage;
  stage.deploy("1.0.0", kBlueGreen);
  ASSERT_EQ(stage.run(1).status.outcome, "Completed") << stage.run(1).status.message;
  EXPECT_EQ(stage.weights(), "web1-blue=1 web2-blue=1");
  stage.provider.started.clear();
  stage.traffic.asked.clear();

  stage.deploy("2.0.0", kBlueGreen);
  ASSERT_EQ(stage.run(2).status.outcome, "Completed") << stage.run(2).status.message;
  EXPECT_EQ(stage.weights(), "web1-green=1 web2-green=1");
  EXPECT_THAT(
      stage.provider.started,
      ElementsAre("prepare web1", "prepare web2", "check web1", "check web2", "place web1", "place web2",
                  "start-green web1", "start-green web2", "verify web1", "verify web2", "verify web1", "verify web2",
                  "switch web1", "switch web2", "stop-blue web1", "stop-blue web2", "retire web1", "retire web2"));
  EXPECT_EQ(std::count(stage.traffic.asked.begin(), stage.traffic.asked.end(), "set edge"), 1);
  EXPECT_EQ(stage.release().status.weight, (TrafficWeight{100, 100, 100}));
  EXPECT_EQ(stage.ready(), "True");
  EXPECT_THAT(stage.events.told, Contains(HasSubstr("TrafficChanged")));
}

TEST(BlueGreenRelease, WaitsToBePromotedAndSaysForWhom) {
  TrafficStage stage;
  const char* const byHand = R"({"type":"BlueGreen","blueGreen":{"autoPromote":false}})";
  stage.deploy("1.0.0", byHand);
  stage.deploy("2.0.0", byHand);
  EXPECT_EQ(stage.run(2).status.phase, RunPhase::Paused);
  EXPECT_THAT(stage.run(2).status.message, HasSubstr("slipway promote"));
  EXPECT_EQ(stage.weights(), "web1-blue=1 web2-blue=1");
  stage.ask("resume", "r1");
  stage.settle();
  EXPECT_THAT(stage.verdict("resume"), HasSubstr("waits for promotion"));
  stage.restart();
  stage.settle();
  EXPECT_EQ(stage.run(2).status.phase, RunPhase::Paused);
  stage.ask("promote", "p1");
  stage.settle();
  EXPECT_THAT(stage.verdict("promote"), HasSubstr("Accepted"));
  EXPECT_EQ(stage.run(2).status.outcome, "Completed") << stage.run(2).status.message;
  EXPECT_EQ(stage.weights(), "web1-green=1 web2-green=1");
}

TEST(BlueGreenRelease, IsWithdrawnWhenTheNewColourIsUnwell) {
  TrafficStage stage;
  stage.deploy("1.0.0", kBlueGreen);
  stage.provider.answers["verify web2"] = [](const StepRequest& request) {
    const auto& verify = std::get<VerifyStep>(request.action);
    return verify.releaseId == "2.0.0" ? ScriptedProvider::refused(Code::Unavailable, "no answer")
                                       : ScriptedProvider::done();
  };
  stage.traffic.asked.clear();
  stage.provider.started.clear();
  stage.deploy("2.0.0", kBlueGreen);
  EXPECT_EQ(stage.run(2).status.outcome, "RolledBack") << stage.run(2).status.message;
  EXPECT_EQ(stage.weights(), "web1-blue=1 web2-blue=1");
  EXPECT_THAT(stage.traffic.asked, ElementsAre("read edge")) << "nobody saw it";
  EXPECT_THAT(stage.provider.started, Contains("stop-green web1"));
  EXPECT_THAT(stage.provider.started, Not(Contains("stop-blue web1")));
  EXPECT_EQ(stage.release().status.versions.applied, "1.0.0");
}

TEST(BlueGreenRelease, IsUndoneWhileTheOldColourIsKept) {
  TrafficStage stage;
  stage.deploy("1.0.0", kBlueGreen);
  const char* const kept = R"({"type":"BlueGreen","blueGreen":{"scaleDownDelay":"1h"}})";
  stage.deploy("2.0.0", kept);
  EXPECT_EQ(stage.weights(), "web1-green=1 web2-green=1");
  EXPECT_THAT(stage.run(2).status.message, HasSubstr("the old instances stay for 1h"));
  stage.ask("abort", "a1");
  stage.settle();
  EXPECT_EQ(stage.run(2).status.outcome, "RolledBack") << stage.run(2).status.message;
  EXPECT_EQ(stage.weights(), "web1-blue=1 web2-blue=1");
  EXPECT_EQ(stage.provider.slots["web1"], "blue");
  EXPECT_EQ(stage.provider.live["web1"], "1.0.0");
}

TEST(CanaryRelease, GoesStepByStepAndCountsThem) {
  TrafficStage stage;
  stage.deploy("1.0.0", kCanary);
  ASSERT_EQ(stage.run(1).status.outcome, "Completed") << "a first deployment has no steps";
  stage.deploy("2.0.0", kCanary);
  EXPECT_EQ(stage.run(2).status.phase, RunPhase::Paused) << stage.run(2).status.message;
  EXPECT_EQ(stage.release().status.step, "step 2/4");
  EXPECT_EQ(stage.release().status.weight, (TrafficWeight{25, 25, 25}));
  EXPECT_EQ(stage.weights(), "web1-blue=3 web1-green=2 web2-blue=3");
  stage.ask("promote", "p1");
  stage.settle(std::chrono::seconds(50));
  EXPECT_EQ(stage.release().status.step, "step 4/4") << stage.run(2).status.message;
  EXPECT_EQ(stage.release().status.weight.verified, 50);
  stage.restart();
  stage.settle(std::chrono::minutes(3));
  EXPECT_EQ(stage.run(2).status.outcome, "Completed") << stage.run(2).status.message;
  EXPECT_EQ(stage.weights(), "web1-green=1 web2-green=1");
}

TEST(CanaryRelease, LeavesOutTheStepsThatAreLeftWhenAskedTo) {
  TrafficStage stage;
  stage.deploy("1.0.0", kCanary);
  stage.deploy("2.0.0", kCanary);
  stage.ask("promote-full", "f1");
  stage.settle();
  EXPECT_EQ(stage.run(2).status.outcome, "Completed") << stage.run(2).status.message;
  stage.ask("promote", "p9");
  stage.settle();
  EXPECT_EQ(stage.verdict("promote"), "Refused: no run is going on");
}

TEST(CanaryRelease, GivesWayToAThirdVersionInMidFlight) {
  TrafficStage stage;
  stage.deploy("1.0.0", kCanary);
  stage.deploy("2.0.0", kCanary);
  ASSERT_EQ(stage.release().status.weight.verified, 25);
  stage.deploy("3.0.0", kCanary);
  EXPECT_EQ(stage.run(2).status.outcome, "RolledBack") << stage.run(2).status.message;
  EXPECT_EQ(stage.run(3).status.phase, RunPhase::Paused) << stage.run(3).status.message;
  stage.ask("promote-full", "f1");
  stage.settle();
  EXPECT_EQ(stage.release().status.versions.applied, "3.0.0");
}

TEST(CanaryRelease, RollsBackWithoutStepsButWithChecks) {
  TrafficStage stage;
  stage.deploy("1.0.0", kCanary);
  stage.deploy("2.0.0", kCanary);
  stage.ask("promote-full", "f1");
  stage.settle();
  stage.provider.started.clear();
  stage.ask("rollback", "#1");
  stage.settle();
  EXPECT_EQ(stage.run(3).status.outcome, "Completed") << stage.run(3).status.message;
  EXPECT_EQ(stage.release().status.versions.applied, "1.0.0");
  EXPECT_THAT(stage.provider.started, Contains("verify web1"));
  EXPECT_EQ(stage.weights(), "web1-blue=1 web2-blue=1");
}

TEST(CanaryRelease, DoesNotTakeATrafficChangeForDoneThatTheProxyDoesNotShow) {
  TrafficStage stage;
  stage.deploy("1.0.0", kCanary);
  stage.traffic.fails = [](const TrafficRequest& request) -> std::optional<TrafficResult> {
    return std::holds_alternative<SetWeights>(request.action)
               ? std::optional(FakeTrafficManager::refused(Code::Unavailable, "the proxy does not run"))
               : std::nullopt;
  };
  stage.deploy("2.0.0", kCanary);
  EXPECT_LE(stage.release().status.weight.verified, 0);
  EXPECT_EQ(stage.run(2).status.traffic.record.state, StepState::Failed);
  EXPECT_THAT(stage.events.told, Contains(HasSubstr("TrafficNotChanged")));
  stage.traffic.fails = nullptr;
  stage.ask("resume", "r1");
  stage.settle(std::chrono::minutes(10));
  EXPECT_EQ(stage.run(2).status.outcome, "RolledBack") << stage.run(2).status.message;
  EXPECT_EQ(stage.weights(), "web1-blue=1 web2-blue=1");
}

TEST(CanaryRelease, PutsAWeightRightThatSomebodyElseChanged) {
  TrafficStage stage;
  stage.deploy("1.0.0", kCanary);
  int edits = 0;
  stage.traffic.onWeights = [&](const std::string& machine, const auto&) {
    if (++edits == 1) {  // seen in the answer to our own change
      stage.traffic.proxies[machine].backends["web1-green"].weight = 200;
    }
  };
  stage.deploy("2.0.0", kCanary);
  EXPECT_EQ(stage.release().status.weight.verified, 25) << stage.run(2).status.message;
  EXPECT_EQ(stage.weights(), "web1-blue=3 web1-green=2 web2-blue=3");
}

TEST(CanaryRelease, AttachesToAChangeThatARestartLeftUnderWay) {
  TrafficStage stage;
  stage.deploy("1.0.0", kCanary);
  stage.provider.onStart = [&](const StepRequest& request) {
    stage.traffic.held = stage.traffic.held || std::holds_alternative<VerifyStep>(request.action);
  };
  stage.deploy("2.0.0", kCanary);
  const std::string operation = stage.run(2).status.traffic.record.operationId;
  EXPECT_EQ(stage.run(2).status.traffic.record.state, StepState::Running) << "durable before its effect";
  stage.provider.onStart = nullptr;
  stage.traffic.held = false;
  stage.restart();
  stage.settle();
  EXPECT_EQ(stage.run(2).status.traffic.record.operationId, operation);
  EXPECT_EQ(stage.release().status.weight.verified, 25);
}

// A canary at 25 % in the green slots, and nobody knows of it any more.
void forgetACanary(TrafficStage& stage) {
  stage.deploy("1.0.0", kCanary);
  stage.deploy("2.0.0", kCanary);
  ASSERT_EQ(stage.weights(), "web1-blue=3 web1-green=2 web2-blue=3");
  for (const char* run : {"shop-1", "shop-2"}) {
    ASSERT_TRUE(stage.objects.remove(kReleaseRun, {"default", run}, ""));
  }
  ASSERT_TRUE(stage.objects.remove(kRelease, stage.key, ""));
  stage.settle();
  stage.leases.holders.clear();
  stage.restart();
}

TEST(CanaryRelease, MadeAgainFindsNoRequestsWhereItPutsItsInstances) {
  TrafficStage stage;
  forgetACanary(stage);
  std::vector<std::string> seen;
  stage.provider.onStart = [&](const StepRequest& request) {
    if (std::holds_alternative<PlaceStep>(request.action)) {
      seen.push_back(cat(request.target.name, ": ", stage.weights()));
    }
  };
  stage.deploy("3.0.0", R"({"type":"BlueGreen"})");
  EXPECT_EQ(stage.run(1).status.outcome, "Completed") << stage.run(1).status.message;
  EXPECT_THAT(seen, ElementsAre("web1: web1-blue=3 web2-blue=3", "web2: web1-blue=3 web2-blue=3"));
  EXPECT_EQ(stage.weights(), "web1-green=1 web2-green=1");
}

TEST(CanaryRelease, MadeAgainKeepsOldInstancesOutThatWereOutOfRotation) {
  TrafficStage stage;
  forgetACanary(stage);
  stage.traffic.proxies["edge"].backends["web1-blue"].weight = 0;  // scaled down to make room
  std::string first;
  stage.provider.onStart = [&](const StepRequest& request) {
    if (std::holds_alternative<PlaceStep>(request.action) && first.empty()) {
      first = stage.weights();
    }
  };
  stage.deploy("3.0.0", R"({"type":"BlueGreen"})");
  EXPECT_EQ(first, "web2-blue=3");
}

TEST(CanaryRelease, MadeAgainWithoutALiveVersionTakesAllRequestsOffFirst) {
  TrafficStage stage;
  forgetACanary(stage);
  for (const char* server : {"web1", "web2"}) {
    stage.provider.live[server] = stage.provider.slots[server] = "";
  }
  stage.traffic.proxies["edge"].backends["web1-blue"].weight = 1;
  std::string first = "nothing was placed";
  stage.provider.onStart = [&](const StepRequest& request) {
    first = std::holds_alternative<PlaceStep>(request.action) ? stage.weights() : first;
  };
  stage.deploy("3.0.0", kCanary);
  EXPECT_EQ(first, "");
  EXPECT_EQ(stage.run(1).status.outcome, "Completed") << stage.run(1).status.message;
}

TEST(BlueGreenRelease, LeavesAProxyAloneThatSendsNothingToTheFreeSlots) {
  TrafficStage stage;
  stage.provider.live = {{"web1", "1.0.0"}, {"web2", "1.0.0"}};
  stage.provider.slots = {{"web1", "blue"}, {"web2", "blue"}};
  stage.traffic.proxies["edge"].backends["theirs"] = {{"theirs", "10.0.0.9", 80}, 1};
  stage.deploy("2.0.0", R"({"type":"BlueGreen","blueGreen":{"autoPromote":false}})");
  ASSERT_EQ(stage.run(1).status.phase, RunPhase::Paused) << stage.run(1).status.message;
  EXPECT_EQ(stage.weights(), "theirs=1") << "until the new version takes over";
  EXPECT_THAT(stage.traffic.asked, ElementsAre("read edge"));
  stage.ask("abort", "a1");
  stage.settle();
  EXPECT_EQ(stage.run(1).status.outcome, "RolledBack") << stage.run(1).status.message;
  EXPECT_EQ(stage.weights(), "theirs=1");
}

TEST(BlueGreenRelease, PlacesNothingWhileTheProxyDoesNotAnswer) {
  TrafficStage stage;
  stage.deploy("1.0.0", kBlueGreen);
  stage.traffic.fails = [](const TrafficRequest&) {
    return FakeTrafficManager::refused(Code::Denied, "no such login");
  };
  stage.provider.started.clear();
  stage.deploy("2.0.0", kBlueGreen);
  EXPECT_THAT(stage.provider.started, Not(Contains(HasSubstr("place"))));
  EXPECT_EQ(stage.run(2).status.outcome, "RolledBack") << stage.run(2).status.message;
  EXPECT_THAT(stage.run(2).status.message, HasSubstr("no such login"));
}

TEST(CanaryRelease, WithoutSlotsSharesTheTrafficAmongServers) {
  TrafficStage stage(4);
  Json spec = *parseJson(R"({"traffic":{"type":"caddy","service":"shop","servers":["edge"],"port":80},
      "strategy":{"type":"Canary","canary":{"steps":[{"setWeight":25},{"pause":{}}]}}})");
  stage.apply("1.0.0", spec);
  stage.settle();
  ASSERT_EQ(stage.run(1).status.outcome, "Completed") << stage.run(1).status.message;
  stage.apply("2.0.0", spec);
  stage.settle();
  EXPECT_EQ(stage.release().status.weight.verified, 25) << stage.run(2).status.message;
  EXPECT_EQ(stage.provider.live["web1"], "2.0.0");
  EXPECT_EQ(stage.provider.live["web2"], "1.0.0");
  EXPECT_EQ(stage.weights(), "web1=1 web2=1 web3=1 web4=1");
  stage.ask("abort", "a");
  stage.settle();
  EXPECT_EQ(stage.run(2).status.outcome, "RolledBack") << stage.run(2).status.message;
  EXPECT_EQ(stage.provider.live["web1"], "1.0.0");
  EXPECT_EQ(stage.weights(), "web1=1 web2=1 web3=1 web4=1");
}

TEST(RollingRelease, TakesEachBatchOutOfRotationBeforeItIsSwitched) {
  TrafficStage stage(3);
  std::vector<std::string> seen;
  stage.provider.onStart = [&](const StepRequest& request) {
    if (std::holds_alternative<SwitchStep>(request.action)) {
      seen.push_back(cat(request.target.name, ": ", stage.weights()));
    }
  };
  Json spec = *parseJson(R"({"traffic":{"type":"caddy","service":"shop","servers":["edge"],"port":80},
      "strategy":{"type":"Rolling","rolling":{"batchSize":1}}})");
  stage.apply("1.0.0", spec);
  stage.settle();
  seen.clear();
  stage.apply("2.0.0", spec);
  stage.settle();
  ASSERT_EQ(stage.run(2).status.outcome, "Completed") << stage.run(2).status.message;
  EXPECT_THAT(seen, ElementsAre("web1: web2=1 web3=1", "web2: web1=1 web3=1", "web3: web1=1 web2=1"));
  EXPECT_EQ(stage.weights(), "web1=1 web2=1 web3=1");
}

TEST(StrategyCheck, RefusesBeforeARunExists) {
  TrafficStage stage;
  stage.deploy("1.0.0",
               R"({"type":"Canary","canary":{"steps":[{"setWeight":5},{"analysis":{"templates":["errors"]}}]}})");
  EXPECT_EQ(stage.runs(), 0U);
  EXPECT_THAT(stage.release().status.message, HasSubstr("spec.strategy.canary.steps[1].analysis.templates"));
  Json spec = *parseJson(R"({"traffic":{"type":"haproxy","service":"shop"},"strategy":{"type":"Rolling"}})");
  stage.apply("1.0.0", spec);
  stage.settle();
  EXPECT_EQ(stage.runs(), 0U);
  EXPECT_THAT(stage.release().status.message, HasSubstr("spec.traffic.type: this controller manages no haproxy"));
  spec["hooks"] = *parseJson(R"([{"name":"a","at":"Drain","run":"true","servers":["web9"]}])");
  stage.apply("1.0.0", spec);
  stage.settle();
  EXPECT_THAT(stage.release().status.message, HasSubstr("spec.traffic.type: this controller manages no haproxy"));
  EXPECT_THAT(stage.release().status.message, HasSubstr("spec.hooks[0].servers[0]: 'web9' is none of"))
      << "all that is wrong is told at once";
}

}  // namespace
}  // namespace slipway
