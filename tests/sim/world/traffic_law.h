#pragma once

#include <functional>
#include <map>
#include <string>

#include "reconciler/api/run.h"
#include "reconciler/ports/traffic.h"

namespace slipway::sim {

// I2, I4, I11, I12 and I14 of runs that move traffic, from what is durable, what proxies do and what ends on servers.
class TrafficLaw {
 public:
  struct Ports {
    std::function<void(int invariant, bool holds, const std::string& what)> require;
    // What the proxies in front of a service give one of its backends.
    std::function<int(const std::string& service, const std::string& backend)> weightOf;
    // So often the metrics of a version were told and good.
    std::function<int(const std::string& version)> goodAnswers;
  };
  explicit TrafficLaw(Ports ports) : ports_(std::move(ports)) {}

  // The run's record as it became durable.
  void committed(const ReleaseRun& run) const;
  // A request of the run has changed what a proxy does.
  void changed(const ReleaseRun& run, const TrafficRequest& request,
               const std::map<std::string, BackendState>& backends) const;
  // A script of the run moves a link on a server, or ends an instance.
  void touches(const ReleaseRun& run, const std::string& server, const std::string& kind) const;

 private:
  Ports ports_;
};

}  // namespace slipway::sim
