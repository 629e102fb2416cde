// The part of RunDriver that measures how long things took.
#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/release/run_driver.h"

namespace slipway::release {

void RunDriver::measureSkew() {
  const StrategyType type = run_.spec.spec.strategy.type;
  if (type == StrategyType::Rolling || type == StrategyType::Canary || run_.spec.spec.strategy.hasGroups()) {
    return;  // batches are apart on purpose
  }
  const auto live = std::count_if(run_.status.targets.begin(), run_.status.targets.end(), [](const RunTarget& target) {
    return !target.gone && target.stateOf(StepKind::Switch) == StepState::Done;
  });
  if (run_.status.skewMs >= 0 || active_.flippedAt.empty() ||
      static_cast<std::size_t>(live) != active_.flippedAt.size() ||
      active_.flippedAt.size() != run_.status.targets.size()) {
    return;
  }
  const auto [first, last] = std::minmax_element(active_.flippedAt.begin(), active_.flippedAt.end(),
                                                 [](const auto& a, const auto& b) { return a.second < b.second; });
  const Duration skew = last->second - first->second;
  run_.status.skewMs = std::chrono::duration_cast<std::chrono::milliseconds>(skew).count();
  services_.metrics.observe("slipway_switch_skew_seconds", {}, std::chrono::duration<double>(skew).count());
  if (skew > run_.spec.spec.strategy.maxSkew) {
    announce(EventType::Warning, "SkewExceeded",
             cat("the switch took ", run_.status.skewMs, " ms from the first server to the last, over the budget of ",
                 formatDuration(run_.spec.spec.strategy.maxSkew)));
  }
}

void RunDriver::measurePhase(RunPhase next) const {
  if (run_.status.transitions.empty() || run_.status.phase == next) {
    return;
  }
  Result<WallTime> entered = parseTime(run_.status.transitions.back().enteredAt);
  if (entered) {
    services_.metrics.observe("slipway_run_phase_duration_seconds",
                              {{"phase", std::string(phaseName(run_.status.phase))}},
                              std::chrono::duration<double>(services_.clock.wall() - *entered).count());
  }
}

}  // namespace slipway::release
