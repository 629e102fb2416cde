#include "reconciler/planner/shift_script.h"

#include <algorithm>

#include "reconciler/planner/order.h"

namespace slipway::planner {
namespace {

using Kind = CanaryStep::Kind;

std::vector<CanaryStep> blueGreenSteps(const BlueGreenSettings& settings) {
  std::vector<CanaryStep> steps{{.kind = Kind::SetScale, .scale = {100, true}}};
  if (const AnalysisUse& before = settings.prePromotionAnalysis; !before.templates.empty()) {
    steps.push_back({.kind = Kind::Analysis, .templates = before.templates, .args = before.args});
  }
  if (settings.autoPromoteAfter.has_value() || !settings.autoPromote) {
    steps.push_back({.kind = Kind::Pause, .pause = settings.autoPromoteAfter});
  }
  if (const AnalysisUse& after = settings.postPromotionAnalysis; !after.templates.empty()) {
    steps.push_back({.kind = Kind::SetWeight, .weight = 100});
    steps.push_back({.kind = Kind::Analysis, .templates = after.templates, .args = after.args});
  }
  return steps;
}

// Batch after batch, each with the share of the traffic that it can carry.
std::vector<CanaryStep> rollingSteps(const RollingSettings& settings, std::size_t total, std::size_t surge) {
  std::vector<CanaryStep> steps;
  const std::size_t each = std::min(settings.batchSize.of(total), surge);
  for (std::size_t done = each; done < total; done += each) {
    steps.push_back({.kind = Kind::SetWeight, .weight = static_cast<int>(100 * done / total)});
    if (settings.pauseBetween > Duration(0)) {
      steps.push_back({.kind = Kind::Pause, .pause = settings.pauseBetween});
    }
  }
  return steps;
}

}  // namespace

bool hasReachableOld(const ReleaseSpec& spec, const RunTarget& target) {
  const bool reachable =
      !spec.slots.has_value() || !target.slotBefore.empty() || (spec.traffic.has_value() && spec.traffic->port > 0);
  return !target.before.empty() && reachable;
}

int ShiftScript::weightAfter(std::size_t count) const {
  int weight = 0;
  for (std::size_t i = 0; i < std::min(count, steps.size()); ++i) {
    weight = steps[i].kind == Kind::SetWeight ? steps[i].weight : weight;
  }
  return weight;
}

std::size_t ShiftScript::scaleAfter(std::size_t count) const {
  std::size_t scale = 0;
  for (std::size_t i = 0; i < std::min(count, steps.size()); ++i) {
    scale = steps[i].kind == Kind::SetScale ? steps[i].scale.roundedUp(order.size()) : scale;
  }
  return scale;
}

ShiftScript scriptOf(const RunSpec& run, const RunStatus& progress) {
  ShiftScript script;
  const Strategy& strategy = run.spec.strategy;
  const RollingSettings rolling = strategy.rolling.value_or(RollingSettings{});
  const CanarySettings canary = strategy.canary.value_or(CanarySettings{});
  const BlueGreenSettings blueGreen = strategy.blueGreen.value_or(BlueGreenSettings{});
  script.order = orderOf(progress.targets, strategy.type == StrategyType::Rolling ? rolling : RollingSettings{});
  std::erase_if(script.order, [&](std::size_t i) { return progress.targets[i].gone; });
  const std::size_t total = std::max<std::size_t>(script.order.size(), 1);
  script.away = std::min(canary.maxUnavailable.of(total), std::max<std::size_t>(total - 1, 1));
  switch (strategy.type) {
    case StrategyType::BlueGreen:
      script.steps = blueGreenSteps(blueGreen);
      script.surge = total;
      script.scaleDownDelay = blueGreen.scaleDownDelay;
      break;
    case StrategyType::Rolling:
      script.surge = std::max<std::size_t>(rolling.maxSurge.roundedUp(total), 1);
      script.steps = rollingSteps(rolling, total, script.surge);
      break;
    default:
      script.steps = canary.steps;
      script.surge = std::max<std::size_t>(canary.maxSurge.roundedUp(total), 1);
      script.scaleDownDelay = canary.scaleDownDelay;
  }
  const bool first = std::none_of(progress.targets.begin(), progress.targets.end(),
                                  [&](const RunTarget& target) { return hasReachableOld(run.spec, target); });
  const bool alone = total == 1 && !run.spec.slots.has_value();  // there is nothing to share the traffic with
  if (alone || run.reason == RunReason::Rollback || (first && strategy.type != StrategyType::Rolling)) {
    script.steps.clear();
  }
  return script;
}

std::string liveGroup(const ReleaseSpec& spec, const RunStatus& status) {
  const std::vector<ServerGroup>& groups = spec.strategy.blueGreen->groups;
  const bool known = std::any_of(groups.begin(), groups.end(),
                                 [&](const ServerGroup& group) { return group.name == status.liveGroup; });
  const bool runs = std::any_of(status.targets.begin(), status.targets.end(),
                                [](const RunTarget& target) { return !target.before.empty(); });
  return known ? status.liveGroup : runs ? groups.front().name : std::string();
}

std::string freshGroup(const ReleaseSpec& spec, const RunStatus& status) {
  const std::vector<ServerGroup>& groups = spec.strategy.blueGreen->groups;
  return liveGroup(spec, status) == groups.front().name ? groups.back().name : groups.front().name;
}

bool staysOld(const ReleaseSpec& spec, const RunStatus& status, const RunTarget& target) {
  return spec.strategy.hasGroups() && spec.strategy.blueGreen->oldGroup == OldGroup::Keep &&
         target.group != freshGroup(spec, status);
}

}  // namespace slipway::planner
