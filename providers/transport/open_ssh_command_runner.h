#pragma once

#include <memory>
#include <string>

#include "reconciler/base/clock.h"
#include "reconciler/base/log.h"
#include "reconciler/base/status.h"
#include "reconciler/ports/command_runner.h"
#include "reconciler/ports/metrics.h"

namespace slipway::transport {

struct OpenSshOptions {
  std::string program;    // the absolute path of ssh
  std::string directory;  // for private files while commands run; ours alone, emptied now
};

// Commands over the system's ssh program, one process for each, all driven by one thread: for machines on which libssh
// does not work. As strict as the other runner: pinned host keys only, no configuration files, no agent, no forwarding,
// no terminal. Private keys lie in files of mode 0600 below `directory` until their connection is open.
// The references must outlive the runner; its destruction ends every process with Cancelled.
// Errors: Invalid naming the file when the program or the directory cannot be used; Unavailable when there is no
// thread.
Result<std::unique_ptr<CommandRunner>> newOpenSshCommandRunner(const OpenSshOptions& options, Clock& clock,
                                                               Metrics& metrics, Logger& logger);

}  // namespace slipway::transport
