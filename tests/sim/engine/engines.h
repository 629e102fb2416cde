#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/sim/engine/scenarios.h"
#include "tests/sim/engine/totals.h"

namespace slipway::sim {

// A part of an engine's work, for one of several processes: every `of`-th piece, beginning with `index`.
struct Share {
  std::uint64_t index = 0;
  std::uint64_t of = 1;
  // Asked between pieces: true ends the engine early, for engines that are run until something is found.
  std::function<bool(const Totals&)> enough;
};

// (a) Random workloads under random faults.
Totals randomSeeds(Shelf& shelf, std::uint64_t first, std::uint64_t count, const Share& share);
// (b) Every scenario with a crash at every boundary: F1, F2 and F3 each, and `pairs` sampled pairs.
Totals crashPoints(Shelf& shelf, std::uint64_t pairs, const Share& share);
// (c) Every scenario with every event dropped, delayed, duplicated once, every reconnect stale once; the final state is
// that of the unperturbed run.
Totals sieve(Shelf& shelf, const Share& share);
// (d) Random walks over valid specs: the end of a walk is where the last spec alone leads, and the way back leads back.
Totals acto(Shelf& shelf, std::uint64_t first, std::uint64_t count, const Share& share);

// The fewest faults of a schedule with which `fails` still holds.
std::vector<FaultFiring> shrink(std::vector<FaultFiring> firings,
                                const std::function<bool(const std::vector<FaultFiring>&)>& fails);
// The same for what an engine found: plays it again with fewer and fewer faults, for the same invariant.
std::string shrunk(Shelf& shelf, const Found& found);
// `./dev sim` with the options that show it again.
std::string replayCommand(const Found& found);

}  // namespace slipway::sim
