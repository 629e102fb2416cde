#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/api/conditions.h"
#include "reconciler/api/meta.h"
#include "reconciler/base/status.h"

namespace slipway {

// A freeze by a person: no run starts while it is set.
struct DestinationLock {
  std::string message;
  std::string by;
  std::string at;
  bool operator==(const DestinationLock&) const = default;
};

// Where releases go. Type Servers: by name, by label, or both (the union).
struct DestinationSpec {
  std::string type = "Servers";
  std::vector<std::string> servers;
  std::map<std::string, std::string> matchLabels;
  std::optional<DestinationLock> lock;
  bool operator==(const DestinationSpec&) const = default;
};

// The annotation in which a client says who overrode whose lock, in a sentence. It stays, as the record of the last
// time.
inline constexpr std::string_view kLockOverride = "slipway.dev/lock-override";

struct DestinationStatus {
  std::int64_t observedGeneration = -1;
  std::vector<Condition> conditions;
  std::vector<std::string> servers;     // what spec selects now
  std::string activeRun;                // runs that work here now, by name; empty: none
  std::int64_t reachable = 0;           // of the servers: those that answered when they were last asked
  std::optional<DestinationLock> lock;  // as it was last seen
  std::string lockOverride;             // kLockOverride as it was last seen
  bool operator==(const DestinationStatus&) const = default;
};

struct Destination {
  ObjectMeta meta;
  DestinationSpec spec;
  DestinationStatus status;
};

// Reads `server: web1` as a list of one.
Result<Destination> destinationFromJson(const Json& object);
// The names of the servers it selects, ordered, by name and by label. `servers` is every Server of its namespace.
// Invalid names a server that does not exist.
Result<std::vector<std::string>> selectServers(const Destination& destination, const std::vector<ObjectMeta>& servers);

// Whether `labels` has every one of `wanted` with its value.
bool hasLabels(const std::map<std::string, std::string>& labels, const std::map<std::string, std::string>& wanted);

Json toJson(const DestinationSpec& spec);
Json toJson(const DestinationStatus& status);

}  // namespace slipway
