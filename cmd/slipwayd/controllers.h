#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "reconciler/base/clock.h"
#include "reconciler/base/log.h"
#include "reconciler/base/random.h"
#include "reconciler/ports/analysis.h"
#include "reconciler/ports/artifact_source.h"
#include "reconciler/ports/http_client.h"
#include "reconciler/ports/metrics.h"
#include "reconciler/ports/objects.h"
#include "reconciler/ports/provider.h"
#include "reconciler/ports/run_log.h"
#include "reconciler/ports/traffic.h"
#include "reconciler/ports/worker_pool.h"

namespace slipway::daemon {

struct ControllerPorts {
  const ApiReader& reader;
  ApiWriter& writer;
  StatusWriter& status;
  WatchSource& watches;
  Provider& provider;
  CommandRunner& runner;
  HttpClient& http;
  ArtifactSource& source;
  RunLog& runLog;
  Metrics& metrics;
  Clock& clock;
  Random& random;
  Logger& log;
  WorkerPool& pool;  // fetches sources; must not run anything any more when Controllers is destroyed
  // Of leases. Stable over restarts on one store, so that a restarted daemon goes on with its own leases at once. One
  // process at a time has the store: that is what makes the name safe.
  std::string holder = "slipwayd";
  // By kind of proxy; releases behind another kind are refused.
  std::map<ProxyType, TrafficManager*> traffic = {};
  Analyst* analyst = nullptr;      // without it releases with an analysis measure nothing
  HttpClient* outbound = nullptr;  // for URLs that users wrote; without it they are refused
};

// The control loop: informers that feed the queue of releases, workers that drive them. Knows nothing of how the API is
// reached.
class Controllers {
 public:
  Controllers(const ControllerPorts& ports, int workers);
  ~Controllers();

  // One of the loops: its name, and one turn of it on the caller's thread, which is false when nothing was to be done.
  struct Loop {
    std::string name;
    std::function<bool()> step;
  };
  // For a caller that runs everything on its own thread, instead of start(). Valid as long as this object.
  std::vector<Loop> loops();

  void start();
  // Blocks until the workers are done with what they hold.
  void stop();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace slipway::daemon
