// The part of RunDriver that judges the new version.
#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/planner/analysis_rules.h"
#include "reconciler/release/run_driver.h"
#include "reconciler/release/targets.h"

namespace slipway::release {
namespace {

constexpr Duration kGivenUpAfter = std::chrono::seconds(60);  // over a measurement's own time-out

std::string_view providerName(const AnalysisMetric& metric) {
  return metric.prometheus.has_value() ? "prometheus" : metric.http.has_value() ? "http" : "command";
}

// "<run uid>.analysis.<step>.<round>.<metric>.<measurement>", each counted.
std::string measurementId(const std::string& runUid, int step, const AnalysisRecord& record, std::size_t metric) {
  return cat(runUid, ".analysis.", step, ".", record.round, ".", metric, ".", record.metrics[metric].started);
}

std::string stableVersion(const RunStatus& status) {
  const auto found = std::find_if(status.targets.begin(), status.targets.end(),
                                  [](const RunTarget& target) { return !target.before.empty(); });
  return found == status.targets.end() ? "" : found->before;
}

}  // namespace

void RunDriver::takeMeasured(const Message& message) {
  if (!message.measurement.has_value()) {
    return;
  }
  active_.measuring.erase(message.operationId);
  const planner::Plan plan = planNow();
  if (!plan.analysis.has_value()) {
    return;  // paused, or taken back: it is measured again when it is asked for again
  }
  AnalysisRecord& record = run_.status.analyses[std::to_string(plan.analysis->step)];
  const std::vector<planner::MetricUse> metrics = planner::metricsOf(*plan.analysis, run_.spec.analyses);
  for (std::size_t i = 0; i < std::min(metrics.size(), record.metrics.size()); ++i) {
    // One that is not due any more was counted before: the answer to the write that said so was lost.
    if (measurementId(run_.meta.uid, plan.analysis->step, record, i) != message.operationId ||
        !planner::isDue(record, i)) {
      continue;
    }
    const Measurement& seen = *message.measurement;
    services_.metrics.add("slipway_analysis_measurements_total",
                          {{"provider", std::string(providerName(*metrics[i].metric))},
                           {"result", std::string(resultName(seen.result))}});
    planner::takeMeasurement(record, i, *metrics[i].metric,
                             {seen.result, seen.value, seen.message, formatTime(services_.clock.wall())});
    announceVerdict(record);
  }
}

void RunDriver::announceVerdict(const AnalysisRecord& record) const {
  if (record.verdict.empty()) {
    return;
  }
  services_.metrics.add("slipway_analysis_runs_total", {{"verdict", record.verdict}});
  announce(record.verdict == "Successful" ? EventType::Normal : EventType::Warning, cat("Analysis", record.verdict),
           record.message);
}

// A measurement ends by its time-out. One that is never heard of again is an error, and does not stop the analysis.
void RunDriver::giveUpMeasurements(AnalysisRecord& record, const planner::PlannedAnalysis& analysis) {
  const std::vector<planner::MetricUse> metrics = planner::metricsOf(analysis, run_.spec.analyses);
  for (std::size_t i = 0; i < std::min(metrics.size(), record.metrics.size()); ++i) {
    const auto found = active_.measuring.find(measurementId(run_.meta.uid, analysis.step, record, i));
    if (found != active_.measuring.end() && found->second <= services_.clock.steady()) {
      active_.measuring.erase(found);
      planner::takeMeasurement(
          record, i, *metrics[i].metric,
          {MeasurementResult::Error, "", "Timeout: the measurement did not end", formatTime(services_.clock.wall())});
      announceVerdict(record);
    }
  }
}

bool RunDriver::tendAnalysis(const planner::Plan& plan) {
  dueMetrics_.clear();
  if (!plan.analysis.has_value()) {
    active_.analysing.clear();
    return true;
  }
  const planner::PlannedAnalysis& analysis = *plan.analysis;
  AnalysisRecord& record = run_.status.analyses[std::to_string(analysis.step)];
  const std::vector<planner::MetricUse> metrics = planner::metricsOf(analysis, run_.spec.analyses);
  const SteadyTime now = services_.clock.steady();
  if (record.startedAt.empty()) {
    planner::beginAnalysis(record, metrics, formatTime(services_.clock.wall()));
    announceVerdict(record);
  }
  if (const std::string key = cat(analysis.step, ".", record.round); active_.analysing != key) {
    active_.analysing = key;
    active_.analysingSince = now;
  }
  const auto passed = std::chrono::floor<std::chrono::milliseconds>(now - active_.analysingSince);
  record.elapsedMs += passed.count();
  active_.analysingSince += passed;
  giveUpMeasurements(record, analysis);
  for (std::size_t i = 0; i < std::min(metrics.size(), record.metrics.size()); ++i) {
    const bool underWay = active_.measuring.contains(measurementId(run_.meta.uid, analysis.step, record, i));
    if (!underWay && planner::isDue(record, i)) {
      ++record.metrics[i].started;
      dueMetrics_.push_back(i);
    }
  }
  return record.verdict.empty();
}

// Until the next one is due, or one that is under way is given up.
Duration RunDriver::untilMeasurement(const planner::Plan& plan) const {
  if (!plan.analysis.has_value()) {
    return leaseCheck();
  }
  const planner::PlannedAnalysis& analysis = *plan.analysis;
  const AnalysisRecord& record = run_.status.analyses.at(std::to_string(analysis.step));
  Duration next = leaseCheck();
  for (std::size_t i = 0; i < record.metrics.size(); ++i) {
    const auto underWay = active_.measuring.find(measurementId(run_.meta.uid, analysis.step, record, i));
    std::optional<Duration> left = planner::untilDue(record, i);
    if (left.has_value() && underWay != active_.measuring.end()) {
      left = std::max(underWay->second - services_.clock.steady(), Duration(0));
    }
    next = std::min(next, left.value_or(next));
  }
  return next;
}

// Where the new version has traffic; before it has any, where it is up.
std::vector<StepRequest> RunDriver::looksAtNewVersion(const std::string& operationId) const {
  const std::vector<std::string>& serving = run_.status.traffic.fresh;
  const LaunchContext context = launchContext();
  std::vector<StepRequest> out;
  for (const RunTarget& target : run_.status.targets) {
    const bool named = std::find(serving.begin(), serving.end(), target.name) != serving.end();
    if (target.gone || target.stateOf(StepKind::Verify) != StepState::Done || (!serving.empty() && !named)) {
      continue;
    }
    Result<RemoteTarget> access = resolveAccess(services_.reader, run_.meta.ns, target.name, target.uid);
    if (!access) {
      continue;
    }
    StepRequest request = launcher_.requestFor(context, target, StepKind::Confirm, cat(operationId, ".", target.name));
    request.target = std::move(*access);
    if (auto* look = std::get_if<VerifyStep>(&request.action)) {
      look->exec.reset();
      look->container.reset();
    }
    out.push_back(std::move(request));
  }
  return out;
}

void RunDriver::launchMeasurements(const planner::Plan& plan) {
  if (dueMetrics_.empty()) {
    return;
  }
  const planner::PlannedAnalysis& analysis = *plan.analysis;
  const AnalysisRecord& record = run_.status.analyses[std::to_string(analysis.step)];
  const std::vector<planner::MetricUse> metrics = planner::metricsOf(analysis, run_.spec.analyses);
  for (const std::size_t i : dueMetrics_) {
    const std::string id = measurementId(run_.meta.uid, analysis.step, record, i);
    MeasurementRequest request{*metrics[i].metric, metrics[i].args, {}};
    request.args.merge(std::map<std::string, std::string>{{"release", run_.spec.release},
                                                          {"namespace", run_.meta.ns},
                                                          {"version", run_.spec.version},
                                                          {"stableVersion", stableVersion(run_.status)},
                                                          {"environment", run_.spec.spec.layout.environment},
                                                          {"run", run_.meta.name}});
    if (request.metric.command.has_value()) {
      request.servers = looksAtNewVersion(id);
    }
    active_.measuring[id] = services_.clock.steady() + request.metric.timeout + kGivenUpAfter;
    const auto done = [mailbox = active_.mailbox, id](Measurement measurement) {
      mailbox->put({.operationId = id, .measurement = std::move(measurement)});
    };
    if (services_.analyst == nullptr) {
      done({MeasurementResult::Error, "", "NoAnalyst: this controller measures nothing"});
    } else {
      services_.analyst->measure(std::move(request), done);
    }
  }
}

}  // namespace slipway::release
