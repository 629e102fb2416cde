#include "tests/sim/world/rolling_law.h"

#include <algorithm>

#include "reconciler/base/strings.h"
#include "tests/sim/world/cluster_law.h"

namespace slipway::sim {
namespace {

// In slots nothing is out of service, and links move at the end.
bool rolls(const ReleaseRun& run) {
  return run.spec.spec.strategy.type == StrategyType::Rolling && !run.spec.spec.slots.has_value();
}

bool touched(const RunTarget& target) {
  return target.stateOf(StepKind::Stop) != StepState::Pending || target.stateOf(StepKind::Switch) != StepState::Pending;
}

bool verified(const RunTarget& target) { return target.stateOf(StepKind::Verify) == StepState::Done; }

// From the moment its switch may begin until it was seen to serve, and again while it is taken back.
bool out(const ReleaseRun& run, const RunTarget& target) {
  if (target.gone || !touched(target)) {
    return false;
  }
  if (target.stateOf(StepKind::Undo) == StepState::Pending) {
    return !verified(target);
  }
  return target.stateOf(StepKind::Undo) != StepState::Done && !wasDown(run, target.name);
}

}  // namespace

void RollingLaw::committed(const ReleaseRun& run, SteadyTime now) {
  if (!rolls(run)) {
    return;
  }
  const std::size_t total = run.status.targets.size();
  const RollingSettings settings = run.spec.spec.strategy.rolling.value_or(RollingSettings{});
  const std::size_t most = settings.maxUnavailable.value_or(settings.batchSize).of(total);
  const auto down = std::count_if(run.status.targets.begin(), run.status.targets.end(),
                                  [&](const RunTarget& target) { return out(run, target); });
  require_(1, static_cast<std::size_t>(down) <= most,
           cat("run ", run.meta.name, " has ", down, " of ", total, " servers out of service, allowed are ", most));
  for (const RunTarget& target : run.status.targets) {
    if (verified(target)) {
      lastVerified_[run.meta.uid].try_emplace(target.name, now);
    }
  }
}

// The first flip of a batch: nothing else is under way.
void RollingLaw::flips(const ReleaseRun& run, const std::string& server, SteadyTime now) {
  if (!rolls(run)) {
    return;
  }
  const auto self = std::find_if(run.status.targets.begin(), run.status.targets.end(),
                                 [&](const RunTarget& target) { return target.name == server; });
  require_(13, self != run.status.targets.end() && self->stateOf(StepKind::Check) == StepState::Done && touched(*self),
           cat("run ", run.meta.name, " switches ", server, " before its turn"));
  const bool first = std::none_of(run.status.targets.begin(), run.status.targets.end(),
                                  [&](const RunTarget& target) { return target.name != server && out(run, target); });
  const auto seen = lastVerified_.find(run.meta.uid);
  if (!first || seen == lastVerified_.end()) {
    return;
  }
  SteadyTime last{};
  for (const auto& [name, when] : seen->second) {
    last = std::max(last, when);
  }
  const Duration asked = run.spec.spec.strategy.rolling.value_or(RollingSettings{}).pauseBetween;
  // The wait begins when the answer comes; it is durable a moment later.
  require_(13, now - last + std::chrono::milliseconds(100) >= asked,
           cat("run ", run.meta.name, " begins a batch ", formatDuration(now - last), " after the last one, asked are ",
               formatDuration(asked)));
}

}  // namespace slipway::sim
