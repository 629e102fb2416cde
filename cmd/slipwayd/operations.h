#pragma once

#include <memory>

#include "cmd/slipwayd/controllers.h"
#include "reconciler/ports/server_operator.h"

namespace slipway::daemon {

// The loop that does what Operations ask, beside that of the releases.
class Operations {
 public:
  Operations(const ControllerPorts& ports, ServerOperator& servers);
  ~Operations();

  void start();
  // Blocks until the workers are done with what they hold.
  void stop();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace slipway::daemon
