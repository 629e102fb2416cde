#pragma once

#include <functional>
#include <string>

#include "reconciler/api/run.h"

namespace slipway::sim {

// Whether it was down when the members were asked last.
bool wasDown(const ReleaseRun& run, const std::string& server);

// I1 and I13 of runs over the members of a cluster: the quorum is kept, the leader goes last, and nobody goes while
// there is none or more than one.
class ClusterLaw {
 public:
  using Require = std::function<void(int invariant, bool holds, const std::string& what)>;
  explicit ClusterLaw(Require require) : require_(std::move(require)) {}

  // The run's record as it became durable.
  void committed(const ReleaseRun& run) const;
  // A switch or an undo of the run moves the live link of a server.
  void flips(const ReleaseRun& run, const std::string& server, bool back) const;

 private:
  Require require_;
};

}  // namespace slipway::sim
