#include "tests/sim/engine/engines.h"

#include <algorithm>
#include <utility>

#include "reconciler/base/strings.h"
#include "tests/sim/engine/branches.h"

namespace slipway::sim {
namespace {

bool over(const Share& share, const Totals& totals) { return share.enough && share.enough(totals); }

// How a scenario may end.
struct Reference {
  Outcome unperturbed;
  std::string late;  // the final state where people's requests came too late; empty: there is no such end
};

// Holds the end of a perturbed scenario against that of the unperturbed one (the differential oracle).
Totals judged(Outcome outcome, const Scenario& scenario, const Reference& reference, std::string_view engine) {
  // An effect that was done and not heard of is repeated: done twice equals done once (I20).
  const bool repeats = engine == "crash" && !outcome.fired.empty() && outcome.fired.front().fault != 1;
  const int law = engine != "crash" ? 31 : repeats ? 20 : 21;
  ++outcome.checks[static_cast<std::size_t>(law)];
  const std::string& expected = reference.unperturbed.finalState;
  if (outcome.violations.empty() && outcome.finalState != expected && outcome.finalState != reference.late) {
    outcome.violations.push_back(
        {law, SteadyTime(std::chrono::hours(1)),
         cat("the end differs from that of the unperturbed run:\n", outcome.finalState, "instead of\n", expected)});
  }
  Totals totals;
  totals.add(outcome, std::string(engine), std::string(scenario.name));
  return totals;
}

// Which crashes of a run differ. Two find the same world when nothing has changed between them that outlives the
// process: then one of them is played, and speaks for the others. F3 is the crash where the next effect would be: there
// it is met as F1.
class Boundaries {
 public:
  // Whether to play this one. `takes` is asked for the first of those that are the same.
  bool meets(int fault, std::uint64_t durable, const std::function<bool()>& takes) {
    if (fault < 1 || fault > 3) {
      return false;
    }
    if (fault == 3) {
      ++toCome_;
      return false;
    }
    const bool first = durable != last_;
    if (first) {
      last_ = durable;
      taken_ = takes();
    }
    const std::uint64_t these = 1 + (fault == 1 ? std::exchange(toCome_, 0) : 0);
    covered_ += taken_ ? these : 0;
    equal_ += taken_ ? these - (first ? 1 : 0) : 0;
    return first && taken_;
  }
  std::uint64_t covered() const { return covered_; }
  std::uint64_t equal() const { return equal_; }

 private:
  std::uint64_t last_ = UINT64_MAX;
  bool taken_ = false;
  std::uint64_t toCome_ = 0;
  std::uint64_t covered_ = 0;
  std::uint64_t equal_ = 0;
};

}  // namespace

Totals randomSeeds(Shelf& shelf, std::uint64_t first, std::uint64_t count, const Share& share) {
  Totals totals;
  for (std::uint64_t i = share.index; i < count && !over(share, totals); i += share.of) {
    totals.add(runSeed(shelf, first + i, Faults::swarm(first + i)), "random");
  }
  return totals;
}

Totals crashPoints(Shelf& shelf, std::uint64_t pairs, const Share& share) {
  Totals totals;
  std::uint64_t piece = 0;
  const auto mine = [&] { return piece++ % share.of == share.index; };
  for (const Scenario& scenario : scenarios()) {
    if (over(share, totals)) {
      return totals;
    }
    const Reference reference{playScenario(shelf, scenario, {}), ""};
    if (share.index == 0) {
      totals.add(reference.unperturbed, "crash", std::string(scenario.name));
    }
    std::vector<FaultFiring> all;
    for (const int fault : {1, 2, 3}) {
      for (std::uint64_t n = 1; n <= reference.unperturbed.opportunities[static_cast<std::size_t>(fault)]; ++n) {
        all.push_back({fault, n});
      }
    }
    Boundaries boundaries;
    playBranches(
        {shelf, scenario, [&](Outcome outcome) { return judged(std::move(outcome), scenario, reference, "crash"); }},
        [&](const FaultFiring& one, const World& world) -> std::vector<Branch> {
          const bool plays =
              boundaries.meets(one.fault, world.durable(), [&] { return mine() && !over(share, totals); });
          return plays ? std::vector<Branch>{{}} : std::vector<Branch>();
        },
        totals);
    totals.boundaries += boundaries.covered();
    totals.equal += boundaries.equal();
    Dice dice(scenario.name.size() * 7919);
    for (std::uint64_t i = 0; i < pairs / scenarios().size(); ++i) {
      const FaultFiring one = all[dice.below(all.size())];
      // The second one strikes while the first is being recovered from.
      const FaultFiring other{one.fault, one.nth + 1 + dice.below(10)};
      if (mine() && !over(share, totals)) {
        totals.add(judged(playScenario(shelf, scenario, {one, other}), scenario, reference, "crash"));
      }
    }
  }
  return totals;
}

Totals sieve(Shelf& shelf, const Share& share) {
  Totals totals;
  std::uint64_t piece = 0;
  for (const Scenario& scenario : scenarios()) {
    Reference reference{playScenario(shelf, scenario, {}), ""};
    if (scenario.late) {
      reference.late = playScenario(shelf, {scenario.name, scenario.prepare, scenario.late}, {}).finalState;
    }
    const auto branches = [&](const FaultFiring& one, const World&) -> std::vector<Branch> {
      std::vector<Branch> out;
      if (one.fault == 12 || one.fault == 13 || one.fault == 14 || one.fault == 16) {
        out.push_back({});
      }
      if (one.fault == 16) {  // the watch closes and the list that follows is an old one
        out.push_back({{19, reference.unperturbed.opportunities[19] + 1}});
      }
      std::erase_if(out, [&](const Branch&) { return piece++ % share.of != share.index || over(share, totals); });
      return out;
    };
    playBranches(
        {shelf, scenario, [&](Outcome outcome) { return judged(std::move(outcome), scenario, reference, "sieve"); }},
        branches, totals);
  }
  return totals;
}

std::vector<FaultFiring> shrink(std::vector<FaultFiring> firings,
                                const std::function<bool(const std::vector<FaultFiring>&)>& fails) {
  std::size_t parts = 2;
  while (firings.size() >= 2) {
    const std::size_t size = (firings.size() + parts - 1) / parts;
    bool smaller = false;
    for (std::size_t from = 0; from < firings.size() && !smaller; from += size) {
      std::vector<FaultFiring> rest(firings.begin(), firings.begin() + static_cast<std::ptrdiff_t>(from));
      rest.insert(rest.end(), firings.begin() + static_cast<std::ptrdiff_t>(std::min(from + size, firings.size())),
                  firings.end());
      if (fails(rest)) {
        firings = std::move(rest);
        parts = std::max<std::size_t>(2, parts - 1);
        smaller = true;
      }
    }
    if (!smaller) {
      if (size == 1) {
        break;
      }
      parts = std::min(firings.size(), parts * 2);
    }
  }
  return firings.size() == 1 && fails({}) ? std::vector<FaultFiring>() : firings;
}

std::string shrunk(Shelf& shelf, const Found& found) {
  const auto fails = [&](const std::vector<FaultFiring>& faults) {
    const Scenario* scenario = scenarioNamed(found.scenario);
    Outcome outcome = scenario == nullptr ? runSeed(shelf, found.seed, Faults::scripted(found.seed, faults))
                                          : playScenario(shelf, *scenario, faults);
    if (scenario != nullptr && outcome.violations.empty() &&
        outcome.finalState != playScenario(shelf, *scenario, {}).finalState) {
      return found.invariant == 20 || found.invariant == 21 || found.invariant == 31;
    }
    return std::any_of(outcome.violations.begin(), outcome.violations.end(),
                       [&](const Violation& one) { return one.invariant == found.invariant; });
  };
  const Result<std::vector<FaultFiring>> firings = firingsFromText(found.faults);
  if (!firings || !fails(*firings)) {
    return found.faults;
  }
  return toText(shrink(*firings, fails));
}

std::string replayCommand(const Found& found) {
  const std::string what = found.scenario.empty() ? cat("--seed ", found.seed) : cat("--scenario ", found.scenario);
  return cat("./dev sim ", what, " --faults ", found.faults.empty() ? "none" : found.faults, " --show");
}

}  // namespace slipway::sim
