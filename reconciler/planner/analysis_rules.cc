#include "reconciler/planner/analysis_rules.h"

#include <algorithm>

#include "reconciler/base/strings.h"

namespace slipway::planner {
namespace {

constexpr std::string_view kSuccessful = "Successful";
constexpr std::string_view kFailed = "Failed";
constexpr std::string_view kInconclusive = "Inconclusive";

std::int64_t millis(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

void end(MetricRecord& record, std::string_view verdict, std::string message) {
  if (record.verdict.empty()) {
    record.verdict = verdict;
    record.message = std::move(message);
  }
}

std::string lastSeen(const MetricRecord& record) {
  if (record.last.empty()) {
    return "";
  }
  const MeasurementRecord& last = record.last.back();
  return !last.message.empty() ? cat(": ", last.message) : last.value.empty() ? "" : cat(", the last one ", last.value);
}

void countFailed(MetricRecord& record, const AnalysisMetric& rules) {
  ++record.measured;
  if (++record.failed > rules.failureLimit) {
    end(record, kFailed,
        cat(record.failed, record.failed == 1 ? " measurement" : " measurements", " failed, ", rules.failureLimit,
            " may", lastSeen(record)));
  }
}

void countNoData(MetricRecord& record, const AnalysisMetric& rules, std::int64_t now) {
  ++record.noData;
  switch (rules.noData) {
    case NoData::Fail:
      countFailed(record, rules);
      return;
    case NoData::Pass:
      ++record.measured;
      return;
    case NoData::WaitFor:
      record.noDataSinceMs = record.noDataSinceMs < 0 ? now : record.noDataSinceMs;
      if (now - record.noDataSinceMs >= millis(rules.waitForData())) {
        end(record, kInconclusive, cat("no data for ", formatDuration(rules.waitForData()), lastSeen(record)));
      }
      return;
  }
}

void count(MetricRecord& record, const AnalysisMetric& rules, MeasurementResult result, std::int64_t now) {
  if (result == MeasurementResult::Error) {
    ++record.errors;
    if (++record.consecutiveErrors > rules.consecutiveErrorLimit) {
      end(record, kInconclusive, cat(record.consecutiveErrors, " errors in a row", lastSeen(record)));
    }
    return;
  }
  record.consecutiveErrors = 0;
  if (result == MeasurementResult::NoData) {
    countNoData(record, rules, now);
    return;
  }
  record.noDataSinceMs = -1;
  if (result == MeasurementResult::Failed) {
    countFailed(record, rules);
    return;
  }
  ++record.measured;
  if (result == MeasurementResult::Successful) {
    ++record.successful;
  } else if (++record.inconclusive > rules.inconclusiveLimit) {
    end(record, kInconclusive,
        cat(record.inconclusive, " measurements were neither successful nor failed, ", rules.inconclusiveLimit,
            " may be", lastSeen(record)));
  }
}

// All measurements are made and no limit was passed. Nothing is successful of which no measurement was, but by the
// policy that says so.
void conclude(MetricRecord& record, const AnalysisMetric& rules) {
  const int unseen = rules.noData == NoData::WaitFor ? 0 : record.noData;
  const int seen = record.measured - unseen;
  if (record.successful == 0 && record.failed > 0) {
    end(record, kFailed, cat("none of ", record.measured, " measurements was successful", lastSeen(record)));
  } else if (rules.noData == NoData::Pass && record.inconclusive == 0 && record.successful == 0) {
    end(record, kSuccessful, cat("no data in ", record.measured, " measurements, which noData: Pass lets pass"));
  } else if (record.successful == 0) {
    end(record, kInconclusive, cat("none of ", record.measured, " measurements was successful", lastSeen(record)));
  } else if (!rules.countsSamples() && rules.noData != NoData::Pass && seen < rules.minSamples) {
    end(record, kInconclusive,
        cat("only ", seen, " of the ", rules.minSamples, " measurements it takes gave a number"));
  } else {
    end(record, kSuccessful, cat(record.successful, " of ", record.measured, " measurements were successful"));
  }
}

// The worst of them, when all have one.
void judge(AnalysisRecord& record, const std::string& at) {
  const MetricRecord* worst = nullptr;
  const auto rank = [](const MetricRecord& one) {
    return one.verdict == kFailed ? 2 : one.verdict == kInconclusive ? 1 : 0;
  };
  const bool failed = std::any_of(record.metrics.begin(), record.metrics.end(),
                                  [&](const MetricRecord& one) { return one.verdict == kFailed; });
  for (const MetricRecord& one : record.metrics) {
    if (one.verdict.empty() && !failed) {
      return;
    }
    worst = worst == nullptr || rank(one) > rank(*worst) ? &one : worst;
  }
  record.verdict = worst->verdict;
  record.message = rank(*worst) == 0 ? cat(record.metrics.size(), " metrics were successful")
                                     : cat("metric ", worst->name, ": ", worst->message);
  record.at = at;
}

}  // namespace

std::vector<MetricUse> metricsOf(const PlannedAnalysis& analysis,
                                 const std::map<std::string, AnalysisTemplateSpec>& templates) {
  std::vector<MetricUse> out;
  for (const std::string& name : analysis.templates) {
    const auto found = templates.find(name);
    if (found == templates.end()) {
      continue;
    }
    std::map<std::string, std::string> args;
    for (const std::vector<AnalysisArg>* list : {&found->second.args, &analysis.args}) {
      for (const AnalysisArg& arg : *list) {
        if (arg.value.has_value()) {
          args[arg.name] = *arg.value;
        }
      }
    }
    for (const AnalysisMetric& metric : found->second.metrics) {
      out.push_back({cat(name, "/", metric.name), &metric, args});
    }
  }
  return out;
}

void beginAnalysis(AnalysisRecord& record, const std::vector<MetricUse>& metrics, const std::string& now) {
  if (!record.startedAt.empty()) {
    return;
  }
  record.startedAt = now;
  for (const MetricUse& use : metrics) {
    MetricRecord& metric = record.metrics.emplace_back();
    metric.name = use.name;
    metric.nextMs = millis(use.metric->initialDelay);
  }
  if (metrics.empty()) {
    record.verdict = kInconclusive;
    record.message = "there is nothing to measure: the run has no copy of the templates";
    record.at = now;
  }
}

bool isDue(const AnalysisRecord& record, std::size_t metric) { return untilDue(record, metric) == Duration(0); }

std::optional<Duration> untilDue(const AnalysisRecord& record, std::size_t metric) {
  const MetricRecord& one = record.metrics[metric];
  if (!record.verdict.empty() || !one.verdict.empty()) {
    return std::nullopt;
  }
  return std::chrono::milliseconds(std::max<std::int64_t>(one.nextMs - record.elapsedMs, 0));
}

void takeMeasurement(AnalysisRecord& record, std::size_t metric, const AnalysisMetric& rules,
                     const MeasurementOutcome& outcome) {
  MetricRecord& one = record.metrics[metric];
  if (!record.verdict.empty() || !one.verdict.empty()) {
    return;
  }
  one.last.push_back({outcome.at, std::string(resultName(outcome.result)), outcome.value, outcome.message});
  if (one.last.size() > kKeptMeasurements) {
    one.last.erase(one.last.begin());
  }
  one.nextMs = record.elapsedMs + std::max<std::int64_t>(millis(rules.interval), 1);
  count(one, rules, outcome.result, record.elapsedMs);
  if (one.measured >= rules.count) {
    conclude(one, rules);
  }
  judge(record, outcome.at);
}

std::string progressOf(const AnalysisRecord& record, const std::vector<MetricUse>& metrics) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < std::min(record.metrics.size(), metrics.size()); ++i) {
    const MetricRecord& one = record.metrics[i];
    const std::string ended = one.verdict.empty() ? "" : cat(" ", one.verdict);
    const std::string waits = one.verdict.empty() && one.noDataSinceMs >= 0 ? ", no data yet" : "";
    const std::string errors =
        one.verdict.empty() && one.consecutiveErrors > 0 ? cat(", ", one.consecutiveErrors, " errors in a row") : "";
    out.push_back(cat(one.name, " ", one.measured, "/", metrics[i].metric->count, ended, waits, errors));
  }
  return join(out, ", ");
}

}  // namespace slipway::planner
