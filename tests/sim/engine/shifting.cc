#include "tests/sim/engine/shifting.h"

#include <algorithm>

#include "reconciler/base/strings.h"

namespace slipway::sim {
namespace {

constexpr const char* kTemplate = "errors";

Duration seconds(Dice& dice, std::uint64_t most) { return std::chrono::seconds(dice.below(most + 1)); }

Amount someAmount(Dice& dice) { return dice.chance(0.5) ? Amount{1, false} : Amount{50, true}; }

CanarySettings someCanary(Dice& dice, bool slots) {
  using Kind = CanaryStep::Kind;
  CanarySettings out;
  int weight = 0;
  for (std::uint64_t left = 1 + dice.below(3); left > 0; --left) {
    weight = std::min(weight + 5 + static_cast<int>(dice.below(40)), 100);
    if (slots && dice.chance(0.2)) {
      out.steps.push_back({.kind = Kind::SetScale, .scale = {weight, true}});
    }
    out.steps.push_back({.kind = Kind::SetWeight, .weight = weight});
    if (dice.chance(0.3)) {
      out.steps.push_back({.kind = Kind::Analysis, .templates = {kTemplate}});
    }
    if (dice.chance(0.7)) {
      out.steps.push_back({.kind = Kind::Pause});
      if (dice.chance(0.8)) {
        out.steps.back().pause = std::chrono::seconds(1) + seconds(dice, 40);
      }
    }
  }
  if (slots && dice.chance(0.4)) {
    out.maxSurge = someAmount(dice);
  }
  if (dice.chance(0.3)) {
    out.gradualAbort = std::chrono::seconds(1) + seconds(dice, 20);
  }
  out.scaleDownDelay = seconds(dice, 30);
  return out;
}

BlueGreenSettings someBlueGreen(Dice& dice) {
  BlueGreenSettings out;
  out.autoPromote = dice.chance(0.8);
  if (out.autoPromote && dice.chance(0.6)) {
    out.autoPromoteAfter = std::chrono::seconds(1) + seconds(dice, 40);
  }
  if (dice.chance(0.25)) {
    out.prePromotionAnalysis.templates = {kTemplate};
  }
  if (dice.chance(0.25)) {
    out.postPromotionAnalysis.templates = {kTemplate};
  }
  out.scaleDownDelay = seconds(dice, 30);
  return out;
}

void putBehindProxy(ReleaseSpec& spec, const std::string& machine) {
  TrafficSpec& traffic = spec.traffic.emplace();
  traffic.type = ProxyType::Caddy;
  traffic.service = spec.destinations.front().name;
  traffic.servers = {machine};
}

// One instance on a server, which leaves the rotation to change.
void moveServers(ReleaseSpec& spec, const std::string& proxy, int port) {
  spec.slots.reset();
  putBehindProxy(spec, proxy);
  spec.traffic->port = port;
  spec.process.reset();
  spec.health.process.reset();  // it looks at what spec.process started
}

}  // namespace

void putInSlots(ReleaseSpec& spec, int bluePort, const std::string& proxy) {
  spec.slots = Slots{bluePort, bluePort + 1};
  spec.process = Process{};
  spec.process->start = "sleep 1; [ ! -e /etc/hang ] || sleep 1000; cat version > /run/$PORT";
  spec.process->stop = "[ ! -e /etc/deaf ] || sleep 1000; rm /run/$PORT";
  putBehindProxy(spec, proxy);
}

void makeErrorsTemplate(Workload& work) {
  Json object = newObject(kAnalysisTemplate, {.name = kTemplate, .ns = Workload::kNamespace});
  object["spec"] =
      *parseJson(R"({"metrics":[{"name":"rate","interval":"10s","count":3,"successCondition":"result < 0.1",
      "provider":{"http":{"url":"http://metrics.example:80/rate/{{args.version}}","value":"$.rate"}}}]})");
  work.ensure(kAnalysisTemplate, object);
}

void shift(Dice& dice, ReleaseSpec& spec, const std::vector<std::string>& servers, int port) {
  const bool rolls = spec.strategy.type == StrategyType::Rolling;
  const bool blueGreen = !rolls && dice.chance(0.4);
  const bool slots = rolls || blueGreen || servers.size() == 1 || dice.chance(0.7);
  if (!rolls) {
    spec.strategy.type = blueGreen ? StrategyType::BlueGreen : StrategyType::Canary;
    if (blueGreen) {
      spec.strategy.blueGreen = someBlueGreen(dice);
    } else {
      spec.strategy.canary = someCanary(dice, slots);
    }
  }
  const std::string& machine = servers[dice.below(servers.size())];
  if (slots) {
    putInSlots(spec, 9001 + 2 * (port - 8000), machine);
    spec.process->timeout = std::chrono::seconds(20);
  } else {
    moveServers(spec, machine, port);
  }
  spec.traffic->drainTimeout = seconds(dice, 20);
}

void useGroups(Dice& dice, ReleaseSpec& spec, const std::string& label, int port) {
  const TrafficSpec before = *spec.traffic;
  moveServers(spec, before.servers.front(), port);
  spec.traffic->drainTimeout = before.drainTimeout;
  BlueGreenSettings& settings = *spec.strategy.blueGreen;
  settings.groups = {{"north", {{label, "north"}}}, {"south", {{label, "south"}}}};
  settings.oldGroup = dice.chance(0.3) ? OldGroup::Keep : OldGroup::Update;
}

void routed(World& world, const App& app, const std::string& version) {
  const TrafficSpec& traffic = *app.spec.traffic;
  int all = 0;
  std::string wrong;
  for (const std::string& machine : traffic.servers) {
    for (const auto& [name, state] :
         world.proxies().state.proxies[SimProxies::keyOf(machine, traffic.service)].backends) {
      if (state.weight == 0) {
        continue;
      }
      all += state.weight;
      Files& files = world.host(name.substr(0, name.find('-')))->files();
      const bool slot = name.find('-') != std::string::npos;
      const std::string found =
          slot ? files.read(cat("/run/", state.backend.port)).value_or("nothing")
               : files.readLink(cat(app.spec.layout.root, "/current-", app.spec.layout.environment));
      if (found.find(version) == std::string::npos) {
        wrong += cat(", ", name, " runs ", trim(found));
      }
    }
  }
  world.checker().require(
      12, world.violated() || (all > 0 && wrong.empty()),
      cat("the proxy of ", app.name, " does not send everything to version ", version, ": weights ", all, wrong));
}

}  // namespace slipway::sim
