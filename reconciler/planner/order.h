#pragma once

#include <vector>

#include "reconciler/api/run.h"

namespace slipway::planner {

// The places of the targets, in the order in which they get the new version: those that `order` names, the others
// by the value of `orderByLabel`, those that `last` names; zone after zone where `zoneLabel` is set. A function of what
// a run never changes, but for targets that are gone.
std::vector<std::size_t> orderOf(const std::vector<RunTarget>& targets, const RollingSettings& settings);

}  // namespace slipway::planner
