#pragma once

#include "reconciler/api/operation.h"
#include "reconciler/ports/provider.h"

namespace slipway::release {

// Pure. What a server answered, into its record. Of `targets` servers each has a share of what an object may hold.
void takeResult(OperationTarget& target, const StepResult& result, const std::string& now);
void takeFacts(OperationTarget& target, const std::vector<std::string>& facts, std::size_t targets);

// Pure. How the Operation ends: `why` when it could not be begun or gone on with.
void concludeOperation(OperationStatus& status, const OperationSpec& spec, const Status& why, const std::string& now);

// Conditions by the phase.
void judgeOperation(OperationStatus& status, std::int64_t generation, WallTime now);

}  // namespace slipway::release
