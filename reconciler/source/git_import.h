#pragma once

#include <string>

#include "reconciler/source/artifact_store.h"
#include "reconciler/source/git_call.h"

namespace slipway::source {

// Whether the repository has the commit itself; what it reaches may be missing.
bool hasCommit(git_repository* repository, const std::string& commit);

// Copies the tree of a commit, or one directory of it, out of the object store: nothing is checked out and no filter
// runs. Executable bits and links stay. Invalid for submodules and Git LFS pointers, NotFound for a missing directory.
Status importCommit(git_repository* repository, const std::string& commit, const std::string& path, const GitCall& call,
                    ArtifactWriter& writer);

}  // namespace slipway::source
