#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/status.h"

namespace slipway {

struct RunLogChunk {
  std::string text;
  std::uint64_t next = 0;  // where to read on
  bool truncated = false;  // the log is at its size limit: later output was dropped
};

// What each target printed during a run, kept beside the store. Thread-safe. `run` is the ReleaseRun's uid.
class RunLog {
 public:
  virtual ~RunLog() = default;
  // Appends, up to a limit per target (1 MiB by default); what is over it is dropped and marked.
  virtual void append(const std::string& run, const std::string& target, std::string_view text) = 0;
  // From byte `offset` on, at most `limit` bytes. NotFound when that target printed nothing.
  virtual Result<RunLogChunk> read(const std::string& run, const std::string& target, std::uint64_t offset,
                                   std::size_t limit) const = 0;
  virtual std::vector<std::string> targets(const std::string& run) const = 0;
  virtual void remove(const std::string& run) = 0;
};

}  // namespace slipway
