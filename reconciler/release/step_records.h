#pragma once

#include "reconciler/api/run.h"
#include "reconciler/planner/plan.h"
#include "reconciler/ports/provider.h"
#include "reconciler/release/active_run.h"

namespace slipway::release {

// Pure changes of a run's record. The caller makes the changed record durable: before the effect for markStarted, after
// it for applyResult.

// A new try of an operation, after so many before it.
struct Try {
  int attempt = 1;
  const std::string& operationId;
};
StepRecord beginTry(const Try& next, int before, WallTime now);

// Running, under this operation id. A step that was made anew (a lost preparation) drops what followed from the old
// one.
void markStarted(RunTarget& target, const planner::PlannedStep& step, WallTime now);

// The same for a change of traffic.
void markStarted(RunStatus& status, const planner::PlannedTraffic& traffic, WallTime now);

// What became of a change of traffic; as applyResult. The verified weight is what was last read back, whatever became
// of the change.
bool applyTraffic(TrafficChange& traffic, const Message& message, WallTime now);

// What became of a step. Results of an operation that the record no longer names are ignored: false.
bool applyResult(RunTarget& target, StepKind kind, const std::string& operationId, const StepResult& result,
                 WallTime now);

// A running record and what became of its operation.
void settle(StepRecord& record, const StepResult& result, WallTime now);

// A named part of a running step began.
bool applyProgress(RunTarget& target, StepKind kind, const std::string& operationId, const std::string& phase);

// What was confirmed for one weight is confirmed again for the next.
void forgetConfirmations(RunStatus& status);

// Failed and unknown steps may be tried again from the start: a person asked for it.
void forgetFailures(RunStatus& status);

// "exit code 3", the status's message, or both.
std::string describeResult(const StepResult& result);

}  // namespace slipway::release
