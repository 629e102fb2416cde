#pragma once

#include <functional>
#include <memory>

#include "cmd/slipwayd/serve_options.h"
#include "reconciler/base/clock.h"
#include "reconciler/base/log.h"
#include "reconciler/base/status.h"
#include "reconciler/ports/command_runner.h"
#include "reconciler/ports/metrics.h"

namespace slipway::daemon {

// What carries commands to servers, and whether they may run side by side.
struct SshTransport {
  std::unique_ptr<CommandRunner> runner;
  bool parallel = true;
};

struct SshMakers {
  using Make = std::function<Result<std::unique_ptr<CommandRunner>>()>;
  Make libssh;
  Make openssh;
};

// Auto and Sequential take libssh, and where it cannot be used the ssh program, with a warning in the log.
Result<SshTransport> chooseSsh(SshBackend backend, const SshMakers& makers, Logger& log);

// With the real ones. The references must outlive the runner.
Result<SshTransport> openSsh(const ServeOptions& options, Clock& clock, Metrics& metrics, Logger& log);

}  // namespace slipway::daemon
