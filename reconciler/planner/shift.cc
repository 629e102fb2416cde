#include "reconciler/planner/shift.h"

#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/planner/shift_pass.h"
#include "reconciler/planner/step_rules.h"

namespace slipway::planner {
namespace {

// Instances that carry all traffic: all of them, less those that may be out of service at once. A group of servers
// carries it alone.
std::size_t required(const PlanInput& input, const ShiftScript& script) {
  const std::size_t total = script.order.size();
  if (input.run.spec.strategy.hasGroups()) {
    const std::string fresh = freshGroup(input.run.spec, input.progress);
    const auto count = std::count_if(script.order.begin(), script.order.end(),
                                     [&](std::size_t i) { return input.progress.targets[i].group == fresh; });
    return std::max<std::size_t>(static_cast<std::size_t>(count), 1);
  }
  return input.run.spec.slots.has_value() ? total : std::max<std::size_t>(total - std::min(script.away, total), 1);
}

}  // namespace

ShiftPass::ShiftPass(const PlanInput& input)
    : RunPass(input),
      script_(scriptOf(input.run, input.progress)),
      capacity_(required(input, script_)),
      slots_(input.run.spec.slots.has_value()),
      groups_(input.run.spec.strategy.hasGroups()) {}

bool ShiftPass::hasOld(std::size_t i) const { return hasReachableOld(input_.run.spec, target(i)); }

ShiftPass::Targets ShiftPass::up() const {
  return those([&](std::size_t i) { return done(i, StepKind::Verify); });
}

ShiftPass::Targets ShiftPass::oldUp() const {
  return those([&](std::size_t i) { return hasOld(i) && !began(i, slots_ ? StepKind::ScaleDown : StepKind::Switch); });
}

int ShiftPass::weight() const { return std::max(status_.traffic.weight.verified, 0); }

Stage ShiftPass::surveyOf(StepKind kind, const Targets& targets) const {
  return survey(input_, kind,
                [&](std::size_t i) { return std::find(targets.begin(), targets.end(), i) != targets.end(); });
}

Stage ShiftPass::surveyProcess(StepKind kind, const Targets& targets) const {
  return survey(input_, kind, [&](std::size_t i) {
    return std::find(targets.begin(), targets.end(), i) != targets.end() &&
           runsProcess(input_.run.spec, kind, target(i).name);
  });
}

std::string ShiftPass::progressText(int steps) const {
  return script_.steps.empty() ? "" : cat("step ", steps, " of ", script_.steps.size(), ": ");
}

Plan ShiftStrategy::plan(const PlanInput& input) const { return ShiftPass(input).run(); }

}  // namespace slipway::planner
