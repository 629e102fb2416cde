#pragma once

#include <functional>
#include <string>

#include "reconciler/ports/provider.h"

namespace slipway::release {

// Brings a server that ran out of room up to date: looks at it, removes the releases that `retire` (a request for a
// RetireStep) does not keep, and looks again. Calls `done` once, on the provider's thread, with the request's operation
// id; the result's observation is the last look, its message the numbers. The provider must outlive it.
void makeRoom(Provider& provider, StepRequest retire, std::function<void(std::string, StepResult)> done);

}  // namespace slipway::release
