#include <algorithm>
#include <cstdlib>
#include <random>

#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reconciler/base/strings.h"
#include "tests/sim/engine/branches.h"
#include "tests/sim/engine/engines.h"
#include "tests/sim/world/world.h"

#include "embedded/embedded_sim_regressions.h"

namespace slipway::sim {
namespace {

// The sanitizers look at fewer of what the other builds play: they take ten times as long.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kOneIn = 5;
#else
constexpr std::uint64_t kOneIn = 1;
#endif

std::string told(const Outcome& outcome) {
  std::string out;
  for (const Violation& one : outcome.violations) {
    out += cat("I", one.invariant, ": ", one.what, "\n");
  }
  return out.empty() ? out : cat(out, "replay: ./dev sim --seed ", outcome.seed, " --faults ", toText(outcome.fired));
}

constexpr const char* kAsked = "SLIPWAY_TRACE_OF_SEED";

// What another process says of a seed: started anew, with its memory in other places and an environment of another
// size.
std::string traceInProcess(std::uint64_t seed, bool randomised, std::size_t padding) {
  int ends[2];
  if (::pipe(ends) != 0) return "no pipe";
  const std::string filter = "--gtest_filter=Simulator.DoesTheSameInAnotherProcessWhereverItsMemoryIs";
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    const auto now = static_cast<unsigned long>(::personality(0xffffffff));
    const unsigned long fixed = ADDR_NO_RANDOMIZE;
    ::personality(randomised ? now & ~fixed : now | fixed);  // where that is forbidden the addresses stay random
    ::setenv(kAsked, std::to_string(seed).c_str(), 1);
    ::setenv("SLIPWAY_PADDING", std::string(padding, 'x').c_str(), 1);
    ::execl("/proc/self/exe", "test_sim", filter.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(ends[1]);
  std::string said;
  char buffer[4096];
  for (ssize_t got; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    said.append(buffer, static_cast<std::size_t>(got));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  const std::size_t at = said.find("trace ");
  return at == std::string::npos ? cat("no trace, status ", status, ": ", said)
                                 : said.substr(at, said.find('\n', at) - at);
}

class Simulator : public testing::Test {
 protected:
  Shelf shelf;
};

TEST_F(Simulator, DoesTheSameForTheSameSeedWhateverTheHeapLooksLike) {
  for (const std::uint64_t seed : {std::uint64_t{3}, kFirstSeed + 4, kFirstSeed + 11}) {
    const Outcome one = runSeed(shelf, seed, Faults::swarm(seed));
    ::mallopt(M_PERTURB, 0x5a);
    std::vector<std::unique_ptr<char[]>> garbage;
    Dice dice(seed);
    for (int i = 0; i < 5000; ++i) {
      garbage.push_back(std::make_unique<char[]>(16 + dice.below(4000)));
    }
    std::erase_if(garbage, [&](const auto&) { return dice.chance(0.5); });
    Shelf another;
    const Outcome other = runSeed(another, seed, Faults::swarm(seed));
    ::mallopt(M_PERTURB, 0);
    EXPECT_EQ(one.traceHash, other.traceHash) << "seed " << seed;
    EXPECT_EQ(one.rollouts, other.rollouts);
    EXPECT_EQ(one.fired, other.fired);
  }
}

TEST_F(Simulator, DoesTheSameInAnotherProcessWhereverItsMemoryIs) {
  if (const char* asked = std::getenv(kAsked)) {  // the other process
    const std::uint64_t seed = std::strtoull(asked, nullptr, 10);
    const Outcome outcome = runSeed(shelf, seed, Faults::swarm(seed));
    std::printf("trace %016llx of %llu rollouts, %llu crashes\n", static_cast<unsigned long long>(outcome.traceHash),
                static_cast<unsigned long long>(outcome.rollouts), static_cast<unsigned long long>(outcome.crashes));
    return;
  }
  for (const std::uint64_t seed : {std::uint64_t{3}, kFirstSeed + 11, kFirstSeed + 23}) {
    const std::string fixed = traceInProcess(seed, false, 0);
    EXPECT_TRUE(fixed.starts_with("trace ")) << fixed;
    EXPECT_EQ(traceInProcess(seed, true, 10), fixed) << "seed " << seed;
    EXPECT_EQ(traceInProcess(seed, true, 50'000), fixed) << "seed " << seed;
  }
}

TEST_F(Simulator, ReplaysASeedFromTheFaultsThatStruck) {
  const Outcome swarm = runSeed(shelf, 5, Faults::swarm(5));
  const Outcome replayed = runSeed(shelf, 5, Faults::scripted(5, swarm.fired));
  EXPECT_EQ(swarm.traceHash, replayed.traceHash);
}

TEST_F(Simulator, KeepsEveryInvariantOverRandomSeeds) {
  std::uint64_t rollouts = 0;
  for (std::uint64_t i = 1; i <= 20 / kOneIn; ++i) {
    for (const std::uint64_t seed : {i, kFirstSeed + i}) {
      const Outcome outcome = runSeed(shelf, seed, Faults::swarm(seed));
      EXPECT_EQ(told(outcome), "");
      rollouts += outcome.rollouts;
    }
  }
  EXPECT_GT(rollouts, 50 / kOneIn);
}

TEST_F(Simulator, EndsWhereNoCrashEndsAfterACrashAtABoundary) {
  for (const char* name : {"atomic-second", "atomic-verify-fails"}) {
    const Scenario& scenario = *scenarioNamed(name);
    const Outcome reference = playScenario(shelf, scenario, {});
    EXPECT_EQ(told(reference), "");
    for (const int fault : {1, 2, 3}) {
      for (std::uint64_t n = 1; n <= reference.opportunities[static_cast<std::size_t>(fault)]; n += 7 * kOneIn) {
        const Outcome crashed = playScenario(shelf, scenario, {{fault, n}});
        EXPECT_EQ(told(crashed), "") << name << " F" << fault << "@" << n;
        EXPECT_EQ(crashed.finalState, reference.finalState) << name << " F" << fault << "@" << n;
        // F3 strikes at the next effect. Where none follows all goes as without it.
        const bool last = fault == 3 && crashed.traceHash == reference.traceHash;
        EXPECT_EQ(crashed.crashes, last ? 0U : 1U) << name << " F" << fault << "@" << n;
      }
    }
  }
}

// Everything that a process which is started now may find.
std::string contentsOf(const World& world) {
  std::string out;
  for (const auto& [key, revision] : world.disk().current) {
    out += key.starts_with("/events/") ? "" : cat(key, "@", revision, "\n");
  }
  for (const auto& [name, host] : world.hosts()) {
    out += cat(name, ": ", host->scripts(), " scripts, boot ", host->boots(), "\n");
    host->files().walk("/", [&](const std::string& path, const Files::Node& node) {
      out += cat(path, " ", node.content, "\n");
      return true;
    });
  }
  for (const auto& [key, proxy] : world.proxies().state.proxies) {
    out += cat(key, " ", proxy.version, "\n");
  }
  for (const auto& [key, fence] : world.proxies().fences) {
    out += cat(key, " ", fence, "\n");
  }
  return out;
}

TEST_F(Simulator, CrashesThatTheEngineTakesForEqualFindTheSameWorld) {
  for (const char* name : {"atomic-second", "canary"}) {
    std::map<std::uint64_t, std::string> known;
    std::uint64_t equal = 0;
    const auto look = [&](const FaultFiring& firing, const World& world) {
      if (firing.fault <= 2) {
        const auto [found, first] = known.emplace(world.durable(), contentsOf(world));
        equal += first ? 0 : 1;
        EXPECT_TRUE(first || found->second == contentsOf(world)) << name << " " << toText({firing});
      }
      return false;
    };
    EXPECT_EQ(told(playScenario(shelf, *scenarioNamed(name), {}, {}, look)), "");
    EXPECT_GT(equal, known.size()) << name;
    EXPECT_GT(known.size(), 20U) << name;
  }
}

TEST_F(Simulator, BranchesOfARunGoAsTheyWouldFromTheStart) {
  const Scenario& scenario = *scenarioNamed("atomic-second");
  Totals totals;
  const auto judge = [&](const Outcome& outcome) {
    Totals mine;
    mine.add(outcome, "branch");
    if (playScenario(shelf, scenario, outcome.fired).traceHash != outcome.traceHash) {
      mine.found.push_back({"branch", "", 0, 0, "", "it went another way from the start", toText(outcome.fired)});
    }
    return mine;
  };
  playBranches(
      {shelf, scenario, judge},
      [](const FaultFiring& one, const World&) {
        return one.fault <= 3 && one.nth % 11 == 0 ? std::vector<Branch>{{}} : std::vector<Branch>();
      },
      totals);
  EXPECT_GT(totals.crashes, 3U);
  for (const Found& one : totals.found) {
    ADD_FAILURE() << one.faults << ": " << one.what;
  }
}

TEST_F(Simulator, KeepsWhatItFoundFixed) {
  int played = 0;
  for (const EmbeddedFile& file : embedded_sim_regressions()) {
    std::uint64_t seed = 0;
    std::string scenario, faults;
    for (const std::string& line : split(file.content, '\n')) {
      if (line.starts_with("seed ")) seed = std::strtoull(line.c_str() + 5, nullptr, 10);
      if (line.starts_with("scenario ")) scenario = line.substr(9);
      if (line.starts_with("faults ")) faults = line.substr(7);
    }
    const auto firings = firingsFromText(faults);
    ASSERT_TRUE(firings) << file.name;
    const Outcome outcome = !scenario.empty() ? playScenario(shelf, *scenarioNamed(scenario), *firings)
                            : faults.empty()  ? runSeed(shelf, seed, Faults::swarm(seed))
                                              : runSeed(shelf, seed, Faults::scripted(seed, *firings));
    EXPECT_EQ(told(outcome), "") << file.name;
    if (!scenario.empty()) {
      EXPECT_EQ(outcome.finalState, playScenario(shelf, *scenarioNamed(scenario), {}).finalState) << file.name;
    }
    ++played;
  }
  EXPECT_GT(played, 0);
}

TEST(Shrinking, LeavesTheFaultsThatAreNeeded) {
  std::vector<FaultFiring> all;
  for (std::uint64_t i = 1; i <= 40; ++i) {
    all.push_back({1 + static_cast<int>(i % 5), i});
  }
  const std::vector<FaultFiring> needed = {all[7], all[31]};
  int tries = 0;
  const auto fails = [&](const std::vector<FaultFiring>& some) {
    ++tries;
    return std::all_of(needed.begin(), needed.end(),
                       [&](const FaultFiring& one) { return std::find(some.begin(), some.end(), one) != some.end(); });
  };
  EXPECT_EQ(shrink(all, fails), needed);
  EXPECT_LT(tries, 200);
}

TEST(Shrinking, LeavesNothingWhereNoFaultIsNeeded) {
  EXPECT_TRUE(shrink({{1, 1}, {2, 5}, {3, 9}}, [](const auto&) { return true; }).empty());
}

TEST(FaultSchedule, IsReadAsItIsWritten) {
  const std::vector<FaultFiring> schedule{{2, 17}, {38, 5}};
  EXPECT_EQ(toText(schedule), "F2@17,F38@5");
  EXPECT_EQ(*firingsFromText("F2@17,F38@5"), schedule);
  EXPECT_TRUE(firingsFromText("none")->empty());
  for (const char* wrong : {"F0@1", "F65@1", "2@17", "F2", "F2@x"}) {
    EXPECT_FALSE(firingsFromText(wrong)) << wrong;
  }
}

TEST(FaultSchedule, SaysOfEachFaultWhereItStrikesOrWhyNot) {
  int number = 0;
  for (const FaultInfo& fault : faultTable()) {
    EXPECT_EQ(fault.number, ++number);
    EXPECT_FALSE(fault.note.empty()) << fault.number;
  }
}

TEST(Invariants, AreEachCheckedOrSaidWhyNot) {
  int number = 0;
  for (const InvariantInfo& one : invariantTable()) {
    EXPECT_EQ(one.number, ++number);
    EXPECT_FALSE(one.note.empty()) << one.number;
  }
}

}  // namespace
}  // namespace slipway::sim
