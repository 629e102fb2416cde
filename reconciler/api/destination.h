#pragma once

#include <map>
#include <optional>
#include <string>
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

struct DestinationStatus {
  std::int64_t observedGeneration = -1;
  std::vector<Condition> conditions;
  std::vector<std::string> servers;  // what spec selects now
  std::string activeRun;             // holder of the lease, if any
  bool operator==(const DestinationStatus&) const = default;
};

struct Destination {
  ObjectMeta meta;
  DestinationSpec spec;
  DestinationStatus status;
};

// Reads `server: web1` as a list of one.
Result<Destination> destinationFromJson(const Json& object);
Json toJson(const DestinationSpec& spec);
Json toJson(const DestinationStatus& status);

}  // namespace slipway
