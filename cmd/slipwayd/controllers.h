#pragma once

#include <memory>

#include "reconciler/base/clock.h"
#include "reconciler/base/log.h"
#include "reconciler/base/random.h"
#include "reconciler/ports/artifact_source.h"
#include "reconciler/ports/http_client.h"
#include "reconciler/ports/metrics.h"
#include "reconciler/ports/objects.h"
#include "reconciler/ports/provider.h"
#include "reconciler/ports/run_log.h"

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
};

// The control loop: informers that feed the queue of releases, workers that drive them. Knows nothing of how the API is
// reached.
class Controllers {
 public:
  Controllers(const ControllerPorts& ports, int workers);
  ~Controllers();

  void start();
  // Blocks until the workers are done with what they hold.
  void stop();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace slipway::daemon
