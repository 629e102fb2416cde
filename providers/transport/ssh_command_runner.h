#pragma once

#include <memory>

#include "reconciler/base/clock.h"
#include "reconciler/base/log.h"
#include "reconciler/base/status.h"
#include "reconciler/ports/command_runner.h"
#include "reconciler/ports/metrics.h"

namespace slipway::transport {

// Commands over libssh: one thread drives every connection, names are resolved on others. Connections are kept for a
// while and shared by commands for the same address, port, user, key and pins. No agent, no forwarding, no terminal, no
// ssh_config. The references must outlive the runner; its destruction ends every process with Cancelled.
// Errors: Unavailable when libssh cannot be used here or there is no thread left for it.
Result<std::unique_ptr<CommandRunner>> newSshCommandRunner(Clock& clock, Metrics& metrics, Logger& logger);

}  // namespace slipway::transport
