#include <gtest/gtest.h>

#include "tests/unit/reconciler/release/release_stage.h"

// Servers that have seen a higher fencing number than ours.
namespace slipway {
namespace {

using std::chrono::seconds;

class Fencing : public testing::Test {
 protected:
  // The server refuses what is not above `seen`, as the host script does.
  void sees(const std::string& step, std::uint64_t seen) {
    stage.provider.answers[step] = [this, seen](const StepRequest& request) {
      sent.push_back(request.fence);
      if (request.fence >= seen) {
        return ScriptedProvider::done();
      }
      StepResult refused = ScriptedProvider::refused(Code::Conflict, "fencing number is lower", "fetch");
      refused.fenced = true;
      refused.observed.fence = seen;
      return refused;
    };
  }
  std::uint64_t durableFence(int run) { return stage.run(run).status.fence; }

  ReleaseStage stage{2};
  std::vector<std::uint64_t> sent;
};

TEST_F(Fencing, AServerThatHasSeenAHigherNumberIsNoFailureWhileTheLeaseIsOurs) {
  for (const char* step : {"prepare web2", "check web1", "switch web1", "verify web2", "retire web1"}) {
    ReleaseStage fresh{2};
    sent.clear();
    bool recorded = true;
    fresh.provider.answers[step] = [&](const StepRequest& request) {
      sent.push_back(request.fence);
      recorded = recorded && fresh.run(1).status.fence >= request.fence;
      StepResult refused = ScriptedProvider::refused(Code::Conflict, "fencing number is lower", "part");
      refused.fenced = true;
      refused.observed.fence = 500;
      return request.fence >= 500 ? ScriptedProvider::done() : refused;
    };
    fresh.apply("1.0.0");
    fresh.settle();
    EXPECT_EQ(fresh.run(1).status.phase, RunPhase::Completed) << step << ": " << fresh.run(1).status.message;
    EXPECT_EQ(sent, (std::vector<std::uint64_t>{1, 501})) << step;
    EXPECT_TRUE(recorded) << "the record has the number before it is used";
    EXPECT_EQ(fresh.run(1).status.fence, 501U);
  }
}

TEST_F(Fencing, WhoLostTheLeaseGetsNoHigherNumber) {
  stage.provider.answers["check web1"] = [this](const StepRequest& request) {
    sent.push_back(request.fence);
    for (auto& [key, holder] : stage.leases.holders) {
      holder = "another/shop-1";
    }
    StepResult refused = ScriptedProvider::refused(Code::Conflict, "fencing number is lower", "gate");
    refused.fenced = true;
    refused.observed.fence = 2;
    return refused;
  };
  stage.apply("1.0.0");
  stage.settle(seconds(20));
  EXPECT_EQ(sent, std::vector<std::uint64_t>{1});
  EXPECT_EQ(stage.run(1).status.fence, 1U);
  EXPECT_EQ(stage.provider.count("switch web1"), 0U);
  EXPECT_FALSE(isTerminal(stage.run(1).status.phase)) << "the other one goes on with it";
}

// A takeover that does not write the record lets the holder that it replaced go on writing.
TEST_F(Fencing, TheRecordHasTheNumberBeforeAnythingBeginsThoughTheFirstSaveFailed) {
  bool recorded = true;
  stage.provider.onStart = [&](const StepRequest& request) {
    recorded = recorded && stage.run(1).status.fence >= request.fence;
  };
  stage.apply("1.0.0");
  ASSERT_TRUE(stage.reconciler->reconcile(stage.key));  // makes the run
  stage.objects.failWrites(Status(Code::Conflict, "the object has been modified"));
  for (int i = 0; i < 3; ++i) {
    (void)stage.reconciler->reconcile(stage.key);
  }
  stage.objects.failWrites(Status());
  stage.woken = true;
  stage.settle();
  EXPECT_EQ(stage.run(1).status.phase, RunPhase::Completed) << stage.run(1).status.message;
  EXPECT_EQ(stage.run(1).status.fence, 1U);
  EXPECT_TRUE(recorded);
}

TEST_F(Fencing, AServerThatAlwaysAsksForMoreIsNotObeyed) {
  stage.provider.answers["prepare web1"] = [this](const StepRequest& request) {
    sent.push_back(request.fence);
    StepResult refused = ScriptedProvider::refused(Code::Conflict, "fencing number is lower", "fetch");
    refused.fenced = true;
    refused.observed.fence = request.fence + 1000;
    return refused;
  };
  stage.apply("1.0.0");
  stage.settle();
  EXPECT_EQ(stage.run(1).status.phase, RunPhase::Failed);
  EXPECT_EQ(sent.size(), 4U);
  ReleaseStage other{2};
  other.provider.answers["prepare web1"] = [](const StepRequest&) {
    StepResult refused = ScriptedProvider::refused(Code::Conflict, "fencing number is lower", "fetch");
    refused.fenced = true;
    refused.observed.fence = kHighestFence;
    return refused;
  };
  other.apply("1.0.0");
  other.settle();
  EXPECT_EQ(other.run(1).status.phase, RunPhase::Failed);
  EXPECT_EQ(other.run(1).status.fence, 1U);
}

TEST_F(Fencing, ANewRunGoesAboveEveryNumberInTheRecordsThoughTheLeaseStartsAgain) {
  sees("prepare web1", 500);
  stage.apply("1.0.0");
  stage.settle();
  ASSERT_EQ(durableFence(1), 501U);
  stage.leases.holders.clear();
  stage.leases.fence = 3;  // the lease was deleted, and its new one knows nothing
  sent.clear();
  stage.apply("1.0.1");
  stage.settle();
  EXPECT_EQ(stage.run(2).status.phase, RunPhase::Completed);
  EXPECT_GT(durableFence(2), 501U);
  EXPECT_EQ(sent.size(), 1U) << "nothing had to be refused first";
}

TEST_F(Fencing, ANumberThatSomebodyWroteIntoARecordBlocksNothing) {
  stage.apply("1.0.0");
  stage.settle();
  Json status = *(*stage.objects.get(kReleaseRun, {"default", "shop-1"}))->find("status");
  status["fence"] = static_cast<std::int64_t>(1) << 60;
  ASSERT_TRUE(stage.objects.replaceStatus(kReleaseRun, {"default", "shop-1"}, "", status));
  stage.apply("1.0.1");
  stage.settle();
  EXPECT_EQ(stage.run(2).status.phase, RunPhase::Completed);
  EXPECT_LT(durableFence(2), 100U);
}

}  // namespace
}  // namespace slipway
