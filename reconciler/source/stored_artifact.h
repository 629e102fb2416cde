#pragma once

#include <memory>
#include <string>
#include <vector>

#include "reconciler/ports/artifact_source.h"
#include "reconciler/source/artifact_manifest.h"
#include "reconciler/source/file_io.h"

namespace slipway::source {

// Reads every content of the pack and compares digests. Invalid names the first file that differs.
Status verifyPack(const std::vector<StoredFile>& files, int pack);

// An artifact over its open pack: it stays readable when the pack is evicted. REQUIRES: verified, sorted by path.
std::shared_ptr<const Artifact> newStoredArtifact(std::string digest, std::vector<StoredFile> files, Fd pack);

}  // namespace slipway::source
