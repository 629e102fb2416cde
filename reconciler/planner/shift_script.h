#pragma once

#include <string>
#include <vector>

#include "reconciler/api/run.h"

namespace slipway::planner {

// How a run moves traffic from the old version to the new one, step by step; after the last step all of it. BlueGreen,
// Canary and a Rolling in slots differ in this script and in nothing else. A rollback, and a first deployment, have no
// steps.
struct ShiftScript {
  std::vector<CanaryStep> steps;
  std::size_t surge = 0;  // with slots: servers that may run both versions at once, at least 1
  std::size_t away = 0;   // without: servers that may be out of service at once, at least 1
  Duration scaleDownDelay{0};
  std::vector<std::size_t> order;  // of the targets that are not gone: in which the new version comes up

  // What is asked for after so many steps: percent of traffic, and servers on which the new version runs at least.
  int weightAfter(std::size_t steps) const;
  std::size_t scaleAfter(std::size_t steps) const;
};

// Whether an instance of the old version was there that the proxies can send requests to. One from before there were
// slots has the port that spec.traffic names.
bool hasReachableOld(const ReleaseSpec& spec, const RunTarget& target);

ShiftScript scriptOf(const RunSpec& run, const RunStatus& progress);

// The group of spec.strategy.blueGreen.groups that has the traffic as the run begins: the one that is recorded; the
// first one where nothing is and something runs. Empty: nobody has any.
std::string liveGroup(const ReleaseSpec& spec, const RunStatus& status);

// The other one: it gets the new version first, and then the traffic. REQUIRES: spec.strategy.hasGroups()
std::string freshGroup(const ReleaseSpec& spec, const RunStatus& status);

// Whether a run that is Completed leaves the target on what it ran before.
bool staysOld(const ReleaseSpec& spec, const RunStatus& status, const RunTarget& target);

}  // namespace slipway::planner
