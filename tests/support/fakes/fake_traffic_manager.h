#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reconciler/base/strings.h"
#include "reconciler/ports/traffic.h"

namespace slipway {

// Proxies in memory, one on each machine, that keep the port's rules. Answers at once, on the caller's thread, unless
// `held`. Single-threaded.
class FakeTrafficManager final : public TrafficManager {
 public:
  struct Proxy {
    std::map<std::string, BackendState> backends;
    int version = 1;
    bool owned = false;
    Stickiness stickiness;
    std::map<std::string, BackendState> original;
  };

  void start(TrafficRequest request, std::function<void(const TrafficRequest&, TrafficResult)> done) override {
    asked.push_back(cat(nameOf(request.action), " ", request.target.name));
    if (held) {
      waiting_.emplace_back(std::move(request), std::move(done));
      return;
    }
    TrafficResult result = answer(request);
    done(request, std::move(result));
  }
  void cancel(const std::string& operationId) override {
    for (auto& [request, done] : std::exchange(waiting_, {})) {
      if (request.operationId == operationId) {
        done(request, refused(Code::Cancelled, "cancelled"));
      } else {
        waiting_.emplace_back(std::move(request), std::move(done));
      }
    }
  }
  // Lets what was held go on.
  void release() {
    held = false;
    for (auto& [request, done] : std::exchange(waiting_, {})) {
      TrafficResult result = answer(request);
      done(request, std::move(result));
    }
  }
  // As a restart of the controller does: nobody hears of them any more.
  void loseWaiting() { waiting_.clear(); }

  int weight(const std::string& machine, const std::string& backend) {
    const auto found = proxies[machine].backends.find(backend);
    return found == proxies[machine].backends.end() ? -1 : found->second.weight;
  }

  std::map<std::string, Proxy> proxies;  // by machine
  std::vector<std::string> asked;        // "set edge", in order
  bool held = false;
  // Refuses or loses the next requests; nothing: as the rules say. After it `happens`, the change is made all the same.
  std::function<std::optional<TrafficResult>(const TrafficRequest&)> fails;
  // Sees every change of weights, when it is in effect.
  std::function<void(const std::string& machine, const std::map<std::string, BackendState>&)> onWeights;

  static TrafficResult refused(Code code, std::string message) {
    TrafficResult result;
    result.outcome = TrafficResult::Outcome::Refused;
    result.status = Status(code, std::move(message));
    return result;
  }
  static std::string nameOf(const TrafficAction& action) {
    constexpr const char* kNames[] = {"read", "set", "add", "remove", "drain", "writer", "restore"};
    return kNames[action.index()];
  }

 private:
  TrafficResult answer(const TrafficRequest& request) {
    if (fails) {
      if (std::optional<TrafficResult> failure = fails(request)) {
        return *failure;
      }
    }
    Proxy& proxy = proxies[request.target.name];
    if (!request.expected.empty() && request.expected != std::to_string(proxy.version)) {
      return refused(Code::Conflict, "the service was changed by somebody else");
    }
    TrafficResult result = std::visit([&](const auto& action) { return act(proxy, action); }, request.action);
    if (onWeights && std::holds_alternative<SetWeights>(request.action)) {
      onWeights(request.target.name, proxy.backends);
    }
    result.observed.version = std::to_string(proxy.version);
    result.observed.owned = proxy.owned;
    result.observed.live = true;
    result.observed.stickiness = proxy.stickiness;
    for (const auto& [name, state] : proxy.backends) {
      result.observed.backends.push_back(state);
    }
    return result;
  }

  static void own(Proxy& proxy) {
    if (!std::exchange(proxy.owned, true)) {
      proxy.original = proxy.backends;
    }
    ++proxy.version;
  }

  TrafficResult act(Proxy&, const ReadTraffic&) { return {}; }
  TrafficResult act(Proxy& proxy, const SetWeights& set) {
    for (const auto& [name, weight] : set.weights) {
      if (!proxy.backends.contains(name)) {
        return refused(Code::NotFound, cat("no backend ", name));
      }
      if (weight < 0 || weight > kMaxBackendWeight) {
        return refused(Code::Invalid, cat("weight ", weight));
      }
    }
    TrafficResult result;
    result.alreadyDone = proxy.stickiness == set.stickiness;
    for (const auto& [name, weight] : set.weights) {
      result.alreadyDone = result.alreadyDone && proxy.backends[name].weight == weight;
    }
    if (!result.alreadyDone) {
      own(proxy);
      proxy.stickiness = set.stickiness;
      for (const auto& [name, weight] : set.weights) {
        proxy.backends[name].weight = weight;
      }
    }
    return result;
  }
  TrafficResult act(Proxy& proxy, const AddBackend& add) {
    const auto known = proxy.backends.find(add.backend.name);
    if (known != proxy.backends.end() && !(known->second.backend == add.backend) && known->second.weight > 0) {
      return refused(Code::Conflict, cat("backend ", add.backend.name, " gets traffic at another address"));
    }
    own(proxy);
    proxy.backends[add.backend.name].backend = add.backend;
    return {};
  }
  TrafficResult act(Proxy& proxy, const RemoveBackend& remove) {
    if (proxy.backends.contains(remove.name) && proxy.backends[remove.name].weight > 0) {
      return refused(Code::Conflict, cat("backend ", remove.name, " gets traffic"));
    }
    own(proxy);
    proxy.backends.erase(remove.name);
    return {};
  }
  TrafficResult act(Proxy& proxy, const DrainBackend& drain) {
    if (!proxy.backends.contains(drain.name)) {
      return refused(Code::NotFound, cat("no backend ", drain.name));
    }
    own(proxy);
    proxy.backends[drain.name].weight = 0;
    proxy.backends[drain.name].connections = 0;
    return {};
  }
  TrafficResult act(Proxy& proxy, const SetWriter& writer) {
    for (auto& [name, state] : proxy.backends) {
      state.writer = name == writer.name;
    }
    own(proxy);
    return {};
  }
  TrafficResult act(Proxy& proxy, const RestoreTraffic&) {
    if (std::exchange(proxy.owned, false)) {
      proxy.backends = proxy.original;
      proxy.stickiness = {};
      ++proxy.version;
    }
    return {};
  }

  std::vector<std::pair<TrafficRequest, std::function<void(const TrafficRequest&, TrafficResult)>>> waiting_;
};

}  // namespace slipway
