#pragma once

#include <optional>
#include <vector>

#include "reconciler/planner/plan.h"

namespace slipway::planner {

// Which instances get requests, and how much of the traffic goes to the new version.
struct TrafficGoal {
  int weight = 0;                   // percent on `fresh`
  std::vector<std::size_t> fresh;   // targets whose instance of the new version is in rotation; in order
  std::vector<std::size_t> stable;  // … of the old one
};

// How many instances carry all traffic, and what fewer of them can carry.
class Capacity {
 public:
  explicit Capacity(std::size_t required) : required_(required) {}
  // In percent of all traffic, rounded up, at most 100. None carry nothing, unless none are required.
  int of(std::size_t instances) const;
  // The fewest instances that can carry so much.
  std::size_t needed(int percent) const;

 private:
  std::size_t required_;
};

// Whether a change of this run only sees to it that the slots which the new version goes into get no requests: nothing
// was placed yet, neither on a server that has gone since.
bool freesSlots(const ReleaseSpec& spec, const RunStatus& progress);

// Whether the proxies were last seen with just that.
bool reached(const PlanInput& input, const TrafficGoal& goal);

// The change that brings it about, or the same one again while it is not done.
PlannedTraffic changeTo(const PlanInput& input, const TrafficGoal& goal);

// REQUIRES: the recorded change is Running. That one, as it was asked for.
PlannedTraffic trafficUnderWay(const PlanInput& input);

}  // namespace slipway::planner
