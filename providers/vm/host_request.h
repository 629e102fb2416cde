#pragma once

#include <string>
#include <string_view>

#include "providers/transport/script_framing.h"
#include "reconciler/base/clock.h"
#include "reconciler/ports/provider.h"

namespace slipway::vm {

using transport::hostCommand;
using transport::hostField;

// The host script (providers/vm/host), framed as hostCommand expects it, with that of the process manager which the
// step is about (providers/vm/managers).
const std::string& hostScript(const StepAction& action);

// The arguments of a step as the host script reads them. `remaining` is what the target may take, rounded up to
// seconds. Invalid, naming the field, when something in the request cannot or must not be sent.
Result<std::string> encodeRequest(const StepRequest& request, Duration remaining);

// "observe", "prepare", …
std::string_view stepName(const StepAction& action);

}  // namespace slipway::vm
