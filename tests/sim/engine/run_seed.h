#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/sim/world/faults.h"
#include "tests/sim/world/invariants.h"
#include "tests/sim/world/shelf.h"

namespace slipway::sim {

// What a run of one world came to.
struct Outcome {
  std::uint64_t seed = 0;
  std::uint64_t traceHash = 0;
  std::uint64_t rollouts = 0;
  std::map<std::string, std::uint64_t> ends;  // of the rollouts, by outcome
  std::uint64_t crashes = 0;
  std::uint64_t commands = 0;
  std::vector<Violation> violations;
  std::vector<FaultFiring> fired;
  std::array<std::uint64_t, kFaults + 1> opportunities{};
  std::array<std::uint64_t, kInvariants + 1> checks{};
  std::map<std::string, std::uint64_t, std::less<>> sometimes;
  std::string finalState;
};

class World;
Outcome outcomeOf(World& world, std::uint64_t seed);

using Show = std::function<void(const std::string&)>;

// Where random seeds begin. Those below have no clusters and no groups of servers, then no traffic either, and the
// lowest wider and shorter worlds, as all had when what they found was written down.
inline constexpr std::uint64_t kFirstSeed = 200'000;
inline constexpr std::uint64_t kTraffic = 100'000;
inline constexpr std::uint64_t kSmallWorlds = 1000;

// Engine (a): a random workload under these faults, then quiet, then the laws of the end.
Outcome runSeed(Shelf& shelf, std::uint64_t seed, const Faults& faults, const Show& show = {});

}  // namespace slipway::sim
