#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/reconciler/release/release_stage.h"

namespace slipway {
namespace {

using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

Json rollingWith(const std::string& pause) {
  Json spec;
  spec["strategy"]["type"] = "Rolling";
  spec["strategy"]["rolling"]["pauseBetween"] = pause;
  return spec;
}

TEST(ReleaseReconciler, MakesAReleaseLiveAndSaysSo) {
  ReleaseStage stage(2);
  stage.apply("1.0.0");
  stage.settle();
  EXPECT_THAT(stage.provider.started,
              ElementsAre("prepare web1", "prepare web2", "check web1", "check web2", "switch web1", "switch web2",
                          "verify web1", "verify web2", "retire web1", "retire web2"));
  const Release release = stage.release();
  EXPECT_EQ(release.status.versions, (ReleaseVersions{"1.0.0", "1.0.0", "1.0.0", "1.0.0"}));
  EXPECT_EQ(release.status.observedGeneration, 1);
  EXPECT_EQ(stage.ready(), "True");
  EXPECT_EQ(release.status.history.front().outcome, "Completed");
  EXPECT_EQ(stage.run(1).status.outcome, "Completed");
  EXPECT_THAT(stage.leases.holders, IsEmpty()) << "the leases are given back";
}

TEST(ReleaseReconciler, WritesNothingWhenNothingChanged) {
  ReleaseStage stage;
  stage.apply("1.0.0");
  stage.settle();
  const std::size_t writes = stage.objects.writes();
  const std::size_t steps = stage.provider.started.size();
  for (int i = 0; i < 5; ++i) {
    stage.woken = true;
    stage.clock.advance(std::chrono::hours(1));
    stage.settle();
  }
  EXPECT_EQ(stage.objects.writes(), writes);
  EXPECT_EQ(stage.provider.started.size(), steps);
}

TEST(ReleaseReconciler, SaysWhenAServerIsNotAsItWasLeftAndWhenItIsAgain) {
  ReleaseStage stage;
  stage.apply("1.0.0");
  stage.settle();
  EXPECT_EQ(stage.release().status.drift, "None");
  stage.provider.live["web2"] = "0.9.0";
  stage.clock.advance(std::chrono::minutes(5));
  stage.woken = true;
  stage.settle();
  EXPECT_EQ(stage.release().status.drift, "Drifted");
  EXPECT_EQ(findCondition(stage.release().status.conditions, "Drifted")->message,
            "web2: current is 0.9.0, expected 1.0.0");
  EXPECT_EQ(stage.ready(), "False");
  EXPECT_EQ(stage.metrics.value("slipway_release_drifted_targets", {{"namespace", "default"}, {"release", "shop"}}), 1);
  EXPECT_EQ(stage.runs(), 1U);

  const std::string since = findCondition(stage.release().status.conditions, "Ready")->lastTransitionTime;
  const std::string version = stage.release().meta.resourceVersion;
  stage.clock.advance(std::chrono::seconds(1));
  stage.woken = true;
  stage.settle(Duration(0));
  EXPECT_EQ(stage.release().meta.resourceVersion, version) << "nothing has changed";
  stage.ask("resume", "t1");
  stage.settle(Duration(0));
  EXPECT_EQ(findCondition(stage.release().status.conditions, "Ready")->lastTransitionTime, since);

  stage.provider.live["web2"] = "1.0.0";
  stage.restart();
  stage.settle();
  EXPECT_EQ(stage.release().status.drift, "None") << "a new process looks again soon";
  EXPECT_EQ(stage.ready(), "True");

  stage.provider.live["web1"] = "";
  stage.clock.advance(std::chrono::minutes(5));
  stage.woken = true;
  stage.settle();
  EXPECT_EQ(stage.release().status.drift, "Drifted");
  stage.apply("2.0.0");
  stage.settle();
  EXPECT_EQ(stage.release().status.drift, "None") << "a new run puts every server right";
  EXPECT_EQ(stage.ready(), "True");
}

TEST(ReleaseReconciler, KeepsGoodBuildsAndRetriesOnlyTheFailedOne) {
  ReleaseStage stage;
  stage.provider.answers["prepare web2"] = [](const StepRequest&) {
    StepResult result = ScriptedProvider::refused(Code::Invalid, "cannot make assets", "assets");
    result.exitCode = 7;
    return result;
  };
  stage.apply("1.0.0");
  stage.settle();
  EXPECT_EQ(stage.run(1).status.phase, RunPhase::Failed);
  EXPECT_THAT(stage.run(1).status.message, HasSubstr("web2: assets: exit code 7"));
  EXPECT_THAT(stage.provider.started, Not(Contains(StartsWith("switch"))));
  EXPECT_EQ(stage.ready(), "False");

  stage.provider.answers.clear();
  stage.provider.started.clear();
  stage.ask("retry", "t1");
  stage.settle();
  EXPECT_EQ(stage.provider.count("prepare web2"), 1U);
  EXPECT_EQ(stage.provider.count("prepare web1"), 0U);
  EXPECT_EQ(stage.run(2).spec.reason, RunReason::Retry);
  EXPECT_EQ(stage.ready(), "True");
}

TEST(ReleaseReconciler, WritesTheDecisionAndTheRecordBeforeAnyEffect) {
  ReleaseStage stage(2);
  stage.provider.onStart = [&](const StepRequest& request) {
    const ReleaseRun run = stage.run(1);
    const bool recorded = std::any_of(run.status.targets.begin(), run.status.targets.end(), [&](const auto& target) {
      return std::any_of(target.steps.begin(), target.steps.end(), [&](const auto& step) {
        return step.second.operationId == request.operationId && step.second.state == StepState::Running;
      });
    });
    EXPECT_TRUE(recorded) << request.operationId;
    if (std::holds_alternative<SwitchStep>(request.action)) {
      EXPECT_NE(run.status.decisions.commit, "");
    }
  };
  stage.apply("1.0.0");
  stage.settle();
  EXPECT_EQ(stage.ready(), "True");
}

TEST(ReleaseReconciler, TakesTheFleetBackWhenACheckFails) {
  ReleaseStage stage;
  stage.apply("1.0.0");
  stage.settle();
  stage.provider.answers["verify web3"] = [](const StepRequest&) {
    return ScriptedProvider::refused(Code::Unavailable, "503", "health");
  };
  stage.apply("2.0.0");
  stage.settle();
  EXPECT_EQ(stage.run(2).status.phase, RunPhase::RolledBack);
  for (const auto& [server, version] : stage.provider.live) {
    EXPECT_EQ(version, "1.0.0") << server;
  }
  const ReleaseStatus status = stage.release().status;
  EXPECT_EQ(status.versions, (ReleaseVersions{"2.0.0", "2.0.0", "1.0.0", "1.0.0"}));
  EXPECT_TRUE(status.history.front().bad);
  EXPECT_EQ(stage.ready(), "False");
}

TEST(ReleaseReconciler, AnAbortBeforeTheCommitKillsTheBuildsAndSwitchesNothing) {
  ReleaseStage stage(2);
  stage.provider.held = {"prepare web1"};
  stage.apply("1.0.0");
  stage.settle(Duration(0));
  stage.ask("abort", "t1");
  stage.settle();
  EXPECT_EQ(stage.run(1).status.phase, RunPhase::Cancelled);
  EXPECT_THAT(stage.provider.started, Contains("abort web1"));
  EXPECT_THAT(stage.provider.started, Not(Contains(StartsWith("switch"))));
  EXPECT_THAT(stage.verdict("abort"), StartsWith("Accepted"));
}

TEST(ReleaseReconciler, AnAbortAfterTheCommitTakesEverythingBack) {
  ReleaseStage stage(2);
  stage.apply("1.0.0");
  stage.settle();
  stage.provider.held = {"verify web1", "verify web2"};
  stage.apply("2.0.0");
  stage.settle(Duration(0));
  ASSERT_EQ(stage.provider.live["web1"], "2.0.0");
  stage.ask("abort", "t1");
  stage.settle();
  EXPECT_EQ(stage.run(2).status.phase, RunPhase::RolledBack);
  EXPECT_EQ(stage.provider.live["web1"], "1.0.0");
  EXPECT_EQ(stage.provider.live["web2"], "1.0.0");
}

TEST(ReleaseReconciler, PausesAfterWhatIsUnderWayAndGoesOn) {
  ReleaseStage stage(2);
  stage.provider.held = {"prepare web1"};
  stage.apply("1.0.0");
  stage.settle(Duration(0));
  stage.ask("pause", "t1");
  stage.settle(Duration(0));
  stage.provider.release();
  stage.settle();
  EXPECT_EQ(stage.run(1).status.phase, RunPhase::Paused);
  EXPECT_THAT(stage.provider.started, Not(Contains(StartsWith("check"))));
  stage.ask("resume", "t2");
  stage.settle();
  EXPECT_EQ(stage.run(1).status.phase, RunPhase::Completed);
}

TEST(ReleaseReconciler, AThirdVersionEndsTheRunOfTheSecond) {
  ReleaseStage stage(2);
  stage.apply("1.0.0");
  stage.settle();
  stage.provider.held = {"prepare web1", "prepare web2"};
  stage.apply("2.0.0");
  stage.settle(Duration(0));
  stage.apply("3.0.0");
  stage.provider.held.clear();
  stage.settle();
  EXPECT_EQ(stage.run(2).status.phase, RunPhase::Cancelled);
  EXPECT_EQ(stage.run(2).status.decisions.abortReason, "Superseded");
  EXPECT_EQ(stage.run(3).status.phase, RunPhase::Completed);
  EXPECT_EQ(stage.provider.live["web1"], "3.0.0");
}

TEST(ReleaseReconciler, GoesOnAfterARestartUnderTheSameOperationIds) {
  ReleaseStage stage(2);
  stage.provider.held = {"prepare web1", "prepare web2"};
  stage.apply("1.0.0");
  stage.settle(Duration(0));
  const std::vector<std::string> before = stage.provider.operations;
  stage.provider.operations.clear();
  stage.provider.held.clear();
  stage.restart();
  stage.settle();
  ASSERT_GE(stage.provider.operations.size(), before.size());
  EXPECT_TRUE(std::equal(before.begin(), before.end(), stage.provider.operations.begin()));
  EXPECT_EQ(stage.run(1).status.phase, RunPhase::Completed);
}

TEST(ReleaseReconciler, FindsTheRunAgainThatItMadeJustBeforeACrash) {
  ReleaseStage stage(2);
  stage.provider.held = {"prepare web1", "prepare web2"};
  stage.apply("1.0.0");
  stage.settle(Duration(0));
  ASSERT_EQ(stage.runs(), 1U);
  Json forgotten = Json::object({{"observedGeneration", -1}});
  ASSERT_TRUE(stage.objects.replaceStatus(kRelease, stage.key, "", forgotten));
  stage.provider.held.clear();
  stage.restart();
  stage.settle();
  EXPECT_EQ(stage.runs(), 1U);
  EXPECT_EQ(stage.ready(), "True");
}

TEST(ReleaseReconciler, RebuildsAnErasedStatusFromItsRuns) {
  ReleaseStage stage(2);
  for (const char* version : {"1.0.0", "2.0.0", "3.0.0"}) {
    stage.apply(version);
    stage.settle();
  }
  stage.ask("rollback", "#t1");
  stage.settle();
  const ReleaseStatus before = stage.release().status;
  const std::size_t steps = stage.provider.started.size();
  ASSERT_TRUE(stage.objects.replaceStatus(kRelease, stage.key, "", Json::object({{"observedGeneration", -1}})));
  stage.restart();
  stage.settle();
  const ReleaseStatus after = stage.release().status;
  EXPECT_EQ(stage.provider.started.size(), steps) << "nothing is deployed again";
  EXPECT_EQ(after.versions, before.versions);
  EXPECT_EQ(after.history, before.history);
  EXPECT_EQ(after.currentRun, before.currentRun);
  EXPECT_EQ(after.runCounter, before.runCounter);
  EXPECT_EQ(after.identity, before.identity);
  EXPECT_THAT(stage.verdict("rollback"), HasSubstr("before the status was rebuilt")) << "and not rolled back again";
}

TEST(ReleaseReconciler, NeverAdoptsTheRunOfANamesake) {
  ReleaseStage stage(2);
  stage.provider.held = {"prepare web1", "prepare web2"};
  stage.apply("1.0.0");
  stage.settle(Duration(0));
  // Deleted by force and made again: the old run is still there.
  ASSERT_TRUE(stage.objects.remove(kRelease, stage.key, ""));
  stage.settle(Duration(0));
  stage.provider.loseWaiting();
  stage.provider.held.clear();
  stage.leases.holders.clear();
  stage.apply("1.0.0");
  stage.settle();
  EXPECT_EQ(stage.release().status.currentRun, "shop-2");
  EXPECT_EQ(stage.run(2).status.phase, RunPhase::Completed);
  EXPECT_FALSE(isTerminal(stage.run(1).status.phase)) << "what belongs to another is not touched";
}

TEST(ReleaseReconciler, HandlesARequestOnce) {
  ReleaseStage stage(2);
  for (const char* version : {"1.0.0", "2.0.0"}) {
    stage.apply(version);
    stage.settle();
  }
  stage.ask("rollback", "#t1");
  stage.settle();
  EXPECT_EQ(stage.provider.live["web1"], "1.0.0");
  EXPECT_EQ(stage.runs(), 3U);
  stage.restart();
  stage.settle();
  EXPECT_EQ(stage.runs(), 3U);
}

TEST(ReleaseReconciler, RollsBackToTheLastGoodVersionAndRefusesWhatMakesNoSense) {
  ReleaseStage stage(2);
  for (const char* version : {"1.0.0", "2.0.0", "3.0.0"}) {
    stage.apply(version);
    stage.settle();
  }
  stage.ask("rollback", "#a");
  stage.settle();
  EXPECT_EQ(stage.provider.live["web1"], "2.0.0");
  stage.ask("rollback", "#b");
  stage.settle();
  EXPECT_EQ(stage.provider.live["web1"], "1.0.0") << "3.0.0 and 2.0.0 were abandoned";
  stage.ask("rollback", "#c");
  stage.settle();
  EXPECT_THAT(stage.verdict("rollback"), StartsWith("Refused: there is no earlier version"));
  stage.ask("rollback", "9.9.9#d");
  stage.settle();
  EXPECT_THAT(stage.verdict("rollback"), HasSubstr("version 9.9.9 is not known"));
  stage.ask("rollback", "1.0.0#e");
  stage.settle();
  EXPECT_THAT(stage.verdict("rollback"), HasSubstr("is what runs now"));
  EXPECT_EQ(stage.provider.live["web1"], "1.0.0");
}

// 1.0.0 and 2.0.0 were live; the run of 3.0.0 is asked to give way to 1.0.0, and its undo has not ended.
class RollbackThatWaits : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* version : {"1.0.0", "2.0.0"}) {
      stage.apply(version);
      stage.settle();
    }
    stage.provider.held = {"verify web1", "undo web1"};
    stage.apply("3.0.0");
    stage.settle(Duration(0));
    stage.ask("rollback", "9.9.9#a");
    stage.settle(Duration(0));
    EXPECT_THAT(stage.verdict("rollback"), StartsWith("Refused: version 9.9.9 is not known"));
    EXPECT_TRUE(stage.run(3).status.decisions.abort.empty()) << "a refused request changes nothing";
    stage.ask("rollback", "1.0.0#b");
    stage.settle(Duration(0));
    EXPECT_THAT(stage.verdict("rollback"), HasSubstr("is taken back, then version 1.0.0 follows"));
    EXPECT_EQ(stage.release().status.handledRequests.at("rollback").then, "1.0.0");
  }

  ReleaseStage stage{2};
};

TEST_F(RollbackThatWaits, FollowsTheRunThatGoesOn) {
  stage.provider.release();
  stage.settle();
  EXPECT_EQ(stage.run(3).status.phase, RunPhase::RolledBack);
  EXPECT_EQ(stage.run(4).spec.reason, RunReason::Rollback);
  EXPECT_EQ(stage.run(4).status.phase, RunPhase::Completed);
  EXPECT_EQ(stage.provider.live["web1"], "1.0.0");
  EXPECT_THAT(stage.verdict("rollback"), StartsWith("Accepted: rolling back to version 1.0.0"));
  EXPECT_EQ(stage.release().status.handledRequests.at("rollback").then, "");
}

TEST_F(RollbackThatWaits, OutlivesTheProcess) {
  stage.restart();
  stage.provider.held.clear();
  stage.settle();
  EXPECT_EQ(stage.provider.live["web1"], "1.0.0");
}

TEST_F(RollbackThatWaits, IsOlderThanANewSpec) {
  stage.apply("4.0.0");
  stage.provider.release();
  stage.settle();
  EXPECT_EQ(stage.provider.live["web1"], "4.0.0");
  EXPECT_THAT(stage.verdict("rollback"), HasSubstr("the spec asks for something newer, version 4.0.0"));
}

TEST(ReleaseReconciler, CountsItsServersForTheMetrics) {
  ReleaseStage stage(3);
  const auto servers = [&](const char* state) {
    return stage.metrics.value("slipway_release_targets",
                               {{"namespace", "default"}, {"release", "shop"}, {"state", state}});
  };
  stage.apply("1.0.0");
  stage.settle();
  EXPECT_EQ(servers("desired"), 3);
  EXPECT_EQ(servers("live"), 3);
  EXPECT_EQ(servers("failed"), 0);
  stage.provider.answers["prepare web2"] = [](const StepRequest&) {
    return ScriptedProvider::refused(Code::Invalid, "exit 1", "build");
  };
  stage.apply("2.0.0");
  stage.settle();
  EXPECT_EQ(servers("failed"), 1);
}

TEST(ReleaseReconciler, ARollbackIsNeverItselfRolledBack) {
  ReleaseStage stage(2);
  for (const char* version : {"1.0.0", "2.0.0"}) {
    stage.apply(version);
    stage.settle();
  }
  stage.provider.answers["verify web2"] = [](const StepRequest&) {
    return ScriptedProvider::refused(Code::Unavailable, "503", "health");
  };
  stage.ask("rollback", "#a");
  stage.settle();
  EXPECT_EQ(stage.run(3).status.phase, RunPhase::Paused);
  EXPECT_EQ(stage.provider.live["web1"], "1.0.0");
  stage.provider.answers.clear();
  stage.ask("resume", "b");
  stage.settle();
  EXPECT_EQ(stage.run(3).status.phase, RunPhase::Completed);
}

TEST(ReleaseReconciler, ADeletedReleaseEndsItsRunFirst) {
  ReleaseStage stage(2);
  stage.provider.held = {"prepare web1", "prepare web2"};
  stage.apply("1.0.0");
  stage.settle(Duration(0));
  EXPECT_THAT(stage.release().meta.finalizers, ElementsAre(std::string(release::kRunFinalizer)));
  Json patch;
  patch["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  ASSERT_TRUE(stage.objects.mergePatch(kRelease, stage.key, patch));
  stage.woken = true;
  stage.settle();
  EXPECT_EQ(stage.run(1).status.phase, RunPhase::Cancelled);
  EXPECT_THAT(stage.release().meta.finalizers, IsEmpty());
}

TEST(ReleaseReconciler, StartsNothingWhileSuspended) {
  ReleaseStage stage(2);
  stage.apply("1.0.0", Json::object({{"suspend", true}}));
  stage.settle();
  EXPECT_EQ(stage.runs(), 0U);
  EXPECT_EQ(stage.release().status.phase, "Suspended");
}

TEST(ReleaseReconciler, WaitsForALockedDestinationAndForSomebodyElsesLease) {
  ReleaseStage stage(2);
  Json lock;
  lock["spec"]["lock"]["message"] = "quarter end";
  ASSERT_TRUE(stage.objects.mergePatch(kDestination, {"default", "web"}, lock));
  stage.leases.holders[{"default", "slipway-web-shop"}] = "another/run";
  stage.apply("1.0.0");
  stage.settle(seconds(20));
  EXPECT_THAT(stage.run(1).status.message, HasSubstr("quarter end"));
  lock["spec"]["lock"] = Json();
  ASSERT_TRUE(stage.objects.mergePatch(kDestination, {"default", "web"}, lock));
  stage.woken = true;
  stage.settle(seconds(20));
  EXPECT_THAT(stage.run(1).status.message, HasSubstr("held by another/run"));
  EXPECT_THAT(stage.provider.started, IsEmpty());
  stage.leases.holders.clear();
  stage.woken = true;
  stage.settle();
  EXPECT_EQ(stage.run(1).status.phase, RunPhase::Completed);
}

TEST(ReleaseReconciler, TriesASourceAgainThatIsAwayAndFailsOneThatIsWrong) {
  ReleaseStage stage(2);
  stage.source.status = Status(Code::Unavailable, "no route to host");
  stage.apply("1.0.0");
  stage.settle(seconds(3));
  EXPECT_EQ(stage.run(1).status.transitions.back().reason, "SourceUnavailable");
  stage.source.status = Status();
  stage.settle();
  EXPECT_EQ(stage.run(1).status.phase, RunPhase::Completed);

  stage.source.status = Status(Code::NotFound, "there is no tag v9");
  stage.apply("2.0.0");
  stage.settle();
  EXPECT_EQ(stage.run(2).status.phase, RunPhase::Failed);
  EXPECT_THAT(stage.run(2).status.message, HasSubstr("no tag v9"));
}

TEST(ReleaseReconciler, ARetryTakesTheRevisionThatWasPinned) {
  ReleaseStage stage(2);
  stage.provider.answers["prepare web2"] = [](const StepRequest&) {
    return ScriptedProvider::refused(Code::Invalid, "no", "build");
  };
  stage.apply("1.0.0");
  stage.settle();
  stage.source.revision = "r2";
  stage.provider.answers.clear();
  stage.ask("retry", "t");
  stage.settle();
  EXPECT_EQ(stage.run(2).status.revision, "r1");
  EXPECT_EQ(stage.run(2).status.phase, RunPhase::Completed);
}

TEST(ReleaseReconciler, NamesAMissingDestinationAndStartsWhenItIsThere) {
  ReleaseStage stage(1);
  Json spec;
  spec["destinations"] = Json::array({Json::object({{"name", "nowhere"}})});
  stage.apply("1.0.0", spec);
  stage.settle();
  EXPECT_EQ(stage.last.code(), Code::NotFound);
  EXPECT_EQ(stage.runs(), 0U);
  EXPECT_THAT(stage.release().status.message, HasSubstr("there is no Destination 'nowhere'"));
  EXPECT_EQ(findCondition(stage.release().status.conditions, "Ready")->reason, "DestinationNotFound");
  stage.apply("1.0.0");
  stage.settle();
  EXPECT_EQ(stage.ready(), "True");
}

TEST(StartingRuns, AStrategyThatFindsNoRoomMakesNoRunAndSaysAllThatIsLacking) {
  ReleaseStage stage(2);
  for (const char* server : {"web1", "web2"}) {
    Json status;
    status["capacity"] = Json::object({{"cpuMilli", 1000}, {"memory", 600'000'000}, {"diskFree", 9'000'000'000}});
    ASSERT_TRUE(stage.objects.replaceStatus(kServer, {"default", server}, "", status));
  }
  const Json needs =
      *parseJson(R"({"resources":{"cpu":"1","memory":"500M","disk":"1G"},"strategy":{"type":"Rolling"}})");
  stage.apply("1.0.0", needs);
  stage.settle(std::chrono::seconds(1));
  EXPECT_EQ(stage.runs(), 0U);
  const Release refused = stage.release();
  EXPECT_EQ(findCondition(refused.status.conditions, "Ready")->reason, "InsufficientCapacity");
  const std::string message = findCondition(refused.status.conditions, "Ready")->message;
  for (const char* part : {"insufficient server capacity for Rolling", "web1: cpu: needs 1500m, there is 1",
                           "web1: memory: needs 750M, there is 600M", "web2: memory", "use Atomic"}) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
  Json more;
  more["capacity"] = Json::object({{"cpuMilli", 2000}, {"memory", 800'000'000}, {"diskFree", 9'000'000'000}});
  for (const char* server : {"web1", "web2"}) {
    ASSERT_TRUE(stage.objects.replaceStatus(kServer, {"default", server}, "", more));
  }
  stage.settle();
  EXPECT_EQ(stage.ready(), "True") << "it looks again by itself";
}

TEST(ReleaseReconciler, KeepsAResultThatCouldNotBeWrittenDown) {
  ReleaseStage stage(1);
  stage.provider.held = {"prepare web1"};
  stage.apply("1.0.0");
  stage.settle(Duration(0));
  stage.objects.failWrites({Code::Unavailable, "the store is busy"});
  stage.provider.release();
  stage.settle(seconds(3));
  stage.objects.failWrites({});
  stage.woken = true;
  stage.settle();
  EXPECT_EQ(stage.provider.count("prepare web1"), 1U);
  EXPECT_EQ(stage.ready(), "True");
}

TEST(ReleaseReconciler, LooksAgainUnderTheSameIdAfterAnUnknownOutcome) {
  ReleaseStage stage(2);
  int times = 0;
  stage.provider.answers["switch web1"] = [&](const StepRequest&) {
    return ++times == 1 ? ScriptedProvider::unknown() : ScriptedProvider::done();
  };
  stage.apply("1.0.0");
  stage.settle();
  EXPECT_EQ(stage.ready(), "True");
  const std::vector<std::string>& operations = stage.provider.operations;
  const std::string id = stage.run(1).meta.uid + ".switch.web1.1";
  EXPECT_EQ(std::count(operations.begin(), operations.end(), id), 2);
}

// The answer to the creation of a run was lost, and then the spec changed again.
TEST(ReleaseReconciler, ARunThatTheStatusDoesNotNameGoesBeforeAnother) {
  ReleaseStage stage(2);
  stage.apply("1.0.0");
  stage.settle();
  const Release before = stage.release();
  stage.apply("1.0.1");
  ASSERT_TRUE(stage.reconciler->reconcile(stage.key));
  ASSERT_EQ(stage.runs(), 2U);
  Json status = toJson(before.status);  // as if only the run had been written
  ASSERT_TRUE(stage.objects.replaceStatus(kRelease, stage.key, "", status));
  stage.restart();
  stage.apply("1.0.2");
  stage.settle();
  EXPECT_EQ(stage.run(2).status.phase, RunPhase::Cancelled);
  EXPECT_EQ(stage.run(3).status.phase, RunPhase::Completed);
  EXPECT_EQ(stage.run(3).spec.version, "1.0.2");
  EXPECT_EQ(stage.runs(), 3U);
  EXPECT_EQ(stage.release().status.runCounter, 3);
  EXPECT_EQ(stage.ready(), "True");
}

TEST(ReleaseReconciler, AServerThatIsGoneIsNeitherFailedNorWaitedFor) {
  ReleaseStage stage(3);
  stage.provider.held = {"prepare web1", "prepare web2", "prepare web3"};
  stage.apply("1.0.0");
  stage.settle(Duration(0));
  ASSERT_TRUE(stage.objects.remove(kServer, {"default", "web3"}, ""));
  stage.provider.release();
  stage.settle();
  EXPECT_EQ(stage.run(1).status.phase, RunPhase::Completed);
  EXPECT_TRUE(stage.run(1).status.targets[2].gone);
  EXPECT_EQ(stage.provider.count("switch web3"), 0U);
}

TEST(ReleaseReconciler, ARestartNeitherLosesNorShortensAWaitBetweenBatches) {
  ReleaseStage stage(2);
  stage.apply("1.0.0", rollingWith("60s"));
  stage.settle(seconds(31));
  ASSERT_EQ(stage.run(1).status.transitions.back().reason, "WaitingBetweenBatches");
  ASSERT_EQ(stage.provider.count("switch web2"), 0U);
  stage.clock.jumpWall(std::chrono::hours(24 * 365));
  stage.restart();
  stage.settle(seconds(20));
  EXPECT_EQ(stage.provider.count("switch web2"), 0U) << "a jump of the wall clock shortens nothing";
  stage.settle(seconds(25));
  EXPECT_EQ(stage.run(1).status.phase, RunPhase::Completed) << "what had passed before the restart counts";
}

}  // namespace
}  // namespace slipway
