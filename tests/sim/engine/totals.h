#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "reconciler/base/json.h"
#include "tests/sim/engine/run_seed.h"

namespace slipway::sim {

// One violation with what it takes to see it again.
struct Found {
  std::string engine;    // "random", "crash", …
  std::string scenario;  // empty for random seeds
  std::uint64_t seed = 0;
  int invariant = 0;
  std::string time;  // virtual, since the start
  std::string what;
  std::string faults;  // as --faults takes them
};

// What many runs came to.
struct Totals {
  std::uint64_t seeds = 0;  // runs of a world
  std::uint64_t rollouts = 0;
  std::map<std::string, std::uint64_t> ends;  // of the rollouts, by outcome
  std::uint64_t crashes = 0;
  std::vector<Found> found;
  std::array<std::uint64_t, kFaults + 1> faults{};
  std::array<std::uint64_t, kInvariants + 1> checks{};
  std::map<std::string, std::uint64_t, std::less<>> sometimes;
  std::uint64_t boundaries = 0;  // of the exhaustive engine
  std::uint64_t equal = 0;       // of them, those that find the same world as one that was played
  double cpuSeconds = 0;

  void add(const Outcome& outcome, const std::string& engine, const std::string& scenario = {});
  void add(const Totals& other);
};

Json toJson(const Totals& totals);
Totals totalsFromJson(const Json& json);

}  // namespace slipway::sim
