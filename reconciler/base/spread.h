#pragma once

#include <string_view>

#include "reconciler/base/clock.h"

namespace slipway {

// What many objects do now and then shall not happen at one moment: each has a place of its own in an interval.

// At least 0 and below 1, the same for one text always: an object's uid.
double placeOf(std::string_view text);

// That fraction of a duration.
Duration part(Duration whole, double fraction);

}  // namespace slipway
