#pragma once

#include <memory>

#include "reconciler/base/clock.h"
#include "reconciler/ports/command_runner.h"
#include "reconciler/ports/server_operator.h"

namespace slipway::vm {

// Operations over `runner`, by the host script. Both must outlive it; its destruction cancels what is under way. Where
// the runner lets only one command run at a time, an operation may be refused as Unavailable while a step runs.
std::unique_ptr<ServerOperator> newSshServerOperator(CommandRunner& runner, Clock& clock);

}  // namespace slipway::vm
