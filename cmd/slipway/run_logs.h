#pragma once

#include <string>
#include <vector>

#include "cmd/slipway/context.h"
#include "reconciler/api/kinds.h"

namespace slipway::cli {

struct LogOptions {
  std::vector<std::string> servers;  // empty: every target of the run
  bool follow = false;
};

// Prints what the run's servers printed, one after the other; while following, lines of several servers carry the
// server's name in front. `name` is a ReleaseRun or a Release (then its current run). The exit code.
int printLogs(Context& context, const std::string& name, const LogOptions& options);

}  // namespace slipway::cli
