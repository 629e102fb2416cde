#include "reconciler/planner/traffic_goal.h"

#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/planner/step_rules.h"

namespace slipway::planner {
namespace {

std::vector<std::string> names(const PlanInput& input, const std::vector<std::size_t>& targets) {
  std::vector<std::string> out;
  out.reserve(targets.size());
  for (std::size_t i : targets) {
    out.push_back(input.progress.targets[i].name);
  }
  return out;
}

// Those of the record that are still there.
std::vector<std::size_t> places(const PlanInput& input, const std::vector<std::string>& names) {
  std::vector<std::size_t> out;
  for (const std::string& name : names) {
    for (std::size_t i = 0; i < input.progress.targets.size(); ++i) {
      if (input.progress.targets[i].name == name) {
        out.push_back(i);
      }
    }
  }
  return out;
}

bool isAsked(const PlanInput& input, const TrafficGoal& goal) {
  const TrafficChange& last = input.progress.traffic;
  return last.number > 0 && last.weight.requested == goal.weight && last.fresh == names(input, goal.fresh) &&
         last.stable == names(input, goal.stable);
}

PlannedTraffic planned(const PlanInput& input, int number, int attempt, const TrafficGoal& goal) {
  return {number,      attempt,    cat(input.runUid, ".", stepName(StepKind::Traffic), ".", number, ".", attempt),
          goal.weight, goal.fresh, goal.stable};
}

}  // namespace

int Capacity::of(std::size_t instances) const {
  if (instances >= required_) {
    return 100;
  }
  return static_cast<int>((100 * instances + required_ - 1) / required_);
}

std::size_t Capacity::needed(int percent) const {
  std::size_t instances = 0;
  while (of(instances) < percent) {
    ++instances;
  }
  return percent > 0 ? std::max<std::size_t>(instances, 1) : 0;
}

bool freesSlots(const ReleaseSpec& spec, const RunStatus& progress) {
  return spec.slots.has_value() && progress.traffic.fresh.empty() &&
         std::none_of(progress.targets.begin(), progress.targets.end(),
                      [](const RunTarget& target) { return wasStarted(target, StepKind::Place); });
}

bool reached(const PlanInput& input, const TrafficGoal& goal) {
  const TrafficChange& last = input.progress.traffic;
  return isAsked(input, goal) && last.record.state == StepState::Done && last.weight.verified == goal.weight;
}

PlannedTraffic changeTo(const PlanInput& input, const TrafficGoal& goal) {
  const TrafficChange& last = input.progress.traffic;
  if (!isAsked(input, goal) || last.record.state == StepState::Done) {
    return planned(input, last.number + 1, 1, goal);
  }
  const bool again = last.record.state == StepState::Pending ||
                     (last.record.state == StepState::Failed &&
                      nextTry(StepKind::Traffic, last.record, input.run.spec) == NextTry::NewId);
  return planned(input, last.number, std::max(last.record.attempt + (again ? 1 : 0), 1), goal);
}

PlannedTraffic trafficUnderWay(const PlanInput& input) {
  const TrafficChange& last = input.progress.traffic;
  return planned(input, last.number, last.record.attempt,
                 {last.weight.requested, places(input, last.fresh), places(input, last.stable)});
}

}  // namespace slipway::planner
