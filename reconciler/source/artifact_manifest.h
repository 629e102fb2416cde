#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/status.h"
#include "reconciler/ports/artifact_source.h"

namespace slipway::source {

// A file and where its content begins in the artifact's pack.
struct StoredFile {
  ArtifactFile file;
  std::uint64_t offset = 0;
};

// "sha256:…" over type, content digest, size and path of every file. REQUIRES: sorted by path.
std::string artifactDigest(const std::vector<StoredFile>& files);

std::string encodeManifest(const std::vector<StoredFile>& files);
// Invalid when it is not ours or damaged.
Result<std::vector<StoredFile>> decodeManifest(std::string_view text);

// Invalid for a name that could leave the tree, hide from a person or not be stored: empty, ".", "..", ".git", control
// characters, too long, too deep.
Status checkPath(std::string_view path);

// Invalid when two entries claim the same place, or a symbolic link (`targets`, by path) leads out of the tree, as the
// kernel would walk it. REQUIRES: sorted by path. Links to what is not there are allowed.
Status checkTree(const std::vector<StoredFile>& files, const std::map<std::string, std::string>& targets);

}  // namespace slipway::source
