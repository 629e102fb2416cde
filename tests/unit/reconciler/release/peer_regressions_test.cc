#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/reconciler/release/release_stage.h"

// Errors that users of other delivery systems have reported, by project and number: what happened there, and that it
// does not here. Those of caches and queues are with the runtime's tests.
namespace slipway {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

StepResult unhealthy(const StepRequest&) { return ScriptedProvider::refused(Code::Unavailable, "503", "health"); }

class PeerRegressions : public testing::Test {
 protected:
  void goLive(const std::string& version) {
    stage.apply(version);
    stage.settle();
    ASSERT_EQ(stage.ready(), "True") << stage.release().status.phase;
  }
  std::vector<std::string> versions() const {
    std::vector<std::string> out;
    for (const auto& [server, version] : stage.provider.live) out.push_back(version);
    return out;
  }
  // Holds one kind of step on every server while 2.0.0 goes out over 1.0.0.
  void holdAt(const std::string& step) {
    goLive("1.0.0");
    stage.provider.held = {step + " web1", step + " web2"};
    stage.apply("2.0.0");
    stage.settle(Duration(0));
    ASSERT_THAT(stage.provider.waiting, Not(IsEmpty())) << step;
  }

  ReleaseStage stage{2};
};

class PeerRegressionsAtEveryStep : public PeerRegressions, public testing::WithParamInterface<const char*> {};

// argo-rollouts 2522, 3080, 1904: after "the object has been modified" a rollout stood still until somebody restarted
// the controller.
TEST_F(PeerRegressions, ArgoRollouts2522ConflictsNeedNoRestart) {
  int conflicts = 0;
  stage.provider.onStart = [&](const StepRequest&) {
    if (++conflicts % 2 == 0) stage.objects.failWrites(Status(Code::Conflict, "the object has been modified"));
  };
  stage.apply("1.0.0");
  for (int i = 0; i < 20; ++i) {
    stage.settle(seconds(30));
    stage.objects.failWrites(Status());
    stage.woken = true;
  }
  stage.settle();
  EXPECT_EQ(stage.ready(), "True");
  EXPECT_THAT(versions(), Each("1.0.0"));
}

// argo-rollouts 1774, 995, 1733: a good version could not replace a broken one, because the broken one never became
// healthy.
TEST_F(PeerRegressions, ArgoRollouts1774ABrokenVersionNeverBlocksAGoodOne) {
  goLive("1.0.0");
  stage.provider.answers["check web1"] = unhealthy;
  stage.provider.answers["verify web2"] = unhealthy;
  stage.apply("2.0.0");
  stage.settle();
  EXPECT_EQ(stage.ready(), "False");
  stage.provider.answers.clear();
  goLive("3.0.0");
  EXPECT_THAT(versions(), Each("3.0.0"));
}

// argo-rollouts 942: stuck in Progressing after a failure, and the abort did not help.
TEST_F(PeerRegressions, ArgoRollouts942AnAbortEndsARunThatCannotGoOn) {
  goLive("1.0.0");
  stage.provider.answers["prepare web2"] = [](const StepRequest&) { return ScriptedProvider::unknown(); };
  stage.apply("2.0.0");
  stage.settle(seconds(10));
  stage.ask("abort", "t1");
  stage.settle();
  EXPECT_TRUE(isTerminal(stage.run(2).status.phase)) << phaseName(stage.run(2).status.phase);
  EXPECT_THAT(versions(), Each("1.0.0"));
}

// flagger 1591, 523, 1247: a deadline that passed during promotion started over for ever, and nothing was rolled back.
TEST_F(PeerRegressions, Flagger1591AVerificationThatNeverPassesEndsInOneRollback) {
  goLive("1.0.0");
  stage.provider.answers["verify web1"] = unhealthy;
  stage.apply("2.0.0");
  stage.settle(hours(24));
  EXPECT_EQ(stage.run(2).status.phase, RunPhase::RolledBack);
  EXPECT_THAT(versions(), Each("1.0.0"));
  const std::size_t steps = stage.provider.started.size();
  stage.clock.advance(hours(24 * 7));
  stage.woken = true;
  stage.settle(hours(24));
  EXPECT_EQ(stage.provider.started.size(), steps);
  EXPECT_EQ(stage.runs(), 2U);
}

// helm-controller 149, 857: after a crash the release said "another operation is in progress" for ever.
TEST_P(PeerRegressionsAtEveryStep, HelmController149ACrashLeavesNoOperationInProgress) {
  holdAt(GetParam());
  if (HasFatalFailure()) return;
  stage.provider.held.clear();
  stage.restart();
  stage.settle();
  EXPECT_EQ(stage.run(2).status.phase, RunPhase::Completed);
  EXPECT_THAT(versions(), Each("2.0.0"));
  EXPECT_THAT(stage.leases.holders, IsEmpty());
}

// helm-controller 454, 1551: after "retries exhausted" nothing but deleting the object helped; or it tried without end.
TEST_F(PeerRegressions, HelmController454AFailedReleaseTriesNoMoreAndARetryRevivesIt) {
  goLive("1.0.0");
  stage.provider.answers["prepare web1"] = [](const StepRequest&) {
    return ScriptedProvider::refused(Code::Invalid, "cannot build", "make");
  };
  stage.apply("2.0.0");
  stage.settle(hours(4));
  EXPECT_EQ(stage.runs(), 2U);
  EXPECT_EQ(stage.run(2).status.phase, RunPhase::Failed);
  stage.provider.answers.clear();
  stage.ask("retry", "t1");
  stage.settle();
  EXPECT_EQ(stage.ready(), "True");
  EXPECT_THAT(versions(), Each("2.0.0"));
}

// kustomize-controller 701: a bad commit blocked the commit that mended it until its health check timed out.
TEST_P(PeerRegressionsAtEveryStep, KustomizeController701AFixDoesNotWaitForWhatItMends) {
  holdAt(GetParam());
  if (HasFatalFailure()) return;
  const SteadyTime before = stage.clock.steady();
  stage.provider.held.clear();
  stage.apply("3.0.0");
  stage.settle(seconds(60));
  if (!stage.provider.waiting.empty()) {
    stage.provider.release();  // what was on its way to a server ends there
    stage.woken = true;
    stage.settle(seconds(60));
  }
  EXPECT_THAT(versions(), Each("3.0.0"));
  EXPECT_EQ(stage.ready(), "True");
  EXPECT_LT(stage.clock.steady() - before, seconds(121));
}

// kruise rollouts 257: a rollout that was paused in its canary could not be undone.
TEST_F(PeerRegressions, KruiseRollouts257APausedRunCanBeUndone) {
  holdAt("switch");
  stage.ask("pause", "t1");
  stage.settle(Duration(0));
  stage.provider.release();
  stage.woken = true;
  stage.settle(seconds(60));
  EXPECT_EQ(stage.run(2).status.phase, RunPhase::Paused);
  stage.ask("abort", "t2");
  stage.settle();
  EXPECT_TRUE(isTerminal(stage.run(2).status.phase)) << phaseName(stage.run(2).status.phase);
  EXPECT_THAT(versions(), Each("1.0.0"));
}

// argo-rollouts 4534: a third version in the middle of a canary took the second one away at once, and nothing healthy
// was left. Here a server always has a version that was prepared, and all end on the third.
TEST_P(PeerRegressionsAtEveryStep, ArgoRollouts4534AThirdVersionNeverLeavesAServerWithoutOne) {
  holdAt(GetParam());
  if (HasFatalFailure()) return;
  stage.provider.onStart = [&](const StepRequest&) {
    for (const std::string& version : versions()) EXPECT_NE(version, "");
  };
  stage.apply("3.0.0");
  stage.provider.release();
  stage.woken = true;
  stage.settle();
  EXPECT_THAT(versions(), Each("3.0.0"));
  EXPECT_TRUE(isTerminal(stage.run(2).status.phase));
  EXPECT_EQ(stage.run(3).status.phase, RunPhase::Completed);
}

// argo-rollouts 88, 1356, 4696: a new controller computed other hashes and rolled everything out again.
TEST_F(PeerRegressions, ArgoRollouts4696AnUpgradeOfTheControllerRollsNothingOut) {
  goLive("1.0.0");
  const std::size_t steps = stage.provider.started.size();
  stage.restart();
  stage.settle(hours(1));
  // The same said in another way: defaults written out, fields in another order.
  Json spec;
  spec["health"]["interval"] = "1s";
  spec["health"]["attempts"] = 2;
  spec["strategy"]["type"] = "Atomic";
  stage.apply("1.0.0", spec);
  stage.settle(hours(1));
  EXPECT_EQ(stage.runs(), 1U);
  EXPECT_EQ(stage.provider.started.size(), steps);
}

// argo-rollouts 2117: a leader that had lost its lease went on beside the new one.
TEST_F(PeerRegressions, ArgoRollouts2117WhoLostItsLeaseStartsNothingMore) {
  holdAt("prepare");
  for (auto& [lease, holder] : stage.leases.holders) holder = "another/run";
  stage.clock.advance(seconds(60));
  const std::size_t steps = stage.provider.started.size();
  stage.provider.release();
  stage.woken = true;
  stage.settle(seconds(5));
  EXPECT_EQ(stage.provider.started.size(), steps);
  EXPECT_THAT(versions(), Each("1.0.0"));
}

// argo-rollouts 1667, 2556, 4764, 5037: the same notification came once per replica, or twice per abort.
TEST_F(PeerRegressions, ArgoRollouts1667NothingIsAnnouncedTwice) {
  goLive("1.0.0");
  stage.provider.held = {"prepare web1"};
  stage.apply("2.0.0");
  stage.settle(Duration(0));
  stage.ask("abort", "t1");
  for (int i = 0; i < 5; ++i) {
    stage.restart();
    stage.settle(seconds(30));
  }
  stage.provider.release();
  stage.settle();
  std::vector<std::string> told = stage.events.told;
  std::sort(told.begin(), told.end());
  const auto twice = std::adjacent_find(told.begin(), told.end());
  EXPECT_EQ(twice, told.end()) << *twice;
}

// nelm 131, pipecd 1600: the rollback did nothing, or was left out when the failure came before the traffic stage.
TEST_P(PeerRegressionsAtEveryStep, Pipecd1600AFailureAtAnyStepLeavesTheOldVersionEverywhere) {
  goLive("1.0.0");
  const std::string step = std::string(GetParam()) + " web2";
  stage.provider.answers[step] = [](const StepRequest&) {
    return ScriptedProvider::refused(Code::Invalid, "it broke", "part");
  };
  stage.apply("2.0.0");
  stage.settle(hours(1));
  ASSERT_GT(stage.provider.count(step), 0U);
  if (std::string(GetParam()) == "retire") {
    EXPECT_THAT(versions(), Each("2.0.0")) << "what is left lying about fails nothing";
    return;
  }
  EXPECT_THAT(versions(), Each("1.0.0"));
  EXPECT_THAT(stage.run(2).status.phase, testing::AnyOf(RunPhase::Failed, RunPhase::RolledBack));
}

// flagger 1588 and others: promoting, and from there no way back. An abort is accepted at every step and ends with one
// version on all servers.
TEST_P(PeerRegressionsAtEveryStep, Flagger1588AnAbortIsLegalAtEveryStep) {
  holdAt(GetParam());
  if (HasFatalFailure()) return;
  stage.ask("abort", "t1");
  stage.settle(seconds(30));
  stage.provider.release();
  stage.woken = true;
  stage.settle();
  EXPECT_TRUE(isTerminal(stage.run(2).status.phase)) << phaseName(stage.run(2).status.phase);
  const std::vector<std::string> all = versions();
  EXPECT_THAT(all, Each(all.front()));
  EXPECT_EQ(all.front(), "1.0.0");
}

// argo-rollouts 4672, flux2 4632, flagger 830: nobody could tell whether a change was done, because the generation was
// said to be observed before it was acted on.
TEST_F(PeerRegressions, ArgoRollouts4672AGenerationIsReadyOnlyWhenItWasActedOn) {
  goLive("1.0.0");
  stage.provider.held = {"prepare web1", "prepare web2"};
  stage.apply("2.0.0");
  stage.settle(Duration(0));
  EXPECT_NE(stage.ready(), "True");
  stage.provider.release();
  stage.woken = true;
  stage.settle();
  EXPECT_EQ(stage.ready(), "True");
  EXPECT_EQ(stage.release().status.observedGeneration, stage.release().meta.generation);
}

INSTANTIATE_TEST_SUITE_P(Steps, PeerRegressionsAtEveryStep,
                         testing::Values("prepare", "check", "switch", "verify", "retire"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace slipway
