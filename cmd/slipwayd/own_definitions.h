#pragma once

#include <vector>

#include "reconciler/base/json.h"
#include "reconciler/base/status.h"

namespace slipway::daemon {

// The definitions of Slipway's own kinds, which the API server serves like any other CustomResourceDefinition.
Result<std::vector<Json>> ownDefinitions();

}  // namespace slipway::daemon
