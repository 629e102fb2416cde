// What spec.health asks for beyond a single good answer, over restarts of the controller, on fakes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/reconciler/release/release_stage.h"

namespace slipway {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

class HealthOfARun : public testing::Test {
 protected:
  static Json health(const std::string& more) {
    Json out;
    out["health"] = *parseJson(R"({"tcp":{"port":80},"attempts":8,"interval":"2s",)" + more + "}");
    return out;
  }
  // Good and bad answers to come, in this order; then good ones.
  void answers(std::vector<bool> good) {
    stage.provider.answers["verify web1"] = [this, good = std::move(good),
                                             at = std::size_t{0}](const StepRequest&) mutable {
      asked.push_back(stage.clock.steady());
      const bool well = at >= good.size() || good[at];
      ++at;
      return well ? ScriptedProvider::done() : ScriptedProvider::refused(Code::Unavailable, "503", "health");
    };
  }
  StepRecord verify(int number) const { return *stage.run(number).status.targets[0].step(StepKind::Verify); }

  ReleaseStage stage{1};
  std::vector<SteadyTime> asked;
};

TEST_F(HealthOfARun, GoodAnswersInARowAreAnIntervalApart) {
  answers({true, true, false});
  stage.apply("1.0.0", health(R"("successThreshold":3)"));
  stage.settle();
  EXPECT_EQ(stage.run(1).status.outcome, "Completed") << stage.run(1).status.message;
  ASSERT_EQ(asked.size(), 6U);
  for (std::size_t i = 1; i < asked.size(); ++i) {
    EXPECT_GE(asked[i] - asked[i - 1], seconds(2));
  }
  EXPECT_EQ(verify(1).successes, 3);
  EXPECT_EQ(verify(1).tries, 6);
}

TEST_F(HealthOfARun, AFlappingApplicationIsTakenBack) {
  answers({true, true, false, true, true, false, true, true});
  stage.apply("1.0.0", health(R"("successThreshold":3)"));
  stage.settle();
  EXPECT_EQ(stage.run(1).status.outcome, "RolledBack");
  EXPECT_THAT(stage.run(1).status.message, HasSubstr("healthy 2 of 3 times in a row after 8 attempts"));
}

TEST_F(HealthOfARun, ARestartOfTheControllerNeitherLosesAnAnswerNorCountsOneTwice) {
  answers({});
  stage.apply("1.0.0", health(R"("successThreshold":3)"));
  stage.settle(Duration(0));
  ASSERT_EQ(verify(1).successes, 1);
  stage.restart();
  stage.provider.held = {"verify web1"};
  stage.settle(seconds(2));
  ASSERT_EQ(verify(1).state, StepState::Running);
  stage.restart();  // the second answer is on its way and is asked for again under its id
  EXPECT_EQ(verify(1).successes, 1);
  stage.provider.held.clear();
  stage.settle();
  EXPECT_EQ(stage.run(1).status.outcome, "Completed");
  EXPECT_EQ(verify(1).successes, 3);
  EXPECT_EQ(verify(1).attempt, 3);
}

TEST_F(HealthOfARun, ASlowStarterIsNotAskedTooEarlyAlsoOverARestart) {
  answers({});
  const SteadyTime begin = stage.clock.steady();
  stage.apply("1.0.0", health(R"("initialDelay":"40s")"));
  stage.settle(seconds(25));
  EXPECT_EQ(stage.run(1).status.transitions.back().reason, "InitialDelay");
  EXPECT_TRUE(asked.empty());
  stage.restart();
  stage.settle();
  EXPECT_EQ(stage.run(1).status.outcome, "Completed");
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_GE(asked[0] - begin, seconds(40));
  EXPECT_LE(asked[0] - begin, seconds(60));
}

// A batch that is verified, a pause, then the next one.
class FreshnessOfARun : public testing::Test {
 protected:
  void deploy(const std::string& pause, const std::string& freshness) {
    Json spec;
    spec["health"] = *parseJson(R"({"tcp":{"port":80},"attempts":3,"interval":"1s"})");
    if (!freshness.empty()) {
      spec["health"]["freshness"] = freshness;
    }
    spec["strategy"] = *parseJson(R"({"type":"Rolling","rolling":{"batchSize":1,"pauseBetween":")" + pause + "\"}}");
    stage.apply("1.0.0", spec);
  }
  ReleaseStage stage{2};
};

TEST_F(FreshnessOfARun, AnOldAnswerIsAskedAgainBeforeTheNextBatch) {
  deploy("60s", "30s");
  stage.settle();
  EXPECT_EQ(stage.run(1).status.outcome, "Completed");
  EXPECT_EQ(stage.provider.count("verify web1"), 2U);
  EXPECT_EQ(stage.provider.count("verify web2"), 1U);
}

TEST_F(FreshnessOfARun, AYoungAnswerIsNotAskedAgain) {
  deploy("10s", "30s");
  stage.settle();
  EXPECT_EQ(stage.run(1).status.outcome, "Completed");
  EXPECT_EQ(stage.provider.count("verify web1"), 1U);
}

TEST_F(FreshnessOfARun, WithoutAWindowAnswersDoNotAge) {
  deploy("60s", "");
  stage.settle();
  EXPECT_EQ(stage.provider.count("verify web1"), 1U);
}

TEST_F(FreshnessOfARun, WhatAnEarlierProcessHeardIsAskedAgain) {
  deploy("10s", "30s");
  stage.settle(seconds(5));
  ASSERT_EQ(stage.provider.count("switch web2"), 0U);
  stage.restart();
  stage.settle();
  EXPECT_EQ(stage.run(1).status.outcome, "Completed");
  EXPECT_EQ(stage.provider.count("verify web1"), 2U);
}

TEST_F(FreshnessOfARun, AServerThatFellIllMeanwhileEndsTheRollout) {
  deploy("60s", "30s");
  stage.settle(seconds(20));
  ASSERT_EQ(stage.provider.count("verify web1"), 1U);
  stage.provider.answers["verify web1"] = [](const StepRequest&) {
    return ScriptedProvider::refused(Code::Unavailable, "503", "health");
  };
  stage.settle();
  EXPECT_EQ(stage.run(1).status.outcome, "RolledBack");
  EXPECT_EQ(stage.provider.count("switch web2"), 0U);
  EXPECT_THAT(stage.run(1).status.message, HasSubstr("web1: health: 503 after 3 attempts"));
}

// An answer that takes longer than answers may be old must not be asked for over and over.
TEST_F(FreshnessOfARun, ASlowAnswerCountsForAsLongAgainAsItTook) {
  stage.provider.onStart = [this](const StepRequest& request) {
    if (std::holds_alternative<VerifyStep>(request.action)) {
      stage.clock.advance(seconds(50));
    }
  };
  deploy("1s", "30s");
  stage.settle();
  EXPECT_EQ(stage.run(1).status.outcome, "Completed");
  EXPECT_LE(stage.provider.count("verify web1"), 2U);
}

TEST_F(FreshnessOfARun, TheRunNamesTheOneBeforeItAndCountsItsServers) {
  deploy("0s", "30s");
  stage.settle();
  EXPECT_EQ(stage.run(1).spec.previousRun, "");
  EXPECT_EQ(countInstances(stage.run(1).status).successful, 2);
  stage.provider.answers["verify web2"] = [](const StepRequest&) {
    return ScriptedProvider::refused(Code::Unavailable, "503", "health");
  };
  stage.apply("2.0.0", *parseJson(R"({"health":{"tcp":{"port":80},"attempts":1,"interval":"1s"}})"));
  stage.settle();
  const ReleaseRun failed = stage.run(2);
  EXPECT_EQ(failed.status.outcome, "RolledBack");
  EXPECT_EQ(failed.spec.previousRun, "shop-1");
  EXPECT_EQ(countInstances(failed.status).total, 2);
  EXPECT_EQ(countInstances(failed.status).successful, 0);
  EXPECT_FALSE(failed.status.decisions.revert.empty()) << "when it was decided to go back";
}

}  // namespace
}  // namespace slipway
