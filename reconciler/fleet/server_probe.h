#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "reconciler/api/server.h"
#include "reconciler/base/clock.h"
#include "reconciler/ports/command_runner.h"
#include "reconciler/ports/metrics.h"

namespace slipway::fleet {

// What a server answered when it was last asked.
struct ServerSight {
  WallTime at{};
  Status status;  // ok: it showed a pinned host key, let us in and ran a command
  ServerCapacity capacity;
};

// Asks servers, now and then, whether they let us in: one connection and a
// command that tells what the machine has. Each server has its own
// moment within the interval, and only so many are asked at once. Thread-safe for different servers.
class ServerProbe {
 public:
  struct Ports {
    CommandRunner& runner;
    Clock& clock;
    Metrics& metrics;
    // How to reach a server; an error says what is missing.
    std::function<Result<RemoteTarget>(const ObjectMeta&)> access;
    // Called when a server has answered, on the runner's thread.
    std::function<void(const ObjectKey&)> wake;
  };
  explicit ServerProbe(Ports ports);

  // The last answer, once.
  std::optional<ServerSight> take(const ObjectKey& server);
  // Asks when it is time; how long it is until something is to be done again. REQUIRES: an interval over 0.
  Duration tend(const Server& server);
  void forget(const ObjectKey& server);

 private:
  struct Asking;
  struct Shared;

  std::shared_ptr<Asking> askingOf(const Server& server);
  void ask(const Server& server, const std::shared_ptr<Asking>& asking);

  const Ports ports_;
  const std::shared_ptr<Shared> shared_;
  std::mutex mutex_;
  std::map<ObjectKey, std::shared_ptr<Asking>> asking_;
};

}  // namespace slipway::fleet
