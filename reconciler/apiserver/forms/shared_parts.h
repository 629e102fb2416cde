#pragma once

#include "reconciler/base/json.h"

namespace slipway::apiserver {

// The same value, which shares with `older` in memory all objects and lists that are equal in both at the same place:
// so what a write left as it was is known at a glance, and versions of one object cost little beside one another.
Json sharingWith(const Json& older, const Json& value);

}  // namespace slipway::apiserver
