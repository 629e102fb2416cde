#pragma once

#include <string>
#include <string_view>

#include "reconciler/base/clock.h"
#include "reconciler/ports/provider.h"

namespace slipway::vm {

// The exec request, always the same: reads the host script from standard input and runs it. Understood by every login
// shell, /bin/sh being POSIX.
std::string_view hostCommand();

// The host script (providers/vm/host), framed as hostCommand expects it.
const std::string& hostScript();

// One argument in the host script's framing: any bytes but NUL.
std::string hostField(std::string_view value);

// The arguments of a step as the host script reads them. `remaining` is what the target may take, rounded up to
// seconds. Invalid, naming the field, when something in the request cannot or must not be sent.
Result<std::string> encodeRequest(const StepRequest& request, Duration remaining);

// "observe", "prepare", …
std::string_view stepName(const StepAction& action);

}  // namespace slipway::vm
