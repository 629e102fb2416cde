#include "reconciler/planner/analysis_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/seeded_random.h"

namespace slipway::planner {
namespace {

using ::testing::HasSubstr;
using Result = MeasurementResult;

// One metric, measured at each interval with these results.
AnalysisRecord measured(const AnalysisMetric& metric, const std::vector<Result>& results) {
  AnalysisRecord record;
  beginAnalysis(record, {{"errors/rate", &metric, {}}}, "t");
  for (const Result result : results) {
    record.elapsedMs = std::max(record.elapsedMs, record.metrics[0].nextMs);
    takeMeasurement(record, 0, metric, {result, "1", "Why: because", "t"});
  }
  return record;
}

AnalysisMetric metricOf(int count) {
  AnalysisMetric metric;
  metric.count = count;
  return metric;
}

TEST(AnalysisRules, SucceedsWhenAllMeasurementsAreMadeAndNoLimitIsPassed) {
  AnalysisMetric metric = metricOf(3);
  EXPECT_EQ(measured(metric, {Result::Successful, Result::Successful}).verdict, "");
  EXPECT_EQ(measured(metric, {Result::Successful, Result::Successful, Result::Successful}).verdict, "Successful");
  metric.failureLimit = 1;
  EXPECT_EQ(measured(metric, {Result::Failed, Result::Successful, Result::Successful}).verdict, "Successful");
  EXPECT_EQ(measured(metric, {Result::Failed, Result::Failed}).verdict, "Failed") << "at once";
  metric.inconclusiveLimit = 1;
  EXPECT_EQ(measured(metric, {Result::Inconclusive, Result::Inconclusive}).verdict, "Inconclusive");
}

TEST(AnalysisRules, NothingSucceedsOfWhichNoMeasurementDid) {
  AnalysisMetric lenient = metricOf(2);
  lenient.failureLimit = lenient.inconclusiveLimit = lenient.consecutiveErrorLimit = 1000;
  EXPECT_EQ(measured(lenient, {Result::Failed, Result::Failed}).verdict, "Failed");
  EXPECT_EQ(measured(lenient, {Result::Inconclusive, Result::Inconclusive}).verdict, "Inconclusive");
  EXPECT_EQ(measured(lenient, std::vector<Result>(900, Result::Error)).verdict, "");
}

TEST(AnalysisRules, ErrorsDoNotCountAndTooManyInARowAreInconclusive) {
  AnalysisMetric metric = metricOf(2);
  metric.consecutiveErrorLimit = 2;
  const auto e = Result::Error;
  const auto s = Result::Successful;
  EXPECT_EQ(measured(metric, {e, e, s, e, e, s}).verdict, "Successful");
  const AnalysisRecord record = measured(metric, {s, e, e, e});
  EXPECT_EQ(record.verdict, "Inconclusive");
  EXPECT_THAT(record.message, HasSubstr("metric errors/rate: 3 errors in a row: Why: because"));
}

TEST(AnalysisRules, NoDataMeansWhatThePolicySays) {
  AnalysisMetric metric = metricOf(2);
  const auto none = Result::NoData;
  metric.noData = NoData::Fail;
  EXPECT_EQ(measured(metric, {none}).verdict, "Failed");
  metric.noData = NoData::Pass;
  const AnalysisRecord passed = measured(metric, {none, none});
  EXPECT_EQ(passed.verdict, "Successful");
  EXPECT_EQ(passed.metrics[0].successful, 0) << "it is let pass, not counted as a success";
  EXPECT_EQ(measured(metric, {none, Result::Failed}).verdict, "Failed");
  metric.noData = NoData::WaitFor;
  metric.waitFor = std::chrono::minutes(1);
  EXPECT_EQ(measured(metric, {none, none, Result::Successful, none, none, Result::Successful}).verdict, "Successful");
  const AnalysisRecord waited = measured(metric, {none, none, none});
  EXPECT_EQ(waited.verdict, "Inconclusive");
  EXPECT_THAT(waited.message, HasSubstr("no data for 1m"));
}

TEST(AnalysisRules, TakesAsManyNumbersAsMinSamplesAsksFor) {
  AnalysisMetric metric = metricOf(3);
  metric.minSamples = 3;
  metric.noData = NoData::Fail;
  metric.failureLimit = 2;
  EXPECT_EQ(measured(metric, {Result::Successful, Result::NoData, Result::Successful}).verdict, "Inconclusive");
  EXPECT_EQ(measured(metric, {Result::Successful, Result::Successful, Result::Successful}).verdict, "Successful");
}

TEST(AnalysisRules, OneFailedMetricEndsTheAnalysisAndOneInconclusiveWaitsForTheOthers) {
  const AnalysisMetric metric = metricOf(1);
  const std::vector<MetricUse> uses{{"a/x", &metric, {}}, {"a/y", &metric, {}}};
  for (const auto& [first, second, verdict] : std::vector<std::tuple<Result, std::optional<Result>, std::string>>{
           {Result::Failed, std::nullopt, "Failed"},
           {Result::Inconclusive, std::nullopt, ""},
           {Result::Inconclusive, Result::Successful, "Inconclusive"},
           {Result::Inconclusive, Result::Failed, "Failed"},
           {Result::Successful, Result::Successful, "Successful"}}) {
    AnalysisRecord record;
    beginAnalysis(record, uses, "t");
    takeMeasurement(record, 0, metric, {first, "", "", "t"});
    if (second.has_value()) {
      takeMeasurement(record, 1, metric, {*second, "", "", "t"});
    }
    EXPECT_EQ(record.verdict, verdict);
  }
}

TEST(AnalysisRules, WithoutACopyOfItsTemplatesItIsInconclusive) {
  AnalysisRecord record;
  beginAnalysis(record, metricsOf({1, {"gone"}}, {}), "t");
  EXPECT_EQ(record.verdict, "Inconclusive");
}

TEST(AnalysisRules, HoldForEveryCourseOfMeasurements) {
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    SeededRandom random(seed);
    const auto pick = [&](std::uint64_t most) { return static_cast<int>(random.next() % (most + 1)); };
    AnalysisMetric metric = metricOf(1 + pick(5));
    metric.failureLimit = pick(6);
    metric.inconclusiveLimit = pick(6);
    metric.consecutiveErrorLimit = pick(4);
    metric.minSamples = pick(static_cast<std::uint64_t>(metric.count));
    metric.noData = static_cast<NoData>(pick(2));
    AnalysisRecord record;
    beginAnalysis(record, {{"a/x", &metric, {}}}, "t");
    int steps = 0;
    while (record.verdict.empty()) {
      ASSERT_LT(++steps, 1000) << "seed " << seed << " does not end";
      ASSERT_TRUE(untilDue(record, 0).has_value());
      record.elapsedMs += std::chrono::duration_cast<std::chrono::milliseconds>(*untilDue(record, 0)).count();
      takeMeasurement(record, 0, metric, {static_cast<Result>(pick(4)), "1", "", "t"});
    }
    const MetricRecord& one = record.metrics[0];
    EXPECT_LE(one.last.size(), kKeptMeasurements);
    EXPECT_LE(one.measured, metric.count);
    EXPECT_FALSE(untilDue(record, 0).has_value());
    if (record.verdict == "Successful") {
      EXPECT_LE(one.failed, metric.failureLimit) << "seed " << seed;
      EXPECT_LE(one.inconclusive, metric.inconclusiveLimit) << "seed " << seed;
      EXPECT_TRUE(one.successful > 0 || metric.noData == NoData::Pass) << "seed " << seed;
    }
    const AnalysisRecord before = record;
    for (int late = 0; late <= 4; ++late) {
      takeMeasurement(record, 0, metric, {static_cast<Result>(late), "", "", "later"});
    }
    EXPECT_EQ(record, before) << "what comes too late changes nothing";
  }
}

}  // namespace
}  // namespace slipway::planner
