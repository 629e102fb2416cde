#include "tests/sim/engine/scenarios.h"

#include <algorithm>
#include <utility>

#include "reconciler/base/strings.h"
#include "tests/sim/engine/shifting.h"

namespace slipway::sim {
namespace {

constexpr std::uint64_t kSeed = 42;
constexpr Duration kPatience = std::chrono::hours(2);

// At rest: the release's run has ended and the release says so, or waits for a person.
bool atRest(World&, Workload& work) {
  return std::all_of(work.apps().begin(), work.apps().end(), [&](const App& app) {
    const Release* release = work.release(app);
    if (release == nullptr) {
      return true;
    }
    const bool held = release->status.phase == "Paused";
    if (work.runOpen(app) && !held) {
      return false;
    }
    return held || (release->status.identity == releaseIdentity(app.spec) && !release->status.phase.empty() &&
                    release->status.observedGeneration == release->meta.generation);
  });
}

void rest(World& world, Workload& work, std::string_view what) {
  const bool rested = world.rest(kPatience, [&] { return atRest(world, work); });
  if (!world.violated()) {
    world.checker().require(31, rested, cat("no rest after: ", what));
  }
}

ReleaseSpec spec() {
  ReleaseSpec out = plainSpec("app0");
  BuildStep build;
  build.name = "assets";
  build.run = "sleep 2; [ ! -e /etc/broken-$RELEASE_ID ] && echo $RELEASE_ID > built";
  BuildStep migrate;
  migrate.name = "migrate";
  migrate.run = "echo $RELEASE_ID >> /var/log/migrations; sleep 1";
  migrate.idempotent = false;
  out.build = {build, migrate};
  out.health.http = HttpCheck{};
  out.health.http->port = 8000;
  out.health.beforeSwitch = ExecCheck{"[ ! -e /etc/gate-$RELEASE_ID ]", std::chrono::seconds(10)};
  return out;
}

ReleaseSpec recreateSpec() {
  ReleaseSpec out = spec();
  out.strategy.type = StrategyType::Recreate;
  out.process = Process{};
  out.process->start = "sleep 1; cat version > /run/8000";
  out.process->stop = "rm /run/8000";
  return out;
}

ReleaseSpec rollingSpec() {
  ReleaseSpec out = spec();
  out.strategy.type = StrategyType::Rolling;
  out.strategy.rolling = RollingSettings{};
  out.strategy.rolling->pauseBetween = std::chrono::seconds(20);
  return out;
}

// Three members, of which the one that leads goes last.
ReleaseSpec clusterSpec() {
  ReleaseSpec out = rollingSpec();
  out.cluster.emplace().roleProbe.http.emplace().port = 8000;
  return out;
}

// Without a request that must not be repeated: after a crash that one is a person's to decide.
ReleaseSpec hookSpec(StrategyType type) {
  ReleaseSpec out = type == StrategyType::Rolling ? rollingSpec() : spec();
  out.hooks = someHooks("app0");
  std::erase_if(out.hooks, [](const Hook& one) { return one.name == "announce"; });
  if (type == StrategyType::Rolling) {
    for (const HookPoint point : {HookPoint::Drain, HookPoint::Restore}) {
      Hook hook;
      hook.name = point == HookPoint::Drain ? "drain" : "restore";
      hook.at = point;
      hook.run = cat("echo ", hook.name, " $VERSION >> /var/log/", hook.name, "; sleep 1");
      out.hooks.push_back(hook);
    }
  }
  return out;
}

// Two instances on each server, behind a proxy on the first one.
ReleaseSpec slotSpec(StrategyType type) {
  ReleaseSpec out = spec();
  out.strategy.type = type;
  putInSlots(out, 9001, "web1");
  return out;
}

ReleaseSpec blueGreenSpec() {
  ReleaseSpec out = slotSpec(StrategyType::BlueGreen);
  out.strategy.blueGreen = BlueGreenSettings{.autoPromoteAfter = std::chrono::seconds(10)};
  return out;
}

ReleaseSpec canarySpec() {
  ReleaseSpec out = slotSpec(StrategyType::Canary);
  CanarySettings& canary = out.strategy.canary.emplace();
  canary.steps = {{.kind = CanaryStep::Kind::SetWeight, .weight = 20},
                  {.kind = CanaryStep::Kind::Pause, .pause = std::chrono::seconds(30)},
                  {.kind = CanaryStep::Kind::SetWeight, .weight = 60},
                  {.kind = CanaryStep::Kind::Pause, .pause = std::chrono::seconds(30)}};
  canary.scaleDownDelay = std::chrono::seconds(10);
  return out;
}

ReleaseSpec canaryByServersSpec() {
  ReleaseSpec out = canarySpec();
  out.slots.reset();
  out.process.reset();
  out.traffic->port = 8000;
  return out;
}

// web1 and web3 are north, web2 south.
ReleaseSpec groupsSpec(OldGroup oldGroup) {
  ReleaseSpec out = canaryByServersSpec();
  out.strategy.type = StrategyType::BlueGreen;
  out.strategy.canary.reset();
  out.strategy.blueGreen = BlueGreenSettings{.autoPromoteAfter = std::chrono::seconds(10)};
  out.strategy.blueGreen->groups = {{"north", {{"side", "north"}}}, {"south", {{"side", "south"}}}};
  out.strategy.blueGreen->oldGroup = oldGroup;
  return out;
}

void routed(World& world, Workload& work, const std::string& version) { routed(world, work.apps().front(), version); }

App& make(World&, Workload& work, const ReleaseSpec& spec) {
  work.makeServers(3, kSeldom);
  return work.addApp({"web1", "web2", "web3"}, spec);
}

// A first version that is live everywhere.
void established(World& world, Workload& work, const ReleaseSpec& with) {
  App& app = make(world, work, with);
  work.apply(app, "1.0.0");
  rest(world, work, "the first version");
}

// The same with two groups of servers: north has the traffic.
void establishedGroups(World& world, Workload& work, OldGroup oldGroup) {
  App& app = make(world, work, groupsSpec(oldGroup));
  for (const auto& [server, side] :
       {std::pair("web1", "north"), std::pair("web2", "south"), std::pair("web3", "north")}) {
    work.label(server, "side", side);
  }
  work.apply(app, "1.0.0");
  rest(world, work, "the first version");
  routed(world, work, "1.0.0");
}

// The canary is judged at 20 %, three times, 10 s apart.
void establishedWithAnalysis(World& world, Workload& work) {
  ReleaseSpec with = canarySpec();
  with.strategy.canary->steps[1] = {.kind = CanaryStep::Kind::Analysis, .templates = {"errors"}};
  App& app = make(world, work, with);
  makeErrorsTemplate(work);
  work.apply(app, "1.0.0");
  rest(world, work, "the first version");
}

void next(World& world, Workload& work) {
  work.apply(work.apps().front(), "2.0.0");
  rest(world, work, "the second version");
}

// An abort when there is nothing left to abort.
void tooLate(World& world, Workload& work) {
  next(world, work);
  work.ask(work.apps().front(), "abort");
  world.run(world.time().now() + std::chrono::seconds(1));
  rest(world, work, "an abort after the end");
}

void third(World& world, Workload& work) {
  work.apply(work.apps().front(), "3.0.0");
  rest(world, work, "the third version");
}

void deleted(World& world, Workload& work) {
  work.removeRelease(work.apps().front());
  const bool gone = world.rest(kPatience, [&work] { return work.release(work.apps().front()) == nullptr; });
  world.checker().require(24, gone || world.violated(), "a deleted release stays");
}

void nextBroken(World& world, Workload& work, const std::string& marker) {
  work.plant("web2", marker);
  next(world, work);
}

void whileOpen(World& world, Workload& work, Duration when, const std::string& verb) {
  work.apply(work.apps().front(), "2.0.0");
  world.run(world.time().now() + when);
  work.ask(work.apps().front(), verb);
  rest(world, work, verb);
}

// Until the open run says that it does this.
void untilStep(World& world, Workload& work, std::string_view reason) {
  for (int second = 0; second < 600; ++second) {
    const Release* release = work.release(work.apps().front());
    const auto* open = release == nullptr ? nullptr : world.checker().openRunOf(release->meta.uid);
    if (open != nullptr && !open->run.status.transitions.empty() &&
        open->run.status.transitions.back().reason == reason) {
      return;
    }
    world.run(world.time().now() + std::chrono::seconds(1));
  }
}

// The wall clock goes back, and a person deletes what told of the numbers that servers have seen.
void forgetNumbers(World& world, Workload& work) {
  established(world, work, spec());
  const std::string app = work.apps().front().name;
  const std::string run = work.release(work.apps().front())->status.currentRun;
  world.time().jumpWall(-std::chrono::hours(24 * 200));
  world.user([app, run](apiserver::InProcessApi& api) {
    SLIPWAY_RETURN_IF_ERROR(api.remove(kReleaseRun, {Workload::kNamespace, run}, ""));
    return api.remove(kLease, {Workload::kNamespace, cat("slipway-", app, "-", app)}, "");
  });
}

// What runs through by itself.
std::vector<Scenario> plain() {
  using W = World&;
  using L = Workload&;
  return {
      {"atomic-first", [](W w, L l) { make(w, l, spec()); },
       [](W w, L l) {
         l.apply(l.apps().front(), "1.0.0");
         rest(w, l, "the first version");
       }},
      {"atomic-second", [](W w, L l) { established(w, l, spec()); }, next},
      {"atomic-build-fails", [](W w, L l) { established(w, l, spec()); },
       [](W w, L l) { nextBroken(w, l, "broken-2.0.0"); }},
      {"atomic-gate-fails", [](W w, L l) { established(w, l, spec()); },
       [](W w, L l) { nextBroken(w, l, "gate-2.0.0"); }},
      {"atomic-verify-fails", [](W w, L l) { established(w, l, spec()); },
       [](W w, L l) { nextBroken(w, l, "sick-2.0.0"); }},
      {"atomic-first-fails",
       [](W w, L l) {
         make(w, l, spec());
         l.plant("web2", "sick-1.0.0");
       },
       [](W w, L l) {
         l.apply(l.apps().front(), "1.0.0");
         rest(w, l, "the first version");
       }},
      {"atomic-abort", [](W w, L l) { established(w, l, spec()); },
       [](W w, L l) { whileOpen(w, l, std::chrono::seconds(1), "abort"); }, tooLate},
      {"atomic-sequential",
       [](W w, L l) {
         ReleaseSpec s = spec();
         s.strategy.switchOrder = SwitchOrder::Sequential;
         established(w, l, s);
       },
       next},
      {"atomic-hold",
       [](W w, L l) {
         ReleaseSpec s = spec();
         s.rollback = RollbackPolicy::Freeze;
         established(w, l, s);
       },
       [](W w, L l) {
         nextBroken(w, l, "sick-2.0.0");
         l.ask(l.apps().front(), "abort");
         w.run(w.time().now() + std::chrono::seconds(1));
         rest(w, l, "abort of what was held");
       }},
  };
}

// What moves traffic.
std::vector<Scenario> shifting() {
  using W = World&;
  using L = Workload&;
  return {
      {"blue-green", [](W w, L l) { established(w, l, blueGreenSpec()); },
       [](W w, L l) {
         next(w, l);
         routed(w, l, "2.0.0");
       }},
      {"blue-green-verify-fails", [](W w, L l) { established(w, l, blueGreenSpec()); },
       [](W w, L l) {
         nextBroken(w, l, "sick-2.0.0");
         routed(w, l, "1.0.0");
       }},
      {"canary", [](W w, L l) { established(w, l, canarySpec()); },
       [](W w, L l) {
         next(w, l);
         routed(w, l, "2.0.0");
       }},
      {"canary-analysis", [](W w, L l) { establishedWithAnalysis(w, l); },
       [](W w, L l) {
         next(w, l);
         routed(w, l, "2.0.0");
       }},
      {"canary-analysis-fails", [](W w, L l) { establishedWithAnalysis(w, l); },
       [](W w, L l) {
         nextBroken(w, l, "lossy-2.0.0");
         routed(w, l, "1.0.0");
       }},
      {"canary-analysis-superseded", [](W w, L l) { establishedWithAnalysis(w, l); },
       [](W w, L l) {
         l.apply(l.apps().front(), "2.0.0");
         untilStep(w, l, "Analysing");
         third(w, l);
         routed(w, l, "3.0.0");
       }},
      {"canary-abort", [](W w, L l) { established(w, l, canarySpec()); },
       [](W w, L l) {
         whileOpen(w, l, std::chrono::seconds(30), "abort");
         const Release* release = l.release(l.apps().front());
         routed(w, l, release == nullptr ? "" : release->status.versions.applied);
       },
       tooLate},
      {"canary-by-servers", [](W w, L l) { established(w, l, canaryByServersSpec()); },
       [](W w, L l) {
         next(w, l);
         routed(w, l, "2.0.0");
       }},
      {"canary-by-servers-verify-fails", [](W w, L l) { established(w, l, canaryByServersSpec()); },
       [](W w, L l) {
         nextBroken(w, l, "sick-2.0.0");
         routed(w, l, "1.0.0");
       }},
  };
}

// Blue and green are groups of servers.
std::vector<Scenario> byGroups() {
  using W = World&;
  using L = Workload&;
  return {
      {"blue-green-by-groups", [](W w, L l) { establishedGroups(w, l, OldGroup::Update); },
       [](W w, L l) {
         next(w, l);
         routed(w, l, "2.0.0");
       }},
      {"blue-green-by-groups-verify-fails", [](W w, L l) { establishedGroups(w, l, OldGroup::Update); },
       [](W w, L l) {
         nextBroken(w, l, "sick-2.0.0");
         routed(w, l, "1.0.0");
       }},
      {"blue-green-by-groups-superseded", [](W w, L l) { establishedGroups(w, l, OldGroup::Update); },
       [](W w, L l) {
         l.apply(l.apps().front(), "2.0.0");
         untilStep(w, l, "Baking");
         third(w, l);
         routed(w, l, "3.0.0");
       }},
      {"blue-green-by-groups-kept-rollback",
       [](W w, L l) {
         establishedGroups(w, l, OldGroup::Keep);
         next(w, l);
         routed(w, l, "2.0.0");
       },
       [](W w, L l) {
         l.ask(l.apps().front(), "rollback");
         w.run(w.time().now() + std::chrono::seconds(1));
         rest(w, l, "rollback");
         routed(w, l, "1.0.0");
       }},
  };
}

// What people ask for on the way, and the other strategies.
std::vector<Scenario> asked() {
  using W = World&;
  using L = Workload&;
  return {
      {"rollback",
       [](W w, L l) {
         established(w, l, spec());
         next(w, l);
       },
       [](W w, L l) {
         l.ask(l.apps().front(), "rollback");
         w.run(w.time().now() + std::chrono::seconds(1));
         rest(w, l, "rollback");
       }},
      {"retry",
       [](W w, L l) {
         established(w, l, spec());
         nextBroken(w, l, "broken-2.0.0");
         l.plant("web2", "broken-2.0.0", false);
       },
       [](W w, L l) {
         l.ask(l.apps().front(), "retry");
         w.run(w.time().now() + std::chrono::seconds(1));
         rest(w, l, "retry");
       }},
      {"supersede", [](W w, L l) { established(w, l, spec()); },
       [](W w, L l) {
         l.apply(l.apps().front(), "2.0.0");
         w.run(w.time().now() + std::chrono::seconds(1));
         third(w, l);
       },
       third},
      {"lease-made-again", forgetNumbers,
       [](W w, L l) {
         next(w, l);
         w.checker().require(31, w.violated() || l.isLive(l.apps().front()), "servers refuse the holder of the lease");
       }},
      {"rollback-abort",
       [](W w, L l) {
         ReleaseSpec s = recreateSpec();
         s.process->stop = "sleep 30; rm /run/8000";
         established(w, l, s);
         next(w, l);
       },
       [](W w, L l) {
         l.ask(l.apps().front(), "rollback");
         untilStep(w, l, "Stopping");
         l.ask(l.apps().front(), "abort");
         w.run(w.time().now() + std::chrono::seconds(1));
         rest(w, l, "abort of a rollback");
       }},
      {"recreate", [](W w, L l) { established(w, l, recreateSpec()); }, next},
      {"recreate-verify-fails", [](W w, L l) { established(w, l, recreateSpec()); },
       [](W w, L l) { nextBroken(w, l, "sick-2.0.0"); }},
      {"rolling", [](W w, L l) { established(w, l, rollingSpec()); }, next},
      {"rolling-verify-fails", [](W w, L l) { established(w, l, rollingSpec()); },
       [](W w, L l) { nextBroken(w, l, "sick-2.0.0"); }},
      {"cluster", [](W w, L l) { established(w, l, clusterSpec()); }, next},
      {"cluster-verify-fails", [](W w, L l) { established(w, l, clusterSpec()); },
       [](W w, L l) { nextBroken(w, l, "sick-2.0.0"); }},
      {"hooks", [](W w, L l) { established(w, l, hookSpec(StrategyType::Atomic)); }, next},
      {"hooks-rolling-verify-fails", [](W w, L l) { established(w, l, hookSpec(StrategyType::Rolling)); },
       [](W w, L l) { nextBroken(w, l, "sick-2.0.0"); }},
      {"delete-open", [](W w, L l) { established(w, l, spec()); },
       [](W w, L l) {
         l.apply(l.apps().front(), "2.0.0");
         w.run(w.time().now() + std::chrono::seconds(1));
         deleted(w, l);
       },
       deleted},
  };
}

}  // namespace

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> kAll = [] {
    std::vector<Scenario> all = plain();
    for (auto* more : {asked, shifting, byGroups}) {
      for (Scenario& one : more()) {
        all.push_back(std::move(one));
      }
    }
    return all;
  }();
  return kAll;
}

const Scenario* scenarioNamed(std::string_view name) {
  for (const Scenario& one : scenarios()) {
    if (one.name == name) {
      return &one;
    }
  }
  return nullptr;
}

Outcome playScenario(Shelf& shelf, const Scenario& scenario, const std::vector<FaultFiring>& faults, const Show& show,
                     const AskInWorld& ask) {
  WorldOptions options;
  options.seed = kSeed;
  options.show = show;
  World world(shelf, std::move(options));
  Workload work(world);
  scenario.prepare(world, work);
  world.faults() = Faults::scripted(kSeed, faults);
  if (ask) {
    world.faults().setAsk([&](const FaultFiring& firing) { return ask(firing, world); });
  }
  scenario.act(world, work);
  if (!world.violated() && world.api() != nullptr) {
    world.checkStill();
  }
  Outcome out = outcomeOf(world, kSeed);
  out.finalState = work.finalState();
  return out;
}

}  // namespace slipway::sim
