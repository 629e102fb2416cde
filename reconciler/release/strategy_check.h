#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reconciler/api/run.h"
#include "reconciler/release/services.h"

namespace slipway::release {

// How the message of a shortage begins.
inline constexpr std::string_view kInsufficientCapacity = "insufficient server capacity";

// Whether this controller and these servers can do what the strategy asks for. Invalid or NotFound names the field,
// or every server that lacks room; no run exists then.
Status checkStrategy(const Services& services, const std::string& ns, const ReleaseSpec& spec,
                     const std::vector<RunTarget>& targets);

}  // namespace slipway::release
