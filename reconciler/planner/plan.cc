#include "reconciler/planner/plan.h"

#include "reconciler/base/strings.h"
#include "reconciler/planner/shift.h"
#include "reconciler/planner/two_phase.h"

namespace slipway::planner {

const Strategy& strategyFor(const ReleaseSpec& spec) {
  static const TwoPhaseStrategy kAtomic(StrategyType::Atomic);
  static const TwoPhaseStrategy kRecreate(StrategyType::Recreate);
  static const TwoPhaseStrategy kRolling(StrategyType::Rolling);
  static const ShiftStrategy kShift;
  switch (spec.strategy.type) {
    case StrategyType::Atomic:
      break;
    case StrategyType::Recreate:
      return kRecreate;
    case StrategyType::Rolling:
      return spec.slots.has_value() ? static_cast<const Strategy&>(kShift) : kRolling;
    case StrategyType::BlueGreen:
    case StrategyType::Canary:
      return kShift;
  }
  return kAtomic;
}

std::string operationId(const std::string& runUid, StepKind kind, const std::string& target, int attempt) {
  return cat(runUid, ".", stepName(kind), ".", target, ".", attempt);
}

}  // namespace slipway::planner
