#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/engine/run_seed.h"
#include "tests/sim/engine/workload.h"

namespace slipway::sim {

// A plan kind from start to end, always the same: what the exhaustive engines take apart.
struct Scenario {
  std::string_view name;
  std::function<void(World&, Workload&)> prepare;  // no fault strikes here
  std::function<void(World&, Workload&)> act;
  // The same where news of what people ask for first comes too late: after the end of all, or with what they ask for
  // next.
  std::function<void(World&, Workload&)> late = {};
};
const std::vector<Scenario>& scenarios();
const Scenario* scenarioNamed(std::string_view name);

// As Faults::Ask, with the world in which it would strike.
using AskInWorld = std::function<bool(const FaultFiring&, const World&)>;

// Plays it with exactly these faults; opportunities are numbered from the start of `act`. The final state is in the
// outcome; a world that does not come to rest violates I31.
Outcome playScenario(Shelf& shelf, const Scenario& scenario, const std::vector<FaultFiring>& faults,
                     const Show& show = {}, const AskInWorld& ask = {});

}  // namespace slipway::sim
