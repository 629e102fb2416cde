#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "reconciler/api/traffic.h"
#include "reconciler/ports/command_runner.h"

namespace slipway {

// What can be asked of a proxy. Each is repeatable under its operation id: what is so already answers Done with
// `alreadyDone`, and neither reloads nor writes anything.

// E0. What the service has, from its configuration and from the running proxy.
struct ReadTraffic {};

// E1: conditional on the configuration that was read. The weights of these backends; others keep theirs. Refused and
// nothing changed: NotFound when one of them is no backend of the service, Invalid when a weight is not within
// 0..kMaxBackendWeight. Done only when the running proxy was seen with all of them.
// With `stickiness` a visitor stays with the backend that answered first as long as that has a weight; whoever comes
// without the cookie is shared out by the weights. A backend with weight 0 gets nobody then, cookie or not. Without,
// the cookie that was set here before is gone. Refused: Invalid where the proxy can do no such thing, Conflict where a
// person's own cookie is in the way (haproxy).
struct SetWeights {
  std::map<std::string, int> weights;  // by backend name; absolute; 0: no new requests
  Stickiness stickiness = {};
};

// E1. The backend is one of the service, at this address, with weight 0 if it is new; an existing one keeps its weight,
// unless its address differs: then it is re-pointed, which is refused (Conflict) while its weight is over 0. One that a
// person has written without a name is called "ADDRESS:PORT"; added with that address, it takes the name and keeps its
// weight.
struct AddBackend {
  TrafficBackend backend;
};

// E1. The backend is none of the service. Refused (Conflict) while its weight is over 0: drain it first.
struct RemoveBackend {
  std::string name;
};

// E1, then E0 until it is empty: weight 0, then wait until no request or connection of the proxy to it is left, at most
// spec.drainTimeout. Then Done with what is left in `connections`: more than 0 says that the time was up.
struct DrainBackend {
  std::string name;
};

// haproxy with a writeService, E1: this backend takes the writes, all others are its backups.
struct SetWriter {
  std::string name;
};

// E1. The service is as it was before the first change; nothing of ours stays. Done at once where nothing was changed.
struct RestoreTraffic {};

using TrafficAction =
    std::variant<ReadTraffic, SetWeights, AddBackend, RemoveBackend, DrainBackend, SetWriter, RestoreTraffic>;

struct TrafficRequest {
  std::string operationId;  // stable over retries and restarts of the controller; "[a-z0-9.-]+"
  RemoteTarget target;      // the machine that the proxy runs on
  TrafficSpec spec;
  std::string application;  // "namespace/name" of the Release: the owner of the service in the proxy
  std::uint64_t fence = 0;  // a lower number than the machine has seen is refused (Conflict)
  // The observation's version that the change was decided on. Empty: whatever is there, as long as it is what we left
  // there or has never been ours. Refused (Conflict) when it is another now: somebody else changed it.
  std::string expected;
  bool overwriteEdits = false;  // also over what a person changed since our last change; `expected` must be set
  SteadyTime deadline;          // for all of it, a drain's wait included
  TrafficAction action;
};

struct BackendState {
  TrafficBackend backend;
  int weight = 0;        // in effect; for requests that are new
  int connections = -1;  // open from the proxy to it (haproxy: sessions, caddy: requests); -1: not known
  std::string health;    // as the proxy sees it: "up", "down"; empty: it does not look
  bool writer = false;   // takes the writes
};

// What a service was seen to be. `backends` is what the running proxy does, not what a file says.
struct TrafficObservation {
  std::string version;  // opaque, of the configuration; changes with everything that changes the service
  bool owned = false;   // we have changed it and not restored it
  bool edited = false;  // changed by somebody else since our last change, or not what we left there after a restart
  bool live = false;    // the running proxy has this configuration
  std::string problem;  // what is wrong when it is edited or not live, for people
  std::vector<BackendState> backends;  // in order of name
  Stickiness stickiness;               // that we have set, as the running proxy has it

  const BackendState* find(const std::string& name) const {
    for (const BackendState& state : backends) {
      if (state.backend.name == name) {
        return &state;
      }
    }
    return nullptr;
  }
};

struct TrafficResult {
  // Unknown is never folded into either of the others: read before anything else.
  enum class Outcome { Done, Refused, Unknown };
  Outcome outcome = Outcome::Done;
  // Ok when Done. Refused: nothing was changed, or it was put back. NotFound (no such service or backend), Conflict
  // (edited by somebody else, fencing number, weight not 0), Invalid (the request, or the proxy does not take the
  // configuration), Denied (no permission, login refused), Unavailable (not reachable, proxy not running, a program it
  // takes is missing), Timeout, Cancelled.
  Status status;
  bool alreadyDone = false;
  std::string tail;  // what the proxy's own check printed, last lines
  Duration duration{0};
  TrafficObservation observed;  // after Done always; after Refused where it was read
};

// Changes what one kind of proxy does with a release's traffic. Thread-safe. start never blocks; requests about the
// same service of one machine are for the caller to order.
class TrafficManager {
 public:
  virtual ~TrafficManager() = default;
  // `done` is called exactly once, on the manager's thread; short, must not block.
  virtual void start(TrafficRequest request, std::function<void(const TrafficRequest&, TrafficResult)> done) = 0;
  // Stops waiting: `done` comes soon, with Unknown or Refused (Cancelled).
  virtual void cancel(const std::string& operationId) = 0;
};

}  // namespace slipway
