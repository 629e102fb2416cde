#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "reconciler/base/clock.h"
#include "reconciler/base/log.h"
#include "reconciler/ports/artifact_source.h"

namespace slipway::source {

// What one artifact, one fetch and the whole cache may cost. A source beyond a limit is Invalid, and the message names
// the limit.
struct SourceLimits {
  std::uint64_t files = 200'000;               // per artifact
  std::uint64_t artifactBytes = 4ULL << 30U;   // content of one artifact
  std::uint64_t fileBytes = 1ULL << 30U;       // one file
  std::uint64_t gitBlobBytes = 256ULL << 20U;  // one file out of git: it is unpacked in memory
  std::uint64_t fetchBytes = 2ULL << 30U;      // received from a git server in one fetch
  std::uint32_t fetchObjects = 5'000'000;      // in one pack
  std::uint64_t cacheBytes = 20ULL << 30U;     // all artifacts together; the least recently used go first
  std::size_t cacheArtifacts = 500;
  std::size_t cacheRepositories = 100;  // bare mirrors
  Duration connectTime = std::chrono::seconds(10);
  Duration resolveTime = std::chrono::seconds(30);  // asking a git server for its refs
  Duration fetchTime = std::chrono::minutes(10);    // the whole fetch
  Duration stallTime = std::chrono::seconds(30);    // without one byte from the server
};

struct ArtifactSourceOptions {
  std::string cacheDir;  // made when missing, mode 0700; one process at a time
  Clock& clock;
  Logger& logger;
  SourceLimits limits;
  bool allowHttp = false;                   // git over plain http, beyond loopback
  bool allowFile = true;                    // git repositories on the controller's machine
  std::vector<std::string> directoryRoots;  // directory sources must lie in one of them; none: anywhere
  std::string proxy;                        // for git over https: "http://host:port"; never taken from the environment
};

// Directory and git sources over one cache. `clock` and `logger` must outlive it. A cache directory that cannot be used
// shows as Unavailable from resolve and fetch.
std::unique_ptr<ArtifactSource> newArtifactSource(const ArtifactSourceOptions& options);

}  // namespace slipway::source
