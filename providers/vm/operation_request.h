#pragma once

#include <string>

#include "reconciler/base/clock.h"
#include "reconciler/ports/server_operator.h"

namespace slipway::vm {

// The host script with what only operations need (providers/vm/operations), framed.
const std::string& operationScript(const std::optional<ProcessManager>& manager);

// The arguments of an operation as the script reads them. Invalid, naming the field, when something cannot be sent.
Result<std::string> encodeOperation(const ServerOperation& operation, Duration remaining);

}  // namespace slipway::vm
