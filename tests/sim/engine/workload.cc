#include "tests/sim/engine/workload.h"

#include <algorithm>

#include "reconciler/api/destination.h"
#include "reconciler/api/server.h"
#include "reconciler/base/strings.h"

namespace slipway::sim {
namespace {

Json named(const Kind& kind, const std::string& name) {
  ObjectMeta meta;
  meta.name = name;
  meta.ns = Workload::kNamespace;
  return newObject(kind, meta);
}

BuildStep step(std::string name, std::string run) {
  BuildStep out;
  out.name = std::move(name);
  out.run = std::move(run);
  return out;
}

Hook hook(const std::string& name, HookPoint at, const std::string& run) {
  Hook out;
  out.name = name;
  out.at = at;
  out.run = run;
  out.timeout = std::chrono::seconds(30);
  return out;
}

}  // namespace

std::vector<Hook> someHooks(const std::string& name) {
  std::vector<Hook> out{
      hook("backup", HookPoint::Backup, cat("echo $RUN >> /var/log/backups-", name, "; sleep 1")),
      hook("warm", HookPoint::BeforeBuild, "sleep 1"),
      hook("announce", HookPoint::BeforeSwitch, ""),
      hook("schema", HookPoint::BeforeSwitch, cat("echo $VERSION >> /var/log/schema-", name, "; sleep 1")),
      hook("count", HookPoint::AfterSwitch, ""),
      hook("undone", HookPoint::AfterRollback, "sleep 1"),
      hook("tell", HookPoint::OnFailure, "sleep 1"),
  };
  out[1].scope = HookScope::EachServer;
  out[1].idempotent = true;
  out[1].onError = HookErrors::Ignore;
  out[2].http = HookRequest{.url = "http://{{server}}:7000/{{run}}/announce/once"};
  out[4].http = HookRequest{.url = "http://{{server}}:7000/{{run}}/count/often"};
  out[4].idempotent = true;
  return out;
}

ReleaseSpec plainSpec(const std::string& name) {
  ReleaseSpec spec;
  spec.source.git = GitSource{};
  spec.source.git->repository = cat("https://git.example.com/", name, ".git");
  spec.destinations = {{name, {}, {}}};
  spec.layout.root = cat("/srv/", name);
  spec.layout.environment = "live";
  spec.layout.keepReleases = 3;
  spec.health.attempts = 3;
  spec.health.interval = std::chrono::seconds(2);
  spec.prepareTimeout = std::chrono::minutes(5);
  return spec;
}

// More than one good answer, answers that age, and the process itself.
void askMore(ReleaseSpec& spec, Dice& dice) {
  Health& health = spec.health;
  health.attempts = 6;
  health.successThreshold = 1 + static_cast<int>(dice.below(3));
  health.initialDelay = std::chrono::seconds(dice.below(6));
  if (dice.chance(0.5)) {
    health.freshness = std::chrono::seconds(6 + dice.below(10));
  }
  if (spec.process.has_value() && dice.chance(0.5)) {
    health.process = ProcessCheck{std::chrono::seconds(1 + dice.below(4)), ""};
  }
}

ReleaseSpec randomSpec(Dice& dice, const std::string& name, int port) {
  ReleaseSpec spec = plainSpec(name);
  spec.layout.keepReleases = 1 + static_cast<int>(dice.below(4));
  if (dice.chance(0.5)) {
    spec.layout.sharedDirectories = {"var/log"};
  }
  if (dice.chance(0.3)) {
    spec.layout.requiredFiles = {"bin/app"};
  }
  if (dice.chance(0.7)) {
    spec.build.push_back(step("assets", "sleep 2; [ ! -e /etc/broken-$RELEASE_ID ] && echo $RELEASE_ID > built"));
  }
  if (dice.chance(0.4)) {
    spec.build.push_back(step("migrate", cat("echo $RELEASE_ID >> /var/log/migrations-", name, "; sleep 1")));
    spec.build.back().idempotent = false;
  }
  spec.strategy.type = dice.chance(0.25) ? StrategyType::Recreate : StrategyType::Atomic;
  spec.strategy.onPartialSwitch = dice.chance(0.2) ? OnPartialSwitch::Hold : OnPartialSwitch::Revert;
  spec.strategy.switchOrder = dice.chance(0.3) ? SwitchOrder::Sequential : SwitchOrder::Parallel;
  if (spec.strategy.type == StrategyType::Recreate || dice.chance(0.4)) {
    const std::string run = cat("sleep 1; [ ! -e /etc/hang ] || sleep 1000; cat version > /run/", port);
    spec.process = Process{};
    spec.process->timeout = std::chrono::seconds(20);
    if (spec.strategy.type == StrategyType::Recreate) {
      spec.process->start = run;
      spec.process->stop = cat("[ ! -e /etc/deaf ] || sleep 1000; rm /run/", port);
    } else {
      spec.process->reload = run;
    }
  }
  if (dice.chance(0.7)) {
    spec.health.http = HttpCheck{};
    spec.health.http->port = port;
  }
  if (dice.chance(0.2)) {
    spec.health.exec = ExecCheck{"test -f version", std::chrono::seconds(10)};
  }
  if (dice.chance(0.3)) {
    spec.health.beforeSwitch = ExecCheck{"[ ! -e /etc/gate-$RELEASE_ID ]", std::chrono::seconds(10)};
  }
  spec.rollback = dice.chance(0.8)   ? RollbackPolicy::Automatic
                  : dice.chance(0.5) ? RollbackPolicy::Freeze
                                     : RollbackPolicy::None;
  spec.maxParallel = 1 + static_cast<int>(dice.below(5));
  // Copies: what seeds without these do stays what it was.
  if (Dice rare(Dice(dice).next() + 2); spec.health.any() && rare.chance(0.15)) {
    askMore(spec, rare);
  }
  if (Dice rare(Dice(dice).next() + 1); rare.chance(0.12)) {
    spec.hooks = someHooks(name);
    std::erase_if(spec.hooks, [&](const Hook&) { return rare.chance(0.3); });
  }
  return spec;
}

void Workload::ensure(const Kind& kind, const Json& object) {
  world_.user([kind, object](apiserver::InProcessApi& api) {
    const Result<ObjectPtr> made = api.create(kind, object);
    if (made.code() == Code::AlreadyExists) {
      const ObjectKey key{Workload::kNamespace, object.find("metadata")->getString("name")};
      const Result<ObjectPtr> known = api.get(kind, key);
      SLIPWAY_RETURN_IF_ERROR(known.status());
      Json next = **known;
      next["spec"] = *object.find("spec");
      return api.update(kind, next).status();
    }
    return made.status();
  });
}

void Workload::makeServers(int count, Duration probes) {
  probes_ = probes;
  Json secret = named(kSecret, "key");
  secret["type"] = "Opaque";
  secret["data"]["ssh-privatekey"] = base64Encode(cat("-----BEGIN KEY-----", Checker::kSecret));
  world_.user([secret](apiserver::InProcessApi& api) { return api.create(kSecret, secret).status(); });
  for (int i = 1; i <= count; ++i) {
    world_.addHost(cat("web", i));
    restoreServer(cat("web", i));
  }
}

void Workload::restoreServer(const std::string& server) {
  ServerSpec spec;
  spec.address = server;
  spec.user = "deploy";
  spec.keySecret = "key";
  spec.hostKeys = {std::string(kHostKey)};
  spec.probeInterval = probes_;
  Json object = named(kServer, server);
  object["metadata"]["labels"]["role"] = "web";
  for (const auto& [key, value] : labels_[server]) {
    object["metadata"]["labels"][key] = value;
  }
  object["spec"] = toJson(spec);
  ensure(kServer, object);
}

void Workload::label(const std::string& server, const std::string& key, const std::string& value) {
  labels_[server][key] = value;
  Json patch = Json::object();
  patch["metadata"]["labels"][key] = value;
  world_.user([patch, server](apiserver::InProcessApi& api) {
    return api.mergePatch(kServer, {kNamespace, server}, patch).status();
  });
}

void Workload::removeServer(const std::string& server) {
  world_.user([server](apiserver::InProcessApi& api) { return api.remove(kServer, {kNamespace, server}, ""); });
}

App& Workload::addApp(std::vector<std::string> servers, ReleaseSpec spec) {
  App app;
  app.name = spec.destinations.front().name;
  app.port = 8000 + static_cast<int>(apps_.size());
  app.servers = std::move(servers);
  app.spec = std::move(spec);
  World::App known;
  known.root = app.spec.layout.root;
  known.environment = app.spec.layout.environment;
  known.managed = app.spec.process.has_value();
  world_.addApp(app.port, known);
  if (app.spec.slots.has_value()) {
    world_.addApp(app.spec.slots->bluePort, known);
    world_.addApp(app.spec.slots->greenPort, known);
  }
  apps_.push_back(std::move(app));
  lockDestination(apps_.back(), false);
  return apps_.back();
}

void Workload::lockDestination(const App& app, bool locked) {
  DestinationSpec spec;
  spec.servers = app.servers;
  if (locked) {
    spec.lock = DestinationLock{"maintenance", "ann", ""};
  }
  Json object = named(kDestination, app.name);
  object["spec"] = toJson(spec);
  if (!locked) {
    object["spec"]["lock"] = nullptr;
  }
  const Json patch = Json::object({{"spec", object["spec"]}});
  world_.user([object, patch, name = app.name](apiserver::InProcessApi& api) {
    const Result<ObjectPtr> patched = api.mergePatch(kDestination, {kNamespace, name}, patch);
    if (patched.code() != Code::NotFound) {
      return patched.status();
    }
    Json fresh = object;
    fresh["spec"].asObject().erase("lock");
    return api.create(kDestination, fresh).status();
  });
}

void Workload::apply(App& app, const std::string& version) {
  ++app.applied;
  app.spec.version = version;
  app.spec.source.git->ref.tag = version;
  applySpec(app);
}

void Workload::applySpec(App& app) {
  Json object = named(kRelease, app.name);
  object["spec"] = toJson(app.spec);
  ensure(kRelease, object);
}

void Workload::ask(const App& app, const std::string& verb, const std::string& version) {
  Json patch = Json::object();
  patch["metadata"]["annotations"][cat(kGroup, "/", verb)] = cat(version, "#", ++tokens_);
  world_.user([patch, name = app.name](apiserver::InProcessApi& api) {
    return api.mergePatch(kRelease, {kNamespace, name}, patch).status();
  });
}

void Workload::removeRelease(const App& app) {
  world_.user([name = app.name](apiserver::InProcessApi& api) { return api.remove(kRelease, {kNamespace, name}, ""); });
}

void Workload::plant(const std::string& server, const std::string& marker, bool there) {
  if (SimHost* host = world_.host(server)) {
    if (there) {
      host->files().write("/etc/" + marker, "");
    } else {
      host->files().remove("/etc/" + marker);
    }
  }
}

const Release* Workload::release(const App& app) const {
  for (const auto& [uid, release] : world_.checker().releases()) {
    if (release.meta.name == app.name) {
      return &release;
    }
  }
  return nullptr;
}

std::string Workload::phaseOf(const App& app) const {
  const Release* found = release(app);
  return found == nullptr ? std::string() : found->status.phase;
}

bool Workload::runOpen(const App& app) const {
  const Release* found = release(app);
  return found != nullptr && world_.checker().openRunOf(found->meta.uid) != nullptr;
}

bool Workload::isLive(const App& app) const {
  const Release* found = release(app);
  if (found == nullptr || runOpen(app)) {
    return false;
  }
  const Condition* ready = findCondition(found->status.conditions, "Ready");
  if (ready == nullptr || ready->status != "True" || found->status.versions.applied != app.spec.version) {
    return false;
  }
  const auto runsIt = [&](const std::string& server) {
    const SimHost* host = world_.host(server);
    return const_cast<SimHost*>(host)->files().readLink(
               cat(app.spec.layout.root, "/current-", app.spec.layout.environment)) ==
           cat("releases/", app.spec.layout.environment, "/", app.spec.version);
  };
  const std::optional<BlueGreenSettings>& blueGreen = app.spec.strategy.blueGreen;
  if (!app.spec.strategy.hasGroups() || blueGreen->oldGroup == OldGroup::Update) {
    return std::all_of(app.servers.begin(), app.servers.end(), runsIt);
  }
  return std::any_of(blueGreen->groups.begin(), blueGreen->groups.end(), [&](const ServerGroup& group) {
    const auto& [label, side] = *group.matchLabels.begin();
    return std::all_of(app.servers.begin(), app.servers.end(), [&, label = label, side = side](const std::string& one) {
      return labels_.at(one).at(label) != side || runsIt(one);
    });
  });
}

std::string Workload::finalState() const {
  std::string out;
  for (const App& app : apps_) {
    const Release* found = release(app);
    out += cat(app.name, ": ");
    if (found != nullptr) {
      const Condition* ready = findCondition(found->status.conditions, "Ready");
      out += cat(found->status.phase, " ready ", ready == nullptr ? "?" : ready->status, " applied ",
                 found->status.versions.applied, " stable ", found->status.versions.stable, " desired ",
                 found->status.versions.desired, "\n");
    }
    for (const std::string& server : app.servers) {
      Files& files = world_.host(server)->files();
      const std::string root = app.spec.layout.root;
      const auto link = [&](const char* name) {
        return files.readLink(cat(root, "/", name, "-", app.spec.layout.environment));
      };
      out += cat("  ", server, " ", link("current"), " before ", link("previous"), " has");
      for (const std::string& name : files.list(cat(root, "/releases/", app.spec.layout.environment))) {
        out += name.starts_with('.') ? "" : cat(" ", name);
      }
      out += cat(" runs ", trim(files.read(cat("/run/", app.port)).value_or("-")), "\n");
    }
  }
  return out;
}

}  // namespace slipway::sim
