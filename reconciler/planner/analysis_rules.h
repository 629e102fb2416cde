#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "reconciler/planner/plan.h"

// How measurements become a verdict: pure, counted in the analysis' own time.
namespace slipway::planner {

// What one measurement came to.
struct MeasurementOutcome {
  MeasurementResult result = MeasurementResult::Error;
  std::string value;    // the number, or the list
  std::string message;  // why there is no judgement
  std::string at;       // for people
};

// One of the metrics of an analysis, with the arguments of its template. `metric` lives as long as the templates.
struct MetricUse {
  std::string name;  // "<template>/<metric>"
  const AnalysisMetric* metric = nullptr;
  std::map<std::string, std::string> args;  // as the template and the step give them
};

// The metrics of an analysis, in the order of AnalysisRecord::metrics. A template that is not there has none.
std::vector<MetricUse> metricsOf(const PlannedAnalysis& analysis,
                                 const std::map<std::string, AnalysisTemplateSpec>& templates);

// Begins a record that has not begun, at `now` for people. An analysis without metrics is Inconclusive at once.
void beginAnalysis(AnalysisRecord& record, const std::vector<MetricUse>& metrics, const std::string& now);

// Whether the metric shall be measured when the analysis is as old as its record says.
bool isDue(const AnalysisRecord& record, std::size_t metric);
// Time until it is; nothing when it is not measured any more.
std::optional<Duration> untilDue(const AnalysisRecord& record, std::size_t metric);

// Counts a measurement. One that comes when there is a verdict changes nothing.
void takeMeasurement(AnalysisRecord& record, std::size_t metric, const AnalysisMetric& rules,
                     const MeasurementOutcome& outcome);

// "latency 2/5, errors 1/5": what a person sees while it goes on.
std::string progressOf(const AnalysisRecord& record, const std::vector<MetricUse>& metrics);

}  // namespace slipway::planner
