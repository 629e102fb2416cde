#pragma once

#include <memory>
#include <string>
#include <vector>

#include "reconciler/api/source_spec.h"
#include "reconciler/base/status.h"
#include "reconciler/ports/artifact_source.h"
#include "reconciler/source/artifact_store.h"

namespace slipway::source {

// Directories on the controller's machine. The content is the revision: resolve reads it into the store. Empty
// directories are not part of it, as in git. Thread-safe; blocks on the disk.
class DirectoryReader {
 public:
  DirectoryReader(ArtifactStore& store, std::vector<std::string> roots) : store_(store), roots_(std::move(roots)) {}

  // One consistent snapshot. Unavailable when files keep changing while they are read.
  Result<std::shared_ptr<const Artifact>> read(const DirectorySource& source) const;

 private:
  Result<Fd> openRoot(const std::string& path) const;

  ArtifactStore& store_;
  const std::vector<std::string> roots_;
};

}  // namespace slipway::source
