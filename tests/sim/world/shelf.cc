#include "tests/sim/world/shelf.h"

#include "cmd/slipwayd/own_definitions.h"
#include "reconciler/apiserver/object_writer.h"
#include "reconciler/apiserver/registry_install.h"
#include "reconciler/base/strings.h"
#include "tests/sim/world/control_loop.h"
#include "tests/support/fake_artifact.h"

namespace slipway::sim {

Shelf::Shelf() {
  Timeline time(1);
  ProcessClock clock(time);
  SimRandom random(1);
  NullMetrics metrics;
  NullLogger log;
  SimStore store(fresh_, {[] { return SimStore::Sync::Fine; }, [](const Record&) {}});
  auto registry = apiserver::Registry::open({store, clock, random, metrics, log, &definitions_});
  apiserver::ObjectWriter writer(**registry);
  const auto own = daemon::ownDefinitions();
  if (const Status installed = apiserver::install(**registry, writer, *own); !installed) {
    std::abort();
  }
}

std::shared_ptr<const Artifact> Shelf::artifact(const std::string& version) {
  auto& made = artifacts_[version];
  if (made == nullptr) {
    std::map<std::string, FakeArtifact::File> files{{"version", {cat(version, "\n")}},
                                                    {"bin/app", {"#!/bin/sh\n", ArtifactFile::Type::Executable}}};
    // Half of all versions share most of their files.
    files["lib/common"] = {cat("common ", version.size() % 2, "\n")};
    files["link"] = {"bin/app", ArtifactFile::Type::Symlink};
    if (version.find("empty") != std::string::npos) {
      files.erase("bin/app");
      files.erase("link");
    }
    made = std::make_shared<FakeArtifact>(std::move(files));
  }
  return made;
}

Result<SourceRevision> SimSource::resolve(const SourceSpec& spec, const SourceCredentials&) {
  if (!before_()) {
    return Status(Code::Unavailable, "the process has ended");
  }
  const std::string tag = spec.git.has_value() ? spec.git->ref.tag : spec.directory->path;
  if (faults_.strikes(57)) {
    return Status(Code::NotFound, cat("there is no tag ", tag));
  }
  if (faults_.strikes(58)) {
    return Status(faults_.detail() % 2 == 0 ? Code::Unavailable : Code::Timeout, "the remote does not answer");
  }
  return SourceRevision{faults_.strikes(59) ? tag + "-moved" : tag, tag};
}

Result<std::shared_ptr<const Artifact>> SimSource::fetch(const SourceSpec&, const SourceCredentials&,
                                                         const SourceRevision& revision) {
  if (!before_()) {
    return Status(Code::Unavailable, "the process has ended");
  }
  if (faults_.strikes(58)) {
    return Status(faults_.detail() % 2 == 0 ? Code::Unavailable : Code::Timeout, "the object is damaged, try again");
  }
  return shelf_.artifact(revision.id);
}

}  // namespace slipway::sim
