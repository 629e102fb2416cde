#pragma once

#include <string>
#include <vector>

#include "reconciler/api/run.h"
#include "reconciler/release/services.h"

namespace slipway::release {

// Whether this controller and these servers can do what the strategy asks for. Invalid or NotFound names the field; no
// run exists then.
Status checkStrategy(const Services& services, const std::string& ns, const ReleaseSpec& spec,
                     const std::vector<RunTarget>& targets);

}  // namespace slipway::release
