#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/planner/traffic_goal.h"
#include "reconciler/release/traffic_change.h"

namespace slipway::release {
namespace {

// What an instance is of, or that it gets nothing.
constexpr int kFresh = 1;
constexpr int kStable = 0;
constexpr int kOut = -1;

constexpr const char* kHere = "127.0.0.1";  // for a proxy that stands on the server of its instances

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The instances of a target, and which of them have a share.
class Instances {
 public:
  Instances(const ReleaseRun& run, const std::function<std::string(const std::string&)>& addressOf)
      : spec_(run.spec.spec), traffic_(run.status.traffic), addressOf_(addressOf) {}

  // The new version's, and the old one's where there is one beside it.
  void add(const RunTarget& target, ProxyWeights& proxy, std::vector<int>& version) const {
    const bool slots = spec_.slots.has_value();
    const bool fresh = has(traffic_.fresh, target.name);
    const bool stable = has(traffic_.stable, target.name);
    const auto put = [&](const std::string& slot, int which, bool isFresh) {
      proxy.backends.push_back(backend(target, slot));
      proxy.fresh.push_back(isFresh);
      version.push_back(which);
    };
    if (!slots) {
      put("", fresh ? kFresh : stable ? kStable : kOut, fresh);
      return;
    }
    put(target.slot, fresh ? kFresh : kOut, true);
    if (!target.before.empty() && (!target.slotBefore.empty() || spec_.traffic->port > 0)) {
      put(target.slotBefore, stable ? kStable : kOut, false);
    }
  }

 private:
  TrafficBackend backend(const RunTarget& target, const std::string& slot) const {
    TrafficBackend out;
    out.name = slot.empty() ? target.name : cat(target.name, "-", slot);
    out.address = spec_.traffic->onEachServer() ? kHere : addressOf_(target.name);
    out.port = slot.empty() ? spec_.traffic->port : spec_.slots->portOf(slot);
    return out;
  }

  const ReleaseSpec& spec_;
  const TrafficChange& traffic_;
  const std::function<std::string(const std::string&)>& addressOf_;
};

// The weights of one proxy's backends. Where it has instances of one version only, they get everything.
void share(ProxyWeights& proxy, const std::vector<int>& version, int percent) {
  const auto count = [&](int which) {
    return static_cast<std::size_t>(std::count(version.begin(), version.end(), which));
  };
  const std::size_t fresh = count(kFresh);
  const std::size_t stable = count(kStable);
  TrafficShare toFresh{fresh == 0 ? 0 : stable == 0 ? 100 : percent, fresh};
  TrafficShare toStable{stable == 0 ? 0 : 100 - toFresh.percent, stable};
  const std::vector<int> weights = backendWeights({toFresh, toStable});
  for (int which : version) {
    proxy.weights.push_back(which == kFresh ? weights[0] : which == kStable ? weights[1] : 0);
  }
}

}  // namespace

std::vector<ProxyWeights> weightsFor(const ReleaseRun& run,
                                     const std::function<std::string(const std::string&)>& addressOf) {
  const Instances instances(run, addressOf);
  const bool onlyFrees = planner::freesSlots(run.spec.spec, run.status);
  const int percent = run.status.traffic.weight.requested;
  std::vector<ProxyWeights> out;
  if (run.spec.spec.traffic->onEachServer()) {
    for (const RunTarget& target : run.status.targets) {
      if (target.gone) {
        continue;
      }
      ProxyWeights proxy{.machine = target.name, .uid = target.uid, .onlyFrees = onlyFrees};
      std::vector<int> version;
      instances.add(target, proxy, version);
      share(proxy, version, percent);
      out.push_back(std::move(proxy));
    }
    return out;
  }
  ProxyWeights all{.onlyFrees = onlyFrees};
  const CanarySettings canary = run.spec.spec.strategy.canary.value_or(CanarySettings{});
  if (percent > 0 && percent < 100) {
    all.stickiness = canary.stickiness.value_or(Stickiness{});
  }
  std::vector<int> version;
  for (const RunTarget& target : run.status.targets) {
    if (!target.gone) {
      instances.add(target, all, version);
    }
  }
  share(all, version, percent);
  for (const std::string& machine : run.spec.spec.traffic->servers) {
    out.push_back(all);
    out.back().machine = machine;
  }
  return out;
}

int observedShare(const TrafficObservation& seen, const ProxyWeights& wanted) {
  int all = 0;
  int fresh = 0;
  for (const BackendState& state : seen.backends) {
    all += state.weight;
    for (std::size_t i = 0; i < wanted.backends.size(); ++i) {
      fresh += wanted.fresh[i] && wanted.backends[i].name == state.backend.name ? state.weight : 0;
    }
  }
  return all == 0 ? -1 : (100 * fresh + all / 2) / all;
}

}  // namespace slipway::release
