#pragma once

#include <functional>
#include <map>
#include <string>

#include "reconciler/api/run.h"
#include "reconciler/base/clock.h"

namespace slipway::sim {

// I1 and I13 of runs with the strategy Rolling and without slots, from what is durable and what moves on servers.
class RollingLaw {
 public:
  using Require = std::function<void(int invariant, bool holds, const std::string& what)>;
  explicit RollingLaw(Require require) : require_(std::move(require)) {}

  // The run's record as it became durable.
  void committed(const ReleaseRun& run, SteadyTime now);
  // A switch of the run moves the live link of a server.
  void flips(const ReleaseRun& run, const std::string& server, SteadyTime now);
  void ended(const std::string& uid) { lastVerified_.erase(uid); }

 private:
  Require require_;
  std::map<std::string, std::map<std::string, SteadyTime>> lastVerified_;  // by run, by server
};

}  // namespace slipway::sim
