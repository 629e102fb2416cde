#pragma once

#include <functional>
#include <string>
#include <vector>

#include "reconciler/api/run.h"
#include "reconciler/ports/objects.h"
#include "reconciler/ports/provider.h"
#include "reconciler/ports/traffic.h"

namespace slipway::release {

// What one proxy shall do: each backend of the release with its weight. Those of the service that are not named get 0.
struct ProxyWeights {
  std::string machine;  // the Server that the proxy runs on
  std::string uid;      // of the Server, where it is a target of the run
  std::vector<TrafficBackend> backends;
  std::vector<int> weights;  // of the backends
  std::vector<bool> fresh;   // those of the new version
  // Only where a backend of the new version gets requests is there anything to do, and those of the old version that
  // get some keep what they have.
  bool onlyFrees = false;
  Stickiness stickiness;  // while both versions have traffic, where the strategy asks for it
};

// The change that is recorded in run.status.traffic, for every proxy of the release. `addressOf` gives a Server's
// address. Pure.
std::vector<ProxyWeights> weightsFor(const ReleaseRun& run,
                                     const std::function<std::string(const std::string&)>& addressOf);

// Percent of the traffic that an observed service sends to the new version's backends; -1 when it sends none anywhere.
int observedShare(const TrafficObservation& seen, const ProxyWeights& wanted);

// What came of a change on all proxies.
struct TrafficOutcome {
  StepResult result;  // Done: every proxy was seen with its weights
  int set = -1;       // percent that the proxies were told
  int verified = -1;  // percent that they were last seen with, the lowest of them
};

struct TrafficContext {
  const ApiReader& reader;
  TrafficManager& manager;
  Clock& clock;
};

// Brings about what the record asks for: on every proxy its backends, then the weights, read back, then drained what is
// out of rotation. Never blocks; `done` is called once, on a manager's thread or at once. Repeatable under the record's
// operation id. The references must outlive it.
void changeTraffic(const TrafficContext& context, const ReleaseRun& run, std::function<void(TrafficOutcome)> done);

}  // namespace slipway::release
