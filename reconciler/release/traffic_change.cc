#include "reconciler/release/traffic_change.h"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "reconciler/base/strings.h"
#include "reconciler/release/targets.h"

namespace slipway::release {
namespace {

StepResult::Outcome outcomeOf(TrafficResult::Outcome outcome) {
  switch (outcome) {
    case TrafficResult::Outcome::Done:
      return StepResult::Outcome::Done;
    case TrafficResult::Outcome::Refused:
      return StepResult::Outcome::Refused;
    case TrafficResult::Outcome::Unknown:
      return StepResult::Outcome::Unknown;
  }
  return StepResult::Outcome::Unknown;
}

// What came of one proxy.
struct ProxyOutcome {
  StepResult result;
  TrafficObservation seen;
  bool told = false;  // the weights were given to it
};

// One proxy: read, add what is missing, set the weights, look at what is in effect, drain. Holds itself alive through
// the request that is under way.
class ProxyChange : public std::enable_shared_from_this<ProxyChange> {
 public:
  using Done = std::function<void(ProxyOutcome)>;

  ProxyChange(const TrafficContext& context, TrafficRequest base, ProxyWeights wanted, Done done)
      : manager_(context.manager),
        clock_(context.clock),
        base_(std::move(base)),
        wanted_(std::move(wanted)),
        done_(std::move(done)),
        begun_(context.clock.steady()) {}

  void begin() {
    run("read", ReadTraffic{}, [](ProxyChange& self) {
      if (self.wanted_.onlyFrees && !self.somethingToFree()) {
        self.told_ = true;
        self.end({});
        return;
      }
      self.addNext(0);
    });
  }

 private:
  using Then = std::function<void(ProxyChange&)>;

  void run(const std::string& part, TrafficAction action, Then then) {
    TrafficRequest request = base_;
    request.operationId = cat(base_.operationId, ".", part);
    request.expected = seen_.version;
    const bool drains = std::holds_alternative<DrainBackend>(action);
    request.deadline = clock_.steady() + base_.spec.timeout + (drains ? base_.spec.drainTimeout : Duration(0));
    request.action = std::move(action);
    manager_.start(std::move(request),
                   [self = shared_from_this(), part, then = std::move(then)](
                       const TrafficRequest&, TrafficResult result) { self->took(part, std::move(result), then); });
  }

  void took(const std::string& part, TrafficResult result, const Then& then) {
    if (result.outcome == TrafficResult::Outcome::Done || !result.observed.version.empty()) {
      seen_ = std::move(result.observed);
    }
    if (result.outcome != TrafficResult::Outcome::Done) {
      StepResult failed;
      failed.outcome = outcomeOf(result.outcome);
      failed.status = result.status.withContext(cat("proxy on ", wanted_.machine));
      failed.phase = part;
      failed.tail = std::move(result.tail);
      end(std::move(failed));
      return;
    }
    then(*this);
  }

  int weightSeen(const std::string& name) const {
    const BackendState* state = seen_.find(name);
    return state == nullptr ? 0 : state->weight;
  }

  // Whether a backend of the new version, or a cookie, leads where nothing was placed yet. What of the old version is
  // out of rotation then stays out, as long as others of it are in.
  bool somethingToFree() {
    bool reached = !seen_.stickiness.cookie.empty();
    bool served = false;
    for (std::size_t i = 0; i < wanted_.backends.size(); ++i) {
      const bool gets = weightSeen(wanted_.backends[i].name) > 0;
      reached = reached || (gets && wanted_.fresh[i]);
      served = served || (gets && wanted_.weights[i] > 0);
    }
    for (std::size_t i = 0; i < wanted_.backends.size() && served; ++i) {
      wanted_.weights[i] = wanted_.weights[i] > 0 ? weightSeen(wanted_.backends[i].name) : 0;
    }
    return reached;
  }

  // Backends that shall get something must be there; of the others only those that are get 0.
  void addNext(std::size_t from) {
    for (std::size_t i = from; i < wanted_.backends.size(); ++i) {
      const BackendState* known = seen_.find(wanted_.backends[i].name);
      const bool differs = known != nullptr && known->weight == 0 && !(known->backend == wanted_.backends[i]);
      if (wanted_.weights[i] > 0 && (known == nullptr || differs)) {
        run(cat("add.", i), AddBackend{wanted_.backends[i]}, [i](ProxyChange& self) { self.addNext(i + 1); });
        return;
      }
    }
    setWeights();
  }

  void setWeights() {
    SetWeights set;
    for (const BackendState& state : seen_.backends) {
      set.weights[state.backend.name] = 0;
      if (state.weight > 0) {
        served_.push_back(state.backend.name);
      }
    }
    for (std::size_t i = 0; i < wanted_.backends.size(); ++i) {
      const std::string& name = wanted_.backends[i].name;
      if (wanted_.weights[i] > 0 || set.weights.contains(name)) {
        set.weights[name] = wanted_.weights[i];
      }
    }
    // The cookie goes last, when what it led to is empty: then taking it away takes nobody from a request.
    const bool ends = wanted_.stickiness.cookie.empty();
    set.stickiness = ends ? seen_.stickiness : wanted_.stickiness;
    told_ = true;
    weights_ = set.weights;
    run("set", set, [set](ProxyChange& self) {
      if (self.look(set)) {
        self.drainNext(0);
      }
    });
  }

  // What was set counts only as far as the running proxy has it.
  bool look(const SetWeights& set) {
    if (seen_.stickiness != set.stickiness) {
      end(StepResult::refused(
          {Code::Conflict, cat("proxy on ", wanted_.machine, ": was given the cookie \"", set.stickiness.cookie,
                               "\" and has \"", seen_.stickiness.cookie, "\"")},
          "read-back"));
      return false;
    }
    for (const auto& [name, weight] : set.weights) {
      const BackendState* state = seen_.find(name);
      const int found = state == nullptr ? -1 : state->weight;
      if (found != weight) {
        end(StepResult::refused({Code::Conflict, cat("proxy on ", wanted_.machine, ": backend ", name,
                                                     " was given weight ", weight, " and has ", found)},
                                "read-back"));
        return false;
      }
    }
    std::erase_if(served_, [&](const std::string& name) { return set.weights.at(name) > 0; });
    return true;
  }

  void drainNext(std::size_t from) {
    for (std::size_t i = from; i < served_.size(); ++i) {
      const BackendState* state = seen_.find(served_[i]);
      if (state != nullptr && state->connections != 0) {
        run(cat("drain.", i), DrainBackend{served_[i]}, [i](ProxyChange& self) { self.drainNext(i + 1); });
        return;
      }
    }
    endStickiness();
  }

  void endStickiness() {
    if (seen_.stickiness == wanted_.stickiness) {
      end({});
      return;
    }
    const SetWeights set{weights_, wanted_.stickiness};
    run("unstick", set, [set](ProxyChange& self) {
      if (self.look(set)) {
        self.end({});
      }
    });
  }

  void end(StepResult result) {
    result.duration = clock_.steady() - begun_;
    std::exchange(done_, nullptr)({std::move(result), seen_, told_});
  }

  TrafficManager& manager_;
  Clock& clock_;
  const TrafficRequest base_;
  ProxyWeights wanted_;
  Done done_;
  const SteadyTime begun_;
  TrafficObservation seen_;
  std::vector<std::string> served_;  // had a weight before
  std::map<std::string, int> weights_;
  bool told_ = false;
};

// All proxies of a change, side by side.
class Gathering {
 public:
  Gathering(std::size_t proxies, int requested, std::function<void(TrafficOutcome)> done)
      : waiting_(proxies), done_(std::move(done)) {
    outcome_.set = requested;
    outcome_.verified = 101;
  }

  void take(const ProxyWeights& wanted, const ProxyOutcome& one) {
    {
      const std::lock_guard lock(mutex_);
      if (outcome_.result.outcome == StepResult::Outcome::Done && one.result.outcome != StepResult::Outcome::Done) {
        outcome_.result = one.result;
      }
      outcome_.result.duration = std::max(outcome_.result.duration, one.result.duration);
      outcome_.set = one.told ? outcome_.set : -1;
      count(wanted, one.seen);
      if (--waiting_ > 0) {
        return;
      }
    }
    finish();
  }

 private:
  void count(const ProxyWeights& wanted, const TrafficObservation& seen) {
    const int share = observedShare(seen, wanted);
    bool fresh = false;
    bool stable = false;
    for (std::size_t i = 0; i < wanted.weights.size(); ++i) {
      fresh = fresh || (wanted.weights[i] > 0 && wanted.fresh[i]);
      stable = stable || (wanted.weights[i] > 0 && !wanted.fresh[i]);
    }
    // A proxy with instances of one version only says nothing about the share.
    if (share >= 0 && (fresh == stable || (share != 0 && share != 100))) {
      outcome_.verified = std::min(outcome_.verified, share);
    }
  }

  void finish() {
    const bool good = outcome_.result.outcome == StepResult::Outcome::Done;
    // To within a point: the weights of proxies are whole numbers.
    const bool near = outcome_.verified > 100 || std::abs(outcome_.verified - outcome_.set) <= 1;
    if (good && near) {
      outcome_.verified = outcome_.set;
    } else if (good) {
      outcome_.result = StepResult::refused(
          {Code::Conflict,
           cat("the proxies send ", outcome_.verified, "% to the new version, asked for ", outcome_.set, "%")},
          "read-back");
    }
    outcome_.verified = outcome_.verified > 100 ? -1 : outcome_.verified;
    std::exchange(done_, nullptr)(std::move(outcome_));
  }

  std::mutex mutex_;
  std::size_t waiting_;
  std::function<void(TrafficOutcome)> done_;
  TrafficOutcome outcome_;
};

}  // namespace

void changeTraffic(const TrafficContext& context, const ReleaseRun& run, std::function<void(TrafficOutcome)> done) {
  std::map<std::string, std::string> uids;
  for (const RunTarget& target : run.status.targets) {
    uids[target.name] = target.uid;
  }
  Status missing;
  const std::vector<ProxyWeights> proxies = weightsFor(run, [&](const std::string& server) -> std::string {
    Result<RemoteTarget> access = resolveAccess(context.reader, run.meta.ns, server, uids[server]);
    if (!access && access.code() != Code::NotFound) {
      missing = access.status();
    }
    return access ? access->address : "";
  });
  std::vector<std::pair<TrafficRequest, ProxyWeights>> requests;
  for (const ProxyWeights& proxy : proxies) {
    Result<RemoteTarget> access = resolveAccess(context.reader, run.meta.ns, proxy.machine, proxy.uid);
    if (!access) {
      missing = access.status().withContext(cat("spec.traffic: proxy on ", proxy.machine));
      break;
    }
    TrafficRequest request;
    request.operationId = cat(run.status.traffic.record.operationId, ".", proxy.machine);
    request.target = std::move(*access);
    request.spec = *run.spec.spec.traffic;
    request.application = cat(run.meta.ns, "/", run.spec.release);
    request.fence = run.status.fence;
    requests.emplace_back(std::move(request), proxy);
  }
  if (!missing) {
    TrafficOutcome refused;
    refused.result = StepResult::refused(missing, "access");
    done(std::move(refused));
    return;
  }
  const auto gathering =
      std::make_shared<Gathering>(requests.size(), run.status.traffic.weight.requested, std::move(done));
  for (std::pair<TrafficRequest, ProxyWeights>& one : requests) {
    const auto ended = [gathering, wanted = one.second](const ProxyOutcome& outcome) {
      gathering->take(wanted, outcome);
    };
    std::make_shared<ProxyChange>(context, std::move(one.first), std::move(one.second), ended)->begin();
  }
}

}  // namespace slipway::release
