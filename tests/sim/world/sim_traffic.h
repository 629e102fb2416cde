#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "reconciler/ports/traffic.h"
#include "tests/sim/world/network.h"
#include "tests/sim/world/timeline.h"
#include "tests/support/fakes/fake_traffic_manager.h"

namespace slipway::sim {

// The proxies of all machines, which outlive processes: one for each service of a machine.
struct SimProxies {
  FakeTrafficManager state;
  std::map<std::string, std::uint64_t> fences;  // the highest number that a service has seen
  std::uint64_t changes = 0;  // goes up with everything that may have changed here, or is on its way here

  static std::string keyOf(const std::string& machine, const std::string& service) { return machine + " " + service; }
  // The weight that a backend of the service has on the machine where it has most; 0 when there is none.
  int weightOf(const std::string& service, const std::string& backend) const;
};

// They as one control loop reaches them: with latency, and with everything that may go wrong on the way. A process that
// dies loses the answer; what it had sent is done, or not.
class SimTraffic final : public TrafficManager {
 public:
  struct Ports {
    Timeline& time;
    SimProxies& proxies;
    std::function<bool(const TrafficRequest&)> before;  // false: the process dies before it is sent (F1)
    std::function<void()> after;                        // it was sent (F2)
    std::function<void()> answered;                     // and answered, nothing is written down yet (F3)
    std::function<LinkPlan(const std::string& machine)> plan;
    std::function<Duration(Duration most)> lingers;  // how long connections stay on what is drained
    std::function<bool()> alive;
    std::function<void(const TrafficRequest&, const FakeTrafficManager::Proxy&)> changed;
  };
  explicit SimTraffic(Ports ports) : ports_(std::move(ports)) {}

  void start(TrafficRequest request, std::function<void(const TrafficRequest&, TrafficResult)> done) override;
  void cancel(const std::string& operationId) override;

 private:
  struct Asked;
  static TrafficResult effect(const Ports& ports, const TrafficRequest& request);
  static void answer(const Ports& ports, const std::shared_ptr<Asked>& asked, Duration after, TrafficResult result);

  Ports ports_;
  std::map<std::string, std::weak_ptr<Asked>> open_;  // by operation
};

}  // namespace slipway::sim
