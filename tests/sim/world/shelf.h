#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "reconciler/apiserver/definition_cache.h"
#include "reconciler/ports/artifact_source.h"
#include "tests/sim/world/faults.h"
#include "tests/sim/world/sim_store.h"

namespace slipway::sim {

// What every world of a program shares and none changes: the disk of a fresh installation, compiled definitions,
// artifacts. Not thread-safe.
class Shelf {
 public:
  Shelf();
  const SimDisk& freshDisk() const { return fresh_; }
  apiserver::DefinitionCache& definitions() { return definitions_; }
  // The content that a version has; a version that ends with "-moved" has another.
  std::shared_ptr<const Artifact> artifact(const std::string& version);

 private:
  apiserver::DefinitionCache definitions_;
  SimDisk fresh_;
  std::map<std::string, std::shared_ptr<const Artifact>> artifacts_;
};

// Git as the control loop sees it: the tag is the version.
class SimSource final : public ArtifactSource {
 public:
  SimSource(Shelf& shelf, Faults& faults, std::function<bool()> before)
      : shelf_(shelf), faults_(faults), before_(std::move(before)) {}
  Result<SourceRevision> resolve(const SourceSpec& spec, const SourceCredentials& credentials) override;
  Result<std::shared_ptr<const Artifact>> fetch(const SourceSpec& spec, const SourceCredentials& credentials,
                                                const SourceRevision& revision) override;

 private:
  Shelf& shelf_;
  Faults& faults_;
  std::function<bool()> before_;
};

}  // namespace slipway::sim
