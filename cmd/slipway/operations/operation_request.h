#pragma once

#include "cmd/slipway/context.h"
#include "reconciler/api/operation.h"

namespace slipway::cli {

struct OperationRequest {
  OperationSpec spec;
  Duration wait = std::chrono::minutes(10);  // for its end; 0: for ever
  OutputForm form = OutputForm::Text;
};

// Makes an Operation, waits for its end and shows what came of it. What only looks is removed afterwards, also when it
// is interrupted. The exit code: kFailed also for deviations that were found and not put right.
int operate(Context& context, OperationRequest request);

}  // namespace slipway::cli
