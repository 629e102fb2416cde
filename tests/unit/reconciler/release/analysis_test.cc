#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/reconciler/release/release_stage.h"

namespace slipway {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

Measurement found(MeasurementResult result, const std::string& message = "") {
  return {result, message.empty() ? "1" : "", message};
}

// A canary behind a caddy, judged at 20 %.
class AnalysisStage : public ReleaseStage {
 public:
  AnalysisStage() : ReleaseStage(2) {
    addServer("edge");
    addTemplate("errors", R"({"args":[{"name":"limit","value":"5"}],"metrics":[{"name":"rate",
        "provider":{"http":{"url":"http://metrics.example.org/{{args.version}}","value":"$.rate"}},
        "interval":"10s","count":3,"successCondition":"result < 0.1","failureLimit":0,"consecutiveErrorLimit":2,
        "waitFor":"1m"}]})");
    deploy("1.0.0");
    EXPECT_EQ(run(1).status.outcome, "Completed") << run(1).status.message << last.message();
  }

  void deploy(const std::string& version, const std::string& strategy = kCanary,
              Duration patience = std::chrono::minutes(5)) {
    Json spec = *parseJson(R"({
        "slots":{"blue":{"port":8081},"green":{"port":8082}},
        "process":{"command":{"start":"up","stop":"down"}},
        "traffic":{"type":"caddy","service":"shop","servers":["edge"],"port":80}})");
    spec["strategy"] = *parseJson(strategy);
    apply(version, spec);
    settle(patience);
  }
  AnalysisRecord record(int number, const std::string& step = "1") const {
    const RunStatus status = run(number).status;
    const auto it = status.analyses.find(step);
    return it == status.analyses.end() ? AnalysisRecord{} : it->second;
  }
  void answerWith(MeasurementResult result, const std::string& message = "") {
    analyst.answer = [=](const MeasurementRequest&) { return found(result, message); };
  }
  int weight() const { return run(2).status.traffic.weight.verified; }

  static constexpr const char* kCanary = R"({"type":"Canary","canary":{"scaleDownDelay":"0s",
      "steps":[{"setWeight":20},{"analysis":{"templates":["errors"],"args":[{"name":"limit","value":"7"}]}},
               {"setWeight":50}]}})";
};

TEST(AnalysisOfARun, LetsAGoodVersionGoOnAndTellsWhy) {
  AnalysisStage stage;
  stage.deploy("2.0.0");
  ASSERT_EQ(stage.run(2).status.outcome, "Completed") << stage.run(2).status.message;
  const AnalysisRecord record = stage.record(2);
  EXPECT_EQ(record.verdict, "Successful");
  EXPECT_EQ(record.metrics.at(0).measured, 3);
  EXPECT_EQ(record.metrics.at(0).last.size(), 3U);
  ASSERT_EQ(stage.analyst.asked.size(), 3U);
  const std::map<std::string, std::string>& args = stage.analyst.asked[0].args;
  EXPECT_EQ(args.at("version"), "2.0.0");
  EXPECT_EQ(args.at("stableVersion"), "1.0.0");
  EXPECT_EQ(args.at("release"), "shop");
  EXPECT_EQ(args.at("run"), "shop-2");
  EXPECT_EQ(args.at("limit"), "7") << "the Release's value goes over the template's";
  EXPECT_THAT(stage.events.told, Contains(HasSubstr("AnalysisSuccessful Release/shop")));
  EXPECT_EQ(
      stage.metrics.value("slipway_analysis_measurements_total", {{"provider", "http"}, {"result", "Successful"}}), 3);
  EXPECT_EQ(stage.metrics.value("slipway_analysis_runs_total", {{"verdict", "Successful"}}), 1);
}

TEST(AnalysisOfARun, TakesABadVersionBackAndSaysWhichMetric) {
  AnalysisStage stage;
  stage.answerWith(MeasurementResult::Failed);
  stage.deploy("2.0.0");
  EXPECT_EQ(stage.run(2).status.outcome, "RolledBack") << stage.run(2).status.message;
  EXPECT_EQ(stage.run(2).status.decisions.revertReason, "AnalysisFailed");
  EXPECT_THAT(stage.run(2).status.decisions.revertMessage, HasSubstr("metric errors/rate"));
  EXPECT_EQ(stage.weight(), 0);
  EXPECT_THAT(stage.release().status.history.front().badReason, HasSubstr("errors/rate"));
  EXPECT_EQ(stage.analyst.asked.size(), 1U);
}

TEST(AnalysisOfARun, HoldsForAPersonWhenItCannotSay) {
  for (const std::string verb : {"promote", "abort", "promote-full"}) {
    AnalysisStage stage;
    stage.answerWith(MeasurementResult::Error, "Unavailable: refused");
    stage.deploy("2.0.0");
    ASSERT_EQ(stage.run(2).status.phase, RunPhase::Paused) << stage.run(2).status.message;
    EXPECT_THAT(stage.release().status.message, HasSubstr("3 errors in a row: Unavailable: refused"));
    EXPECT_EQ(stage.weight(), 20);
    stage.ask(verb, "1");
    stage.settle();
    EXPECT_EQ(stage.run(2).status.outcome, verb == "abort" ? "RolledBack" : "Completed")
        << verb << ": " << stage.verdict(verb) << " " << stage.run(2).status.message;
    EXPECT_EQ(stage.record(2).verdict, "Inconclusive");
  }
}

TEST(AnalysisOfARun, BeginsAnewWhenAPersonResumesIt) {
  AnalysisStage stage;
  stage.answerWith(MeasurementResult::Error, "Unavailable: refused");
  stage.deploy("2.0.0");
  ASSERT_EQ(stage.run(2).status.phase, RunPhase::Paused);
  stage.answerWith(MeasurementResult::Successful);
  stage.ask("resume", "1");
  stage.settle();
  EXPECT_EQ(stage.run(2).status.outcome, "Completed") << stage.run(2).status.message;
  EXPECT_EQ(stage.record(2).round, 2);
}

TEST(AnalysisOfARun, GoesOnWhereItWasAfterARestart) {
  AnalysisStage stage;
  stage.deploy("2.0.0", AnalysisStage::kCanary, std::chrono::seconds(15));
  ASSERT_EQ(stage.record(2).metrics.at(0).measured, 2);
  stage.restart();
  stage.settle();
  EXPECT_EQ(stage.run(2).status.outcome, "Completed");
  EXPECT_EQ(stage.analyst.asked.size(), 3U) << "nothing is measured twice";
}

TEST(AnalysisOfARun, MeasuresAgainWhatACrashLost) {
  AnalysisStage stage;
  stage.analyst.held = true;
  stage.deploy("2.0.0", AnalysisStage::kCanary, std::chrono::seconds(5));
  ASSERT_EQ(stage.analyst.waiting.size(), 1U);
  EXPECT_EQ(stage.record(2).metrics.at(0).started, 1) << "recorded before it is asked";
  stage.restart();
  stage.analyst.held = false;
  stage.settle();
  EXPECT_EQ(stage.run(2).status.outcome, "Completed");
  EXPECT_EQ(stage.record(2).metrics.at(0).started, 4);
  EXPECT_EQ(stage.record(2).metrics.at(0).measured, 3);
}

TEST(AnalysisOfARun, GivesUpAMeasurementThatNeverEnds) {
  AnalysisStage stage;
  stage.analyst.held = true;
  stage.deploy("2.0.0", AnalysisStage::kCanary, std::chrono::minutes(20));
  EXPECT_EQ(stage.run(2).status.phase, RunPhase::Paused) << stage.run(2).status.message;
  EXPECT_THAT(stage.run(2).status.message, HasSubstr("the measurement did not end"));
  EXPECT_EQ(stage.weight(), 20);
}

TEST(AnalysisOfARun, JudgesByTheTemplatesAsTheyWereWhenItBegan) {
  AnalysisStage stage;
  stage.deploy("2.0.0", AnalysisStage::kCanary, std::chrono::seconds(5));
  Json patch;
  patch["spec"]["metrics"] = Json::Array();
  ASSERT_TRUE(stage.objects.mergePatch(kAnalysisTemplate, {"default", "errors"}, patch));
  stage.restart();
  stage.settle();
  EXPECT_EQ(stage.run(2).status.outcome, "Completed");
  EXPECT_EQ(stage.record(2).metrics.at(0).measured, 3);
  EXPECT_EQ(stage.run(2).spec.analyses.at("errors").metrics.at(0).count, 3);
}

TEST(AnalysisOfARun, StopsMeasuringWhileItIsPausedAndGoesOnAfterwards) {
  AnalysisStage stage;
  stage.deploy("2.0.0", AnalysisStage::kCanary, std::chrono::seconds(5));
  stage.ask("pause", "1");
  stage.settle();
  EXPECT_EQ(stage.run(2).status.phase, RunPhase::Paused);
  EXPECT_EQ(stage.analyst.asked.size(), 1U);
  stage.ask("resume", "1");
  stage.settle(std::chrono::seconds(1));
  EXPECT_EQ(stage.analyst.asked.size(), 1U) << "the time of the pause is none of the analysis";
  stage.settle();
  EXPECT_EQ(stage.run(2).status.outcome, "Completed");
  EXPECT_EQ(stage.analyst.asked.size(), 3U);
  EXPECT_EQ(stage.record(2).round, 1);
}

TEST(AnalysisOfARun, GivesWayToAnAbortAndToAThirdVersionAtOnce) {
  for (const bool third : {false, true}) {
    AnalysisStage stage;
    stage.analyst.held = true;
    stage.deploy("2.0.0", AnalysisStage::kCanary, std::chrono::seconds(5));
    if (third) {
      stage.analyst.held = false;
      stage.deploy("3.0.0");
      EXPECT_EQ(stage.run(3).status.outcome, "Completed") << stage.run(3).status.message;
    } else {
      stage.ask("abort", "1");
      stage.settle(std::chrono::seconds(10));
    }
    EXPECT_EQ(stage.run(2).status.outcome, "RolledBack") << stage.run(2).status.message;
    EXPECT_EQ(stage.record(2).verdict, "");
    stage.analyst.release();  // what comes too late changes nothing
    stage.settle();
    EXPECT_EQ(stage.run(2).status.outcome, "RolledBack");
    EXPECT_EQ(stage.record(2).verdict, "");
  }
}

TEST(AnalysisOfARun, IsNoPartOfARollback) {
  AnalysisStage stage;
  stage.deploy("2.0.0");
  stage.analyst.asked.clear();
  stage.answerWith(MeasurementResult::Failed);
  stage.ask("rollback", "1.0.0#1");
  stage.settle();
  EXPECT_EQ(stage.run(3).status.outcome, "Completed") << stage.run(3).status.message;
  EXPECT_TRUE(stage.analyst.asked.empty());
  EXPECT_TRUE(stage.run(3).spec.analyses.empty());
}

TEST(AnalysisOfARun, RunsACommandWhereTheNewVersionHasTraffic) {
  AnalysisStage stage;
  stage.addTemplate("smoke", R"({"metrics":[{"name":"ok","provider":{"command":{"run":"./check"}},
                                 "successCondition":"result == 1.0"}]})");
  stage.deploy("2.0.0", R"({"type":"Canary","canary":{"scaleDownDelay":"0s",
      "steps":[{"setWeight":20},{"analysis":{"templates":["smoke"]}}]}})");
  ASSERT_EQ(stage.analyst.asked.size(), 1U) << stage.run(2).status.message;
  const std::vector<StepRequest>& servers = stage.analyst.asked[0].servers;
  ASSERT_EQ(servers.size(), 1U) << "one instance carries 20 %";
  EXPECT_EQ(servers[0].target.name, "web1");
  const auto& look = std::get<VerifyStep>(servers[0].action);
  EXPECT_EQ(look.releaseId, "2.0.0");
  EXPECT_EQ(look.slot.name, "green");
  EXPECT_GT(servers[0].fence, 0U);
}

TEST(AnalysisOfARun, OfBlueGreenComesBeforeAndAfterTheTrafficMoves) {
  constexpr const char* kBoth = R"({"type":"BlueGreen","blueGreen":{"scaleDownDelay":"0s",
      "prePromotionAnalysis":{"templates":["errors"]},"postPromotionAnalysis":{"templates":["errors"]}}})";
  for (const int bad : {0, 1, 4}) {
    AnalysisStage stage;
    std::vector<int> weights;
    stage.analyst.answer = [&](const MeasurementRequest&) {
      weights.push_back(stage.weight());
      const bool fails = bad > 0 && static_cast<int>(weights.size()) == bad;
      return found(fails ? MeasurementResult::Failed : MeasurementResult::Successful);
    };
    stage.deploy("2.0.0", kBoth);
    EXPECT_EQ(stage.run(2).status.outcome, bad == 0 ? "Completed" : "RolledBack") << stage.run(2).status.message;
    EXPECT_LE(weights.at(0), 0) << "before it has traffic";
    if (bad != 1) {
      EXPECT_EQ(weights.at(3), 100);
    }
    EXPECT_EQ(std::max(stage.weight(), 0), bad == 0 ? 100 : 0);
  }
}

TEST(AnalysisOfARun, NeedsItsTemplateAndTheValuesOfItsArguments) {
  AnalysisStage stage;
  stage.deploy("2.0.0",
               R"({"type":"Canary","canary":{"steps":[{"setWeight":5},{"analysis":{"templates":["gone"]}}]}})");
  EXPECT_EQ(stage.runs(), 1U);
  EXPECT_THAT(stage.release().status.message, HasSubstr("spec.strategy.canary.steps[1].analysis.templates[0]"));
  stage.addTemplate("gone", R"({"args":[{"name":"need"}],"metrics":[]})");
  stage.settle();
  EXPECT_EQ(stage.runs(), 1U);
  EXPECT_THAT(stage.release().status.message, HasSubstr("argument need"));
}

}  // namespace
}  // namespace slipway
