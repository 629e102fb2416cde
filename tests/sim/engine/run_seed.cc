#include "tests/sim/engine/run_seed.h"

#include <algorithm>
#include <cmath>

#include "reconciler/base/strings.h"
#include "tests/sim/engine/shifting.h"
#include "tests/sim/engine/workload.h"
#include "tests/sim/world/world.h"

namespace slipway::sim {
namespace {

constexpr Duration kPatience = std::chrono::hours(6);
constexpr Duration kSteady = std::chrono::hours(1);
constexpr int kMostServers = 5;
constexpr double kMostTurns = 240;

class RandomSeed {
 public:
  RandomSeed(Shelf& shelf, std::uint64_t seed, const Faults& faults, const Show& show)
      : wide_(seed < kSmallWorlds),
        all_(seed >= kFirstSeed),
        traffic_(seed >= kTraffic),
        probes_(all_ && Dice(Dice::mix(seed ^ 0x9b0b)).chance(0.75) ? kSeldom : kOften),
        dice_(Dice::mix(seed ^ 0xac7)),
        more_(Dice::mix(seed ^ 0xbad)),
        shifts_(Dice::mix(seed ^ 0x5417)),
        members_(Dice::mix(seed ^ 0x3e3b)),
        world_(shelf, options(seed, faults, show)),
        work_(world_) {}

  Outcome run(std::uint64_t seed) {
    begin();
    chaos();
    calm();
    return outcomeOf(world_, seed);
  }

 private:
  static WorldOptions options(std::uint64_t seed, const Faults& faults, const Show& show) {
    WorldOptions out;
    out.seed = seed;
    out.faults = faults;
    out.show = show;
    out.secondLeader = out.faults.strikes(7);
    return out;
  }

  // Most worlds are small and live long, for most of what goes wrong needs little: two thirds have one or two servers.
  int logUniform(double most) { return static_cast<int>(std::exp(Dice::unit(dice_.next()) * std::log(most + 0.999))); }

  void begin() {
    servers_ = wide_ ? kMostServers : logUniform(kMostServers);
    work_.makeServers(servers_, probes_);
    const int apps = wide_ ? 1 + static_cast<int>(dice_.below(3)) : logUniform(3);
    for (int i = 0; i < apps; ++i) {
      std::vector<std::string> servers;
      const std::uint64_t most = wide_ ? 4 : static_cast<std::uint64_t>(servers_);
      const int count = 1 + static_cast<int>(dice_.below(most));
      for (int k = 0; k < count; ++k) {
        servers.push_back(cat("web", 1 + (i + k) % servers_));
      }
      const std::string name = cat("app", i);
      ReleaseSpec spec = randomSpec(dice_, name, 8000 + i);
      if (spec.strategy.type == StrategyType::Atomic && more_.chance(0.25)) {
        roll(spec);
      }
      if (traffic_ && shifts_.chance(0.5)) {
        shift(shifts_, spec, servers, 8000 + i);
      }
      if (all_) {
        divide(spec, servers, 8000 + i);
      }
      work_.addApp(std::move(servers), std::move(spec));
    }
    if (traffic_) {
      makeErrorsTemplate(work_);
    }
    for (App& app : work_.apps()) {
      work_.apply(app, "1.0.0");
    }
  }

  // Servers that are not all alike: members of a cluster, or groups that take turns.
  void divide(ReleaseSpec& spec, const std::vector<std::string>& servers, int port) {
    const bool rolls = spec.strategy.type == StrategyType::Rolling && !spec.slots.has_value();
    if (rolls && servers.size() > 2 && static_cast<int>(servers.size()) == servers_ && members_.chance(0.7)) {
      spec.cluster.emplace().roleProbe.http.emplace().port = port;
    }
    if (spec.strategy.type == StrategyType::BlueGreen && servers.size() > 1 && members_.chance(0.5)) {
      const std::string label = cat("side-", spec.destinations.front().name);
      useGroups(members_, spec, label, port);
      for (std::size_t i = 0; i < servers.size(); ++i) {
        work_.label(servers[i], label, i == 0 || (i > 1 && members_.chance(0.5)) ? "north" : "south");
      }
    }
  }

  void roll(ReleaseSpec& spec) {
    spec.strategy.type = StrategyType::Rolling;
    RollingSettings& rolling = spec.strategy.rolling.emplace();
    rolling.batchSize = {1 + static_cast<int>(more_.below(2)), false};
    rolling.pauseBetween = std::chrono::seconds(more_.below(40));
    if (more_.chance(0.3)) {
      rolling.maxUnavailable = Amount{1, false};
    }
  }

  void chaos() {
    const int turns = wide_ ? 10 + static_cast<int>(dice_.below(30)) : 20 + logUniform(kMostTurns);
    const bool patient = !wide_ && dice_.chance(0.5);
    for (int i = 0; i < turns && !world_.violated(); ++i) {
      world_.run(world_.time().now() + dice_.between(std::chrono::milliseconds(200), std::chrono::seconds(90)));
      App& app = work_.apps()[dice_.below(work_.apps().size())];
      if (patient && dice_.chance(0.7)) {
        world_.settle(std::chrono::minutes(3), [&] { return !work_.runOpen(app); });
      }
      if (dice_.chance(0.6)) {
        person(app);
      }
      others(app);
      machines();
      if (more_.chance(0.3)) {
        mistakes(app);
      }
    }
  }

  const std::string& anyServer(const App& app) { return app.servers[dice_.below(app.servers.size())]; }

  // What users do.
  void person(App& app) {
    if (app.spec.traffic.has_value() && shifts_.chance(0.3)) {
      work_.ask(app, shifts_.chance(0.7) ? "promote" : "promote-full");
      return;
    }
    const std::uint64_t what = dice_.below(100);
    if (what < 45) {
      newVersion(app);
    } else if (what < 52) {
      work_.ask(app, "abort");
    } else if (what < 58) {
      work_.ask(app, "pause");
    } else if (what < 68) {
      work_.ask(app, "resume");
    } else if (what < 76) {
      work_.ask(app, "rollback");
    } else if (what < 78) {
      work_.ask(app, "rollback", cat("1.0.", dice_.below(static_cast<std::uint64_t>(app.applied))));
    } else if (what < 88) {
      work_.ask(app, "retry");
    } else if (what < 91) {
      work_.lockDestination(app, true);
    } else if (what < 95) {
      work_.lockDestination(app, false);
    } else {
      app.spec.suspend = !app.spec.suspend;
      work_.applySpec(app);
    }
  }

  void newVersion(App& app) {
    const std::uint64_t kind = dice_.below(100);
    const std::string version = cat("1.0.", app.applied, kind < 12 ? "-sick" : kind < 15 ? "-empty" : "");
    if (kind >= 85) {
      work_.plant(anyServer(app), cat(kind < 92 ? "broken-" : kind < 96 ? "gate-" : "sick-", version));
    } else if (app.spec.traffic.has_value() && shifts_.chance(0.1)) {
      work_.plant(anyServer(app), cat("lossy-", version));
    }
    work_.apply(app, version);
  }

  // Requests that are refused, and those that only ask what would happen.
  void mistakes(const App& app) {
    const Release* release = work_.release(app);
    if (release == nullptr) {
      return;
    }
    const ObjectKey key{Workload::kNamespace, app.name};
    const std::uint64_t how = more_.below(4);
    const auto act = [&](apiserver::ObjectWriter& writer, apiserver::Registry& registry) {
      const apiserver::Target target{registry.resource(kRelease.group, kRelease.version, kRelease.plural), key};
      apiserver::WriteOptions options;
      options.manager = "ann";
      options.dryRun = how == 3;
      apiserver::Patch patch;
      if (how == 0) {
        patch.body["spec"]["destinations"] = "nowhere";
      } else if (how == 1) {
        patch.body["spec"]["version"] = "../../etc";
      } else if (how == 2) {
        patch.body["metadata"]["resourceVersion"] = "1";
        patch.body["spec"]["version"] = "7.7.7";
      } else {
        patch.body["spec"]["version"] = "7.7.7";
      }
      const auto written = writer.patch(target, patch, options);
      return written ? Status() : written.error().toStatus();
    };
    world_.tries(act, how == 3);
  }

  // Other actors on the same API (F23, F24, F31, F32).
  void others(App& app) {
    Faults& faults = world_.faults();
    if (faults.strikes(23)) {
      meddle(app, faults.detail());
    }
    if (faults.strikes(24)) {
      if (faults.detail() % 2 == 0) {
        work_.removeRelease(app);
        world_.run(world_.time().now() + Duration(static_cast<Duration::rep>(faults.detail() % 3'000'000'000)));
        work_.applySpec(app);
      } else {
        const std::string server = anyServer(app);
        work_.removeServer(server);
        world_.run(world_.time().now() + Duration(static_cast<Duration::rep>(faults.detail() % 3'000'000'000)));
        work_.restoreServer(server);
      }
    }
    if (faults.strikes(31)) {
      world_.user([name = app.name](apiserver::InProcessApi& api) {
        return api.replaceStatus(kRelease, {Workload::kNamespace, name}, "", Json::object()).status();
      });
    }
    if (faults.strikes(32)) {
      Json patch = Json::object();
      patch["metadata"]["labels"]["role"] = faults.detail() % 2 == 0 ? "web" : "db";
      world_.user([patch, server = anyServer(app)](apiserver::InProcessApi& api) {
        return api.mergePatch(kServer, {Workload::kNamespace, server}, patch).status();
      });
    }
  }

  // As "ln -sfn": on a disk that is full the old link stays.
  static void byHand(Files& files, const std::string& target, const std::string& link) {
    if (files.makeLink(target, link + ".new")) {
      files.rename(link + ".new", link);
    }
  }

  void meddle(const App& app, std::uint64_t how) {
    const std::string ns = Workload::kNamespace;
    const Release* release = work_.release(app);
    if (how % 4 == 0 && release != nullptr && !release->status.currentRun.empty()) {
      world_.user([key = ObjectKey{ns, release->status.currentRun}](apiserver::InProcessApi& api) {
        return api.remove(kReleaseRun, key, "");
      });
    } else if (how % 4 == 1) {
      world_.user([key = ObjectKey{ns, cat("slipway-", app.name, "-", app.name)}](apiserver::InProcessApi& api) {
        return api.remove(kLease, key, "");
      });
    } else if (how % 4 == 2) {
      const std::string server = anyServer(app);
      Files& files = world_.host(server)->files();
      const std::string link = cat(app.spec.layout.root, "/current-", app.spec.layout.environment);
      const auto releases = files.list(cat(app.spec.layout.root, "/releases/", app.spec.layout.environment));
      if (files.isLink(link) && !releases.empty()) {
        world_.checker().tampered(server, app.spec.layout.root);
        byHand(files, cat("releases/", app.spec.layout.environment, "/", releases[how / 4 % releases.size()]), link);
      }
    } else {
      Json patch = Json::object();
      patch["metadata"]["annotations"]["example.com/touched"] = std::to_string(how % 1000);
      world_.user([patch, key = ObjectKey{ns, release == nullptr ? "none" : release->status.currentRun}](
                      apiserver::InProcessApi& api) { return api.mergePatch(kReleaseRun, key, patch).status(); });
    }
  }

  // Servers, networks and clocks (F40, F60, F62).
  void machines() {
    Faults& faults = world_.faults();
    const std::string server = cat("web", 1 + dice_.below(static_cast<std::uint64_t>(servers_)));
    SimHost& host = *world_.host(server);
    if (faults.strikes(40)) {
      const std::uint64_t how = faults.detail();
      if (how % 4 == 0) {
        host.restart();
      } else if (how % 4 == 1) {
        host.files().setFull(true);
        world_.time().after(std::chrono::seconds(60), [&host] { host.files().setFull(false); });
      } else if (how % 4 == 2) {
        host.files().setWritable(false);
        world_.time().after(std::chrono::seconds(60), [&host] { host.files().setWritable(true); });
      } else {
        host.files().write("/etc/hang", "");
        world_.time().after(std::chrono::seconds(90), [&host] { host.files().remove("/etc/hang"); });
      }
    }
    if (faults.strikes(60)) {
      const auto year = static_cast<std::int64_t>(faults.detail() % 731) - 365;
      world_.time().jumpWall(std::chrono::hours(24 * year));
    }
    if (faults.strikes(62)) {
      world_.partition(server, world_.time().now() + std::chrono::seconds(5 + faults.detail() % 300));
    }
  }

  // Everything works again, people repair what is theirs to repair, and ask for a good new version.
  void calm() {
    if (world_.violated()) {
      return;
    }
    world_.faults().stop();
    world_.heal();
    world_.run(world_.time().now() + std::chrono::minutes(5));
    world_.heal();
    for (int i = 1; i <= servers_; ++i) {
      const std::string server = cat("web", i);
      work_.plant(server, "hang", false);
      work_.plant(server, "deaf", false);
    }
    restoreServers(kOften);  // that one answers again is to be seen soon
    for (App& app : work_.apps()) {
      work_.lockDestination(app, false);
      app.spec.suspend = false;
      work_.apply(app, "9.0.0");
    }
    const auto live = [this] {
      return std::all_of(work_.apps().begin(), work_.apps().end(),
                         [this](const App& app) { return work_.isLive(app); });
    };
    for (int tries = 0; tries < 8 && !world_.violated(); ++tries) {
      if (world_.rest(kPatience / 8, live)) {
        break;
      }
      for (App& app : work_.apps()) {
        help(app, tries);
      }
    }
    restoreServers(probes_);
    world_.run(world_.time().now() + std::chrono::minutes(1));
    laws();
  }

  void restoreServers(Duration probes) {
    work_.probeEvery(probes);
    for (int i = 1; i <= servers_; ++i) {
      work_.restoreServer(cat("web", i));
    }
  }

  // What a person does about a release that does not get to its end.
  void help(App& app, int tries) {
    if (work_.release(app) == nullptr) {
      work_.applySpec(app);  // the one it was asked of was being deleted then
    } else if (work_.phaseOf(app) == "Paused") {
      putLinksBack(app);
      work_.ask(app, app.spec.traffic.has_value() && tries % 2 == 0 ? "promote-full" : "resume");
    }
  }

  // Links that a person moved away from what the open run knows: it does not touch them, and says so.
  void putLinksBack(const App& app) {
    const Checker::RunView* open = world_.checker().openRunOf(work_.release(app)->meta.uid);
    if (open == nullptr) {
      return;
    }
    const Layout& layout = open->run.spec.spec.layout;
    for (const RunTarget& target : open->run.status.targets) {
      SimHost* host = world_.host(target.name);
      const std::string link = cat(layout.root, "/current-", layout.environment);
      const std::string is = host == nullptr ? std::string() : host->files().readLink(link);
      const std::string wanted = cat("releases/", layout.environment, "/", target.before);
      if (!is.empty() && !target.before.empty() && is != wanted && !is.ends_with("/" + open->run.spec.version) &&
          host->files().isDirectory(cat(layout.root, "/", wanted))) {
        world_.checker().tampered(target.name, layout.root);
        byHand(host->files(), wanted, link);
      }
    }
  }

  void laws() {
    Checker& checker = world_.checker();
    if (world_.violated()) {
      return;
    }
    for (const App& app : work_.apps()) {
      const Release* release = work_.release(app);
      const std::string now =
          release == nullptr ? "no release" : cat(release->status.phase, ": ", release->status.message);
      checker.require(32, !work_.runOpen(app), cat(app.name, " has an open run at the end: ", now));
      checker.require(31, work_.isLive(app), cat(app.name, " did not get to ", app.spec.version, ": ", now));
      checker.require(34, work_.isLive(app), cat("an older version blocks ", app.name));
      checker.require(35, work_.isLive(app), cat(app.name, " is held up"));
      if (app.spec.traffic.has_value() && !world_.violated()) {
        routed(world_, app, app.spec.version);
      }
      for (const auto& [name, token] :
           release == nullptr ? decltype(release->meta.annotations)() : release->meta.annotations) {
        if (!name.starts_with("slipway.dev/")) {
          continue;
        }
        const auto handled = release->status.handledRequests.find(name.substr(12));
        checker.require(33, handled != release->status.handledRequests.end() && handled->second.token == token,
                        cat(name, "=", token, " of ", app.name, " was never answered"));
      }
    }
    if (world_.violated()) {
      return;
    }
    world_.checkMetrics();
    const std::uint64_t writes = world_.changes();
    const std::uint64_t commands = world_.sentCommands();
    world_.run(world_.time().now() + kSteady);
    checker.require(30, world_.changes() == writes,
                    cat("nothing changed and ", world_.changes() - writes, " records were written"));
    checker.require(30, world_.sentCommands() == commands, "nothing changed and commands were sent");
    if (world_.api() != nullptr) {
      world_.checkStill();
    }
    roots();
    const std::uint64_t last = more_.below(4);
    if (!world_.violated() && last == 0) {
      erased(work_.apps().front());
    } else if (!world_.violated() && last == 1) {
      backFromSick(work_.apps().front());
    }
  }

  // What the status says but for times, verbs and history, which nothing else knows.
  static std::string claims(const Release& release) {
    const ReleaseStatus& status = release.status;
    const Condition* ready = findCondition(status.conditions, "Ready");
    return cat(status.phase, " ", status.currentRun, " ", status.runCounter, " ", status.identity, " applied ",
               status.versions.applied, " stable ", status.versions.stable, " desired ", status.versions.desired,
               " ready ", ready == nullptr ? "?" : ready->status, " seen ", status.observedGeneration);
  }

  // A person erases the status of a release that is at rest: it says the same again, and nothing is deployed (I29).
  void erased(const App& app) {
    const std::string before = claims(*work_.release(app));
    const std::uint64_t commands = world_.sentCommands();
    world_.user([name = app.name](apiserver::InProcessApi& api) {
      return api.replaceStatus(kRelease, {Workload::kNamespace, name}, "", Json::object()).status();
    });
    world_.run(world_.time().now() + std::chrono::minutes(10));
    const Release* release = work_.release(app);
    world_.checker().require(29, release != nullptr && claims(*release) == before,
                             cat("the erased status of ", app.name, " says ",
                                 release == nullptr ? "" : claims(*release), ", before it said ", before));
    world_.checker().require(29, world_.sentCommands() == commands, "commands were sent after a status was erased");
  }

  // What is live falls ill everywhere, and a person asks for the version before (I17).
  void backFromSick(const App& app) {
    const Release* release = work_.release(app);
    for (int i = 1; i <= servers_; ++i) {
      Files& files = world_.host(cat("web", i))->files();
      for (const std::string& planted : files.list("/etc")) {
        files.remove("/etc/" + planted);
      }
      work_.plant(cat("web", i), cat("sick-", app.spec.version));
    }
    work_.ask(app, "rollback");
    const auto answered = [&] {
      release = work_.release(app);
      const auto handled = release->status.handledRequests.find("rollback");
      return !work_.runOpen(app) && handled != release->status.handledRequests.end() &&
             handled->second.token == release->meta.annotations.at("slipway.dev/rollback");
    };
    const bool ended = world_.settle(std::chrono::hours(1), answered);
    if (world_.violated()) {
      return;
    }
    const std::string result = ended ? release->status.handledRequests.at("rollback").result : "";
    // There is none, or a person deleted its record.
    const bool nothing =
        result.starts_with("Refused: there is no") || result.find("cannot be read") != std::string::npos;
    world_.checker().require(
        17, ended && (nothing || release->status.versions.applied != app.spec.version),
        cat("a rollback from a sick version: ", result, ", ", release->status.phase, ": ", release->status.message));
  }

  void roots() {
    for (const auto& [name, host] : world_.hosts()) {
      for (const std::string& top : host->files().list("/")) {
        world_.checker().require(
            50, top == "etc" || top == "root" || top == "run" || top == "srv" || top == "tmp" || top == "var",
            cat("/", top, " was made on ", name));
      }
      for (const std::string& root : host->files().list("/srv")) {
        world_.checker().require(50, root.starts_with("app"), cat("/srv/", root, " was made on ", name));
      }
    }
  }

  const bool wide_;
  const bool all_;
  const bool traffic_;  // else strategies that move none
  // What a look at a server can meet is seen where they come often; elsewhere they would be most of what is written.
  const Duration probes_;
  Dice dice_;
  Dice more_;     // what was added later: older choices stay as they were
  Dice shifts_;   // what moves traffic
  Dice members_;  // servers that are not all alike
  World world_;
  Workload work_;
  int servers_ = 1;
};

}  // namespace

Outcome outcomeOf(World& world, std::uint64_t seed) {
  Outcome out;
  out.seed = seed;
  out.traceHash = world.traceHash();
  out.rollouts = world.checker().rollouts();
  out.ends = world.checker().ends();
  out.crashes = world.crashes();
  out.commands = world.sentCommands();
  out.violations = world.checker().violations();
  out.fired = world.faults().fired();
  out.sometimes = world.checker().sometimes();
  for (int i = 1; i <= kFaults; ++i) {
    out.opportunities[static_cast<std::size_t>(i)] = world.faults().opportunities(i);
  }
  for (int i = 1; i <= kInvariants; ++i) {
    out.checks[static_cast<std::size_t>(i)] = world.checker().checks(i);
  }
  return out;
}

Outcome runSeed(Shelf& shelf, std::uint64_t seed, const Faults& faults, const Show& show) {
  return RandomSeed(shelf, seed, faults, show).run(seed);
}

}  // namespace slipway::sim
