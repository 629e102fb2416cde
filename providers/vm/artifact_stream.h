#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "reconciler/base/status.h"
#include "reconciler/ports/artifact_source.h"

namespace slipway::vm {

// A tar archive in an unnamed temporary file, so that one reading of the artifact serves every target, each at its own
// speed. Immutable and thread-safe.
class TarSpool {
 public:
  // Blocks: reads the artifact. `paths`: all when empty. Invalid when the archive could write outside of its tree.
  static Result<std::shared_ptr<const TarSpool>> make(const Artifact& artifact, const std::vector<std::string>& paths);

  std::uint64_t size() const { return size_; }
  // At most `limit` bytes from `offset` on; empty at the end.
  Result<std::string> read(std::uint64_t offset, std::size_t limit) const;

 private:
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Closer> file_;
  std::uint64_t size_ = 0;
};

// The host script's manifest of an artifact: a line for each file, in byte order. Invalid when a path cannot be
// written in it.
Result<std::string> manifestOf(const Artifact& artifact);

// Spools that are in use, so that targets which need the same files share one. Not thread-safe.
class SpoolCache {
 public:
  Result<std::shared_ptr<const TarSpool>> get(const Artifact& artifact, const std::vector<std::string>& paths);

 private:
  std::map<std::string, std::weak_ptr<const TarSpool>> spools_;
};

}  // namespace slipway::vm
