#pragma once

#include <string>

#include "reconciler/api/run.h"
#include "reconciler/planner/plan.h"
#include "reconciler/ports/provider.h"

namespace slipway::release {

// Pure changes of what a run records about its hooks, as those of step_records.h.

// Running, under this operation id, on or for this server.
void markStarted(HookRecord& known, const planner::PlannedHook& hook, const std::string& server, WallTime now);

// What became of it. False: the record no longer names the operation.
bool applyHook(HookRecord& known, const std::string& operationId, const StepResult& result, WallTime now);

// A person asked to try again: what failed begins anew. One of which nobody knows whether it happened does so only
// where the run waits because of that.
void forgetHookFailures(RunStatus& status);

// Whether the run waits because of a hook, and a person may say that what it should have done is so.
bool asksAboutHooks(const ReleaseRun& run);
void takeHooksAsDone(ReleaseRun& run);

// Of a retry: hooks of the build that were through are not run again where the servers stay prepared.
void keepHooks(const ReleaseRun& from, RunStatus& status);

}  // namespace slipway::release
