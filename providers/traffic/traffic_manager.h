#pragma once

#include <memory>

#include "reconciler/base/clock.h"
#include "reconciler/base/log.h"
#include "reconciler/ports/command_runner.h"
#include "reconciler/ports/traffic.h"

namespace slipway::traffic {

// nginx, HAProxy, Caddy and Traefik, on machines that are reached over `runner`: every look and every change is one run
// of a fixed POSIX shell script there, whose arguments are framed data on its standard input. The script also speaks to
// the proxy's own address, so that this one need not be reachable from elsewhere.
//
// The references must outlive the manager; its destruction ends every request with Unknown or Refused (Cancelled).
std::unique_ptr<TrafficManager> newTrafficManager(CommandRunner& runner, Clock& clock, Logger& logger);

// The same without a thread of its own: nothing happens but in step(), which does one thing and is false when nothing
// was to do.
class SteppedTrafficManager : public TrafficManager {
 public:
  virtual bool step() = 0;
};
std::unique_ptr<SteppedTrafficManager> newSteppedTrafficManager(CommandRunner& runner, Clock& clock, Logger& logger);

}  // namespace slipway::traffic
