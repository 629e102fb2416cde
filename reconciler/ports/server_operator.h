#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/ports/provider.h"

namespace slipway {

// What a person asks of a server outside of runs. Views only look: they take no lock and make nothing. Changes are made
// under the environment's lock and are repeatable by their form.
struct ServerOperation {
  std::string operationId;  // "[a-z0-9.-]+"
  RemoteTarget target;
  std::string application;
  Layout layout;
  std::uint64_t fence = 0;
  SteadyTime deadline;
  // "processes", "system" [machine], "permissions" [fix], "cleanup" emergency|usual KEEP..., "logs" STREAM LINES,
  // "fallback" to|back FOLDER STOP START SECONDS.
  std::string verb;
  std::vector<std::string> words;
  std::string releaseId;  // that is live; empty: none
  SlotRef slot;
  std::optional<ProcessManager> manager;
  Duration timeout = std::chrono::minutes(5);  // of one action of the manager
  bool changes = false;
  bool follow = false;  // goes on until the deadline, which is no failure, or until it is cancelled
};

struct ServerOperationEvents {
  // Exactly once, on any thread; short, must not block. `facts` is what was seen, at most 500 lines:
  // "Process\tpid=4711\trelease=1.2.0".
  std::function<void(StepResult result, std::vector<std::string> facts)> done;
  // What was printed, in whole lines; safe for a terminal.
  std::function<void(std::string_view)> output;
};

// Does such things. Thread-safe; never blocks.
class ServerOperator {
 public:
  virtual ~ServerOperator() = default;
  virtual void start(ServerOperation operation, ServerOperationEvents events) = 0;
  // Stops waiting: `done` comes soon, with Refused (Cancelled) or Unknown. A log is not followed any more.
  virtual void cancel(const std::string& operationId) = 0;
};

}  // namespace slipway
