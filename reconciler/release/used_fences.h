#pragma once

#include <cstdint>

#include "reconciler/api/run.h"
#include "reconciler/ports/objects.h"

namespace slipway::release {

// The highest fencing number that runs of the application used, except that one, as far as their records tell. The
// records outlive a lease that is deleted: without them a new one could start below the number of a holder that still
// acts, on servers that have not seen it.
std::uint64_t usedFences(const ApiReader& reader, const ObjectKey& application, const std::string& exceptUid = {});

}  // namespace slipway::release
