// slipway-sim: runs the engines of the simulator. `./dev sim --help` says how.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include <malloc.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "reconciler/base/strings.h"
#include "tests/sim/engine/branches.h"
#include "tests/sim/engine/engines.h"

namespace slipway::sim {
namespace {

constexpr const char* kUsage = R"(usage: ./dev sim [OPTIONS]

  --seeds N         how many random seeds (default 1000); for acto how many walks
  --seed S          begin with this seed instead of 200000; without --seeds only this one; those below 200000 have no
                    clusters and no groups of servers, below 100000 no traffic, below 1000 wider worlds
  --engine NAME     random (default), crash, sieve, acto or all
  --jobs N          processes (default 2)
  --rollouts N      random: go on until so many rollouts were made
  --seconds N       end after so many seconds of real time, with what was done by then
  --pairs N         crash: how many sampled pairs of crashes (default 200)
  --stop            end at the first violation
  --json            one object on standard output
  replay:
  --faults LIST     exactly these faults: F2@17,F38@5 or none (with --seed or --scenario)
  --scenario NAME   one scenario of the engines crash and sieve; --list names them
  --show            every log line, write and command
  --shrink          leave out faults while the violation stays, and print the command

The exit code is 1 when an invariant was violated.
)";

struct Options {
  std::optional<std::uint64_t> seeds;
  std::optional<std::uint64_t> seed;
  std::string engine = "random";
  std::uint64_t jobs = 2;
  std::uint64_t rollouts = 0;
  std::uint64_t pairs = 200;
  std::uint64_t seconds = 0;
  std::optional<std::string> faults;
  std::string scenario;
  bool json = false, show = false, shrink = false, stop = false, list = false, help = false;
};

bool number(const char* text, std::uint64_t& into) {
  const std::string_view view(text == nullptr ? "" : text);
  return !view.empty() &&
         std::from_chars(view.data(), view.data() + view.size(), into).ptr == view.data() + view.size();
}

bool takeFlag(Options& out, std::string_view name) {
  for (const auto& [flag, into] : {std::pair<std::string_view, bool*>{"--json", &out.json},
                                   {"--show", &out.show},
                                   {"--shrink", &out.shrink},
                                   {"--stop", &out.stop},
                                   {"--list", &out.list},
                                   {"--help", &out.help}}) {
    if (name == flag) {
      *into = true;
      return true;
    }
  }
  return false;
}

bool takeOption(Options& out, std::string_view name, const char* value) {
  std::uint64_t seen = 0;
  if (name == "--engine" || name == "--scenario" || name == "--faults") {
    if (value == nullptr) return false;
    (name == "--engine" ? out.engine : name == "--scenario" ? out.scenario : out.faults.emplace()) = value;
    return true;
  }
  if (!number(value, seen)) {
    return false;
  }
  if (name == "--seeds") {
    out.seeds = seen;
  } else if (name == "--seed") {
    out.seed = seen;
  } else if (name == "--jobs") {
    out.jobs = std::clamp<std::uint64_t>(seen, 1, 64);
  } else if (name == "--rollouts") {
    out.rollouts = seen;
  } else if (name == "--seconds") {
    out.seconds = seen;
  } else if (name == "--pairs") {
    out.pairs = seen;
  } else {
    return false;
  }
  return true;
}

std::optional<Options> parse(int argc, char** argv) {
  Options out;
  for (int i = 1; i < argc; ++i) {
    if (takeFlag(out, argv[i])) {
      continue;
    }
    if (!takeOption(out, argv[i], i + 1 < argc ? argv[i + 1] : nullptr)) {
      std::fprintf(stderr, "slipway-sim: %s is not understood\n%s", argv[i], kUsage);
      return std::nullopt;
    }
    ++i;
  }
  return out;
}

double secondsNow() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

Totals work(const Options& options, const Share& given) {
  Shelf shelf;
  Share share = given;
  const std::uint64_t wanted = options.rollouts / share.of;
  const double until = options.seconds > 0 ? secondsNow() + static_cast<double>(options.seconds) : 0;
  share.enough = [&options, wanted, until](const Totals& totals) {
    return (options.stop && !totals.found.empty()) || (wanted > 0 && totals.rollouts >= wanted) ||
           (until > 0 && secondsNow() > until);
  };
  const std::uint64_t first = options.seed.value_or(kFirstSeed);
  const std::uint64_t count = options.rollouts > 0 ? UINT64_MAX / 2 : options.seeds.value_or(options.seed ? 1 : 1000);
  Totals totals;
  if (options.engine == "random" || options.engine == "all") {
    totals.add(randomSeeds(shelf, first, count, share));
  }
  share.enough = [&options, until](const Totals& seen) {
    return (options.stop && !seen.found.empty()) || (until > 0 && secondsNow() > until);
  };
  if (options.engine == "crash" || options.engine == "all") {
    totals.add(crashPoints(shelf, options.pairs, share));
  }
  if (options.engine == "sieve" || options.engine == "all") {
    totals.add(sieve(shelf, share));
  }
  if (options.engine == "acto" || options.engine == "all") {
    totals.add(
        acto(shelf, options.seed.value_or(1), options.engine == "all" ? 200 : options.seeds.value_or(200), share));
  }
  return totals;
}

// Each process does its share and tells what came of it through a pipe. False when one ended otherwise.
bool workInProcesses(const Options& options, Totals& totals) {
  std::vector<std::pair<pid_t, int>> children;
  for (std::uint64_t i = 0; i < options.jobs; ++i) {
    int ends[2];
    if (::pipe(ends) != 0) {
      return false;
    }
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      Totals mine = work(options, {i, options.jobs, {}});
      mine.cpuSeconds += static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
      writeAll(ends[1], toJson(mine).dump());
      ::_exit(0);
    }
    ::close(ends[1]);
    children.emplace_back(child, ends[0]);
  }
  bool good = true;
  for (const auto& [child, from] : children) {
    if (!readTotals(from, child, totals)) {
      std::fprintf(stderr, "slipway-sim: a process ended early\n");
      good = false;
    }
  }
  return good;
}

void report(const Totals& totals, double seconds) {
  for (const Found& one : totals.found) {
    std::printf("VIOLATED I%d (%s) in seed %llu%s%s at %s\n  %s\n  %s\n", one.invariant, one.engine.c_str(),
                static_cast<unsigned long long>(one.seed), one.scenario.empty() ? "" : ", scenario ",
                one.scenario.c_str(), one.time.c_str(), one.what.c_str(), replayCommand(one).c_str());
  }
  std::printf(
      "%llu seeds, %llu rollouts, %llu crashes in %.1f s: %.1f seeds/s, %.0f rollouts/hour (%.1f s of processor "
      "time)\n",
      static_cast<unsigned long long>(totals.seeds), static_cast<unsigned long long>(totals.rollouts),
      static_cast<unsigned long long>(totals.crashes), seconds, static_cast<double>(totals.seeds) / seconds,
      static_cast<double>(totals.rollouts) * 3600 / seconds, totals.cpuSeconds);
  if (totals.boundaries > 0) {
    std::printf("%llu crash boundaries, %llu of them equal to one that was played\n",
                static_cast<unsigned long long>(totals.boundaries), static_cast<unsigned long long>(totals.equal));
  }
  std::string struck, quiet, unchecked, never;
  for (const FaultInfo& fault : faultTable()) {
    const std::uint64_t count = totals.faults[static_cast<std::size_t>(fault.number)];
    if (fault.applies()) {
      (count > 0 ? struck : quiet) += count > 0 ? cat(" F", fault.number, ":", count) : cat(" F", fault.number);
    }
  }
  for (const InvariantInfo& one : invariantTable()) {
    if (one.applies && totals.checks[static_cast<std::size_t>(one.number)] == 0) unchecked += cat(" I", one.number);
  }
  for (const std::string_view name : sometimesTable()) {
    if (!totals.sometimes.contains(name)) never += cat("\n  ", name);
  }
  std::printf("faults that struck:%s\n", struck.c_str());
  if (!quiet.empty()) std::printf("faults that never struck:%s\n", quiet.c_str());
  if (!unchecked.empty()) std::printf("invariants that were never checked:%s\n", unchecked.c_str());
  if (!never.empty()) std::printf("never happened:%s\n", never.c_str());
  std::printf("%zu violations\n", totals.found.size());
}

int replay(const Options& options) {
  Shelf shelf;
  const Result<std::vector<FaultFiring>> faults = firingsFromText(options.faults.value_or(""));
  if (!faults) {
    std::fprintf(stderr, "slipway-sim: %s\n", faults.status().message().c_str());
    return 2;
  }
  Show show;
  if (options.show) {
    show = [](const std::string& line) { std::puts(line.c_str()); };
  }
  const std::uint64_t seed = options.seed.value_or(1);
  Totals totals;
  if (!options.scenario.empty()) {
    const Scenario* scenario = scenarioNamed(options.scenario);
    if (scenario == nullptr) {
      std::fprintf(stderr, "slipway-sim: no scenario is called %s; --list names them\n", options.scenario.c_str());
      return 2;
    }
    const Outcome outcome = playScenario(shelf, *scenario, *faults, show);
    std::printf("the end:\n%s", outcome.finalState.c_str());
    if (const std::string usual = playScenario(shelf, *scenario, {}).finalState; usual != outcome.finalState) {
      std::printf("without faults:\n%s", usual.c_str());
    }
    totals.add(outcome, "replay", options.scenario);
  } else {
    totals.add(runSeed(shelf, seed, options.faults ? Faults::scripted(seed, *faults) : Faults::swarm(seed), show),
               "random");
  }
  if (options.shrink && !totals.found.empty()) {
    Found smallest = totals.found.front();
    smallest.faults = shrunk(shelf, smallest);
    std::printf("shrunk: %s\n", replayCommand(smallest).c_str());
  }
  report(totals, 1);
  return totals.found.empty() ? 0 : 1;
}

int run(int argc, char** argv) {
  const std::optional<Options> options = parse(argc, argv);
  if (!options) {
    return 2;
  }
  if (options->help) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (options->list) {
    for (const Scenario& one : scenarios()) {
      std::printf("%.*s\n", static_cast<int>(one.name.size()), one.name.data());
    }
    return 0;
  }
  if (options->faults || options->show || options->shrink || !options->scenario.empty()) {
    return replay(*options);
  }
  const double began = secondsNow();
  Totals totals;
  const bool good = workInProcesses(*options, totals);
  const double seconds = secondsNow() - began;
  if (options->json) {
    Json out = toJson(totals);
    out["seconds"] = seconds;
    out["rolloutsPerHour"] = static_cast<double>(totals.rollouts) * 3600 / seconds;
    out["seedsPerSecond"] = static_cast<double>(totals.seeds) / seconds;
    std::puts(out.dump().c_str());
  } else {
    report(totals, seconds);
  }
  return good && totals.found.empty() ? 0 : 1;
}

}  // namespace
}  // namespace slipway::sim

int main(int argc, char** argv) {
  // Worlds come and go: what one frees is kept for the next, instead of going back to the kernel page by page.
  ::mallopt(M_TRIM_THRESHOLD, 1 << 28);
  ::mallopt(M_MMAP_THRESHOLD, 1 << 28);
  ::mallopt(M_TOP_PAD, 1 << 24);
  return slipway::sim::run(argc, argv);
}
