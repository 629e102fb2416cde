#pragma once

#include <vector>

#include "reconciler/api/run.h"
#include "reconciler/base/status.h"

namespace slipway::release {

// Whether the members of spec.cluster could ever be replaced in turn. Invalid says what is wrong with them.
Status checkCluster(const ReleaseSpec& spec, const std::vector<RunTarget>& targets);

}  // namespace slipway::release
