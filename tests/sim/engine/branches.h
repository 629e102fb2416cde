#pragma once

#include <functional>
#include <vector>

#include "tests/sim/engine/scenarios.h"
#include "tests/sim/engine/totals.h"

namespace slipway::sim {

// One way in which a run goes on where a fault strikes: what strikes later, beside that fault.
using Branch = std::vector<FaultFiring>;

struct Trunk {
  Shelf& shelf;
  const Scenario& scenario;
  std::function<Totals(Outcome)> judge;
};

// Plays a scenario once without faults. At each opportunity it asks which ways to take; for each of them a copy of this
// process is made in which that fault strikes, and what became of it is added to `totals`. The original goes on without
// the fault: so each branch costs what comes after its fault, not what was before.
using Ways = std::function<std::vector<Branch>(const FaultFiring&, const World&)>;
void playBranches(const Trunk& trunk, const Ways& ways, Totals& totals);

// What a copied process tells at its end. `good` is false when it ended in another way.
void writeAll(int fd, const std::string& text);
bool readTotals(int fd, int child, Totals& totals);

}  // namespace slipway::sim
