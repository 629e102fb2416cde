#pragma once

#include <cstdlib>
#include <string>

#include <unistd.h>

namespace slipway {

inline bool runnable(const std::string& path) { return ::access(path.c_str(), X_OK) == 0; }

// Where tests/support/real/go_program.sh puts what it builds.
inline std::string builtProgram(const std::string& name) {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  return (cache != nullptr ? std::string(cache) : std::string(home == nullptr ? "" : home) + "/.cache") +
         "/slipway/programs/" + name;
}

}  // namespace slipway
