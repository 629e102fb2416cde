#pragma once

#include <string>
#include <vector>

#include "cmd/slipway/context.h"
#include "reconciler/api/kinds.h"
#include "reconciler/client/api_client.h"

namespace slipway::cli {

struct LogOptions {
  std::vector<std::string> servers;  // empty: every target of the run
  bool follow = false;
};

// Prints what the run's servers printed, one after the other; while following, lines of several servers carry the
// server's name in front. `name` is a ReleaseRun or a Release (then its current run). The exit code.
int printLogs(Context& context, const std::string& name, const LogOptions& options);

// An object with the subresource `log`.
struct LogSource {
  Kind kind;
  ObjectKey key;
  bool follow = false;
};
// The same for servers that are known.
int printServerLogs(Context& context, client::ApiClient& api, const LogSource& source,
                    const std::vector<std::string>& servers);

}  // namespace slipway::cli
