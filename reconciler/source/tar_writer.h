#pragma once

#include <cstdint>
#include <string>

#include "reconciler/ports/artifact_source.h"

namespace slipway::source {

// The header blocks of one member: no time, owner 0, mode 0644, 0755 or 0777. Paths that ustar's fields cannot hold get
// a pax record, and after it a GNU long-name member, which is all that BusyBox understands.
std::string tarHeader(const ArtifactFile& file, const std::string& linkTarget);
// Zeros up to the next block.
std::string tarPadding(std::uint64_t contentSize);
// The two zero blocks that end an archive.
std::string tarEnd();

}  // namespace slipway::source
