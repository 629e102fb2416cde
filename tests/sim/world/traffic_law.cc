#include "tests/sim/world/traffic_law.h"

#include <algorithm>
#include <cstdlib>

#include "reconciler/base/strings.h"

namespace slipway::sim {
namespace {

std::string backendOf(const std::string& server, const std::string& slot) {
  return slot.empty() ? server : cat(server, "-", slot);
}

const RunTarget* targetOf(const ReleaseRun& run, const std::string& server) {
  const auto found = std::find_if(run.status.targets.begin(), run.status.targets.end(),
                                  [&](const RunTarget& target) { return target.name == server; });
  return found == run.status.targets.end() ? nullptr : &*found;
}

bool isOver(StepState state) { return state == StepState::Done; }
// The old version runs again and was looked at: that it is unwell does not keep a run from going back to it.
bool looksDone(StepState state) { return state == StepState::Done || state == StepState::Failed; }
bool began(const RunTarget& target, StepKind kind) { return target.stateOf(kind) != StepState::Pending; }

// Servers on which both versions may run at once.
std::size_t allowedSurge(const ReleaseSpec& spec, std::size_t total) {
  switch (spec.strategy.type) {
    case StrategyType::Canary:
      return std::max<std::size_t>(spec.strategy.canary.value_or(CanarySettings{}).maxSurge.roundedUp(total), 1);
    case StrategyType::Rolling:
      return std::max<std::size_t>(spec.strategy.rolling.value_or(RollingSettings{}).maxSurge.roundedUp(total), 1);
    default:
      return total;
  }
}

}  // namespace

void TrafficLaw::committed(const ReleaseRun& run) const {
  for (const auto& [step, analysis] : run.status.analyses) {
    for (const MetricRecord& metric : analysis.metrics) {
      ports_.require(14, metric.successful <= ports_.goodAnswers(run.spec.version),
                     cat("run ", run.meta.name, " counts ", metric.successful, " good measurements of ", metric.name,
                         ", the server gave ", ports_.goodAnswers(run.spec.version)));
    }
  }
  if (!run.spec.spec.slots.has_value() || !run.status.decisions.revert.empty()) {
    return;
  }
  const auto& targets = run.status.targets;
  const auto total = static_cast<std::size_t>(
      std::count_if(targets.begin(), targets.end(), [](const RunTarget& target) { return !target.gone; }));
  const auto both = std::count_if(targets.begin(), targets.end(), [](const RunTarget& target) {
    return !target.gone && !target.slotBefore.empty() && began(target, StepKind::Start) &&
           !isOver(target.stateOf(StepKind::ScaleDown));
  });
  const std::size_t most = allowedSurge(run.spec.spec, total);
  ports_.require(2, static_cast<std::size_t>(both) <= most,
                 cat("run ", run.meta.name, " runs both versions on ", both, " of ", total, ", allowed are ", most));
}

void TrafficLaw::changed(const ReleaseRun& run, const TrafficRequest& request,
                         const std::map<std::string, BackendState>& backends) const {
  const TrafficChange& asked = run.status.traffic;
  if (!std::holds_alternative<SetWeights>(request.action) ||
      !request.operationId.starts_with(asked.record.operationId + ".")) {
    return;
  }
  const bool slots = run.spec.spec.slots.has_value();
  const auto weightOn = [&](const std::string& name) {
    const auto found = backends.find(name);
    return found == backends.end() ? 0 : found->second.weight;
  };
  int fresh = 0;
  int stable = 0;
  for (const std::string& server : asked.fresh) {
    const RunTarget* target = targetOf(run, server);
    const int weight = target == nullptr ? 0 : weightOn(backendOf(server, target->slot));
    fresh += weight;
    ports_.require(4, weight == 0 || isOver(target->stateOf(StepKind::Verify)),
                   cat("run ", run.meta.name, " gives traffic to the new version on ", server, ", not verified"));
  }
  for (const std::string& server : asked.stable) {
    const RunTarget* target = targetOf(run, server);
    const int weight = target == nullptr ? 0 : weightOn(backendOf(server, target->slotBefore));
    stable += weight;
    const bool serves = target == nullptr || weight == 0 ||
                        !began(*target, slots ? StepKind::ScaleDown : StepKind::Switch) ||
                        isOver(target->stateOf(StepKind::Undo)) || looksDone(target->stateOf(StepKind::Recheck));
    ports_.require(4, serves, cat("run ", run.meta.name, " gives traffic to the old version on ", server, ", ended"));
  }
  int all = 0;
  for (const auto& [name, state] : backends) {
    all += state.weight;
  }
  // Without an old version all requests go to the new one, whatever its share; without any, to nobody.
  const bool nobody = asked.fresh.empty() && asked.stable.empty();
  const bool shares = asked.stable.empty() || std::abs(100 * fresh - asked.weight.requested * all) <= 2 * all;
  ports_.require(12, all == fresh + stable && (all > 0 || nobody) && shares,
                 cat("run ", run.meta.name, " asked for ", asked.weight.requested, " % on the new version, it has ",
                     fresh, " of ", all, ", the old one ", stable));
}

void TrafficLaw::touches(const ReleaseRun& run, const std::string& server, const std::string& kind) const {
  const RunTarget* target = targetOf(run, server);
  if (target == nullptr || !run.spec.spec.traffic.has_value()) {
    return;
  }
  const bool slots = run.spec.spec.slots.has_value();
  std::string backend;
  if (kind == "place" || kind == "withdraw" || kind == "start") {
    backend = backendOf(server, target->slot);
  } else if (kind == "scale-down") {
    backend = backendOf(server, target->slotBefore);
  } else if (!slots && (kind == "switch" || kind == "undo" || kind == "stop")) {
    backend = server;
  } else {
    return;
  }
  const std::string& service = run.spec.spec.traffic->service;
  ports_.require(11, ports_.weightOf(service, backend) == 0,
                 cat("run ", run.meta.name, ": ", kind, " of ", backend, ", which gets requests"));
}

}  // namespace slipway::sim
