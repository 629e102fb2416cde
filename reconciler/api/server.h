#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "reconciler/api/conditions.h"
#include "reconciler/api/meta.h"
#include "reconciler/base/clock.h"
#include "reconciler/base/status.h"

namespace slipway {

// One machine reachable over SSH.
struct ServerSpec {
  std::string address;
  std::uint16_t port = 22;
  std::string user = "root";
  std::string keySecret;                             // Secret of the same namespace
  std::string keySecretKey = "ssh-privatekey";       // its data key
  std::vector<std::string> hostKeys;                 // "ssh-ed25519 AAAA…"; none: not enrolled
  Duration probeInterval = std::chrono::minutes(5);  // how often it is asked whether it answers; 0: never
  Duration probeTimeout = std::chrono::seconds(15);
  bool operator==(const ServerSpec&) const = default;
};

// What the machine said it has when it was last asked; -1: it did not say.
struct ServerCapacity {
  std::int64_t cpuMilli = -1;  // thousandths of a processor
  std::int64_t memory = -1;    // bytes in all
  std::int64_t diskFree = -1;  // bytes free on /
  bool operator==(const ServerCapacity&) const = default;
};

struct ServerStatus {
  std::int64_t observedGeneration = -1;
  std::vector<Condition> conditions;
  std::string probedAt;  // when it was last asked
  std::string seenAt;    // when it last answered
  ServerCapacity capacity;
  bool operator==(const ServerStatus&) const = default;
};

struct Server {
  ObjectMeta meta;
  ServerSpec spec;
  ServerStatus status;
};

Result<Server> serverFromJson(const Json& object);
Json toJson(const ServerSpec& spec);
Json toJson(const ServerStatus& status);

}  // namespace slipway
