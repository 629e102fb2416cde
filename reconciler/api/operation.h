#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/api/conditions.h"
#include "reconciler/api/kinds.h"
#include "reconciler/api/meta.h"
#include "reconciler/base/clock.h"
#include "reconciler/base/status.h"

namespace slipway {

inline constexpr Kind kOperation{kGroup, kVersion, "Operation", "operations"};

// What an operator asks of the servers of a release, outside of runs.
enum class OperationAction { Processes, Logs, Restart, Reload, Stop, Start, System, Permissions, Cleanup, Fallback };
std::string_view actionName(OperationAction action);

enum class LogStream { Combined, Out, Error };

// Immutable.
struct OperationSpec {
  OperationAction action = OperationAction::Processes;
  std::string release;               // empty: machines alone, for System
  std::vector<std::string> servers;  // only these; empty: all of the release
  LogStream stream = LogStream::Combined;
  int lines = 50;
  bool follow = false;     // Logs: goes on until the time-out, or the Operation is deleted
  bool allAtOnce = false;  // Restart, Reload: else one server after another
  bool fix = false;        // Permissions: put them right
  std::string fallBackTo;  // Fallback: a folder on each server; empty: back to the release that was live before
  bool emergency = false;  // Cleanup: keep no more than what is needed, and empty the logs
  Duration timeout = std::chrono::minutes(5);  // on one server
  Duration ttl = std::chrono::hours(1);        // how long the record is kept after the end
  std::string requestedBy;
  bool operator==(const OperationSpec&) const = default;

  // Whether something on servers may be another afterwards: then no run may be going on.
  bool changes() const;
};

enum class OperationPhase { Pending, Running, Succeeded, Failed, Refused };
std::string_view operationPhaseName(OperationPhase phase);
inline bool hasEnded(OperationPhase phase) { return phase > OperationPhase::Running; }

// One thing that was seen: a process, a file system, a port. What the values are called depends on the type.
struct OperationFact {
  std::string type;
  std::map<std::string, std::string> values;
  bool operator==(const OperationFact&) const = default;
};

enum class OperationState { Pending, Running, Done, Failed, Unknown };

struct OperationTarget {
  std::string name;
  std::string uid;
  std::string destination;
  OperationState state = OperationState::Pending;  // Pending at the end: it was not begun
  std::string operationId;                         // of what is done there, the same after a restart of the controller
  bool seen = false;                               // release and slot are known
  std::string release;                             // that `current` named there
  std::string slot;
  std::string startedAt;
  std::string finishedAt;
  std::string message;
  std::string code;
  int exitCode = -1;
  std::string tail;
  bool alreadyDone = false;
  std::vector<OperationFact> facts;
  bool operator==(const OperationTarget&) const = default;
};

struct OperationStatus {
  std::int64_t observedGeneration = -1;
  std::vector<Condition> conditions;
  OperationPhase phase = OperationPhase::Pending;
  std::string message;
  std::string startedAt;
  std::string finishedAt;
  std::uint64_t fence = 0;
  std::vector<OperationTarget> targets;
  bool operator==(const OperationStatus&) const = default;
};

struct Operation {
  ObjectMeta meta;
  OperationSpec spec;
  OperationStatus status;
};

Result<Operation> operationFromJson(const Json& object);
Json toJson(const OperationSpec& spec);
Json toJson(const OperationStatus& status);

}  // namespace slipway
