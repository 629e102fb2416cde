#pragma once

#include <functional>
#include <vector>

#include "reconciler/planner/plan.h"

namespace slipway::planner {

// Where the targets are in one kind of step.
struct Stage {
  std::size_t total = 0;
  std::size_t done = 0;
  std::size_t running = 0;          // contained in `ready` too: after a crash they are started again
  std::size_t waiting = 0;          // for a later try
  std::vector<std::size_t> ready;   // to be running now
  std::vector<std::size_t> failed;  // for good
  std::optional<Duration> nextTry;  // the earliest of the waiting ones

  bool through() const { return done == total; }
  bool idle() const { return running == 0 && ready.empty() && waiting == 0; }
};

// Sorts the targets that `involved` picks, without those that are gone.
Stage survey(const PlanInput& input, StepKind kind, const std::function<bool(std::size_t)>& involved);

// The step as it has to be started (again): its attempt and operation id.
PlannedStep plannedStep(const PlanInput& input, StepKind kind, std::size_t target);

// "web2: dependencies: exit code 1; web3: …", at most three of them.
std::string describeFailures(const RunStatus& status, StepKind kind, const std::vector<std::size_t>& failed);

}  // namespace slipway::planner
