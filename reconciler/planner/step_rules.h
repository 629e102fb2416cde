#pragma once

#include "reconciler/api/run.h"

namespace slipway::planner {

// What may follow a step that did not succeed.
enum class NextTry {
  No,      // it failed for good
  SameId,  // the effect may have happened, or never began: again under the same operation id
  NewId,   // it failed and is known to have ended: a new effect
};

// By the class of its error and how often it was tried. The spec gives the number of verifications, and says whether
// the build may run again.
NextTry nextTry(StepKind kind, const StepRecord& record, const ReleaseSpec& spec);

// How long to wait before try number `tries` + 1: the health interval for Verify, else 1 s doubling to 30 s.
Duration retryDelay(StepKind kind, int tries, const Health& health);

// Whether the step looks at a running instance: Verify, Confirm, Recheck.
bool verifies(StepKind kind);

// The server had no room for it: it is looked at and old releases are removed before the next try.
bool outOfRoom(const StepRecord& record);

// The step never began on the target: nothing is recorded there under its id.
bool neverBegan(const StepRecord& record);

// The prepared directory was found changed or gone: it must be made again.
bool preparationIsLost(const StepRecord& check);

// Whether anything of this step may be visible on the target.
bool wasStarted(const RunTarget& target, StepKind kind);

// Whether after the way back the old version is to be started on this target; a manager stops the new one where there
// was none.
bool restartsOld(const ReleaseSpec& spec, const RunTarget& target);

// Whether the release runs a process command on this target for this kind of step.
bool runsProcess(const ReleaseSpec& spec, StepKind kind, const std::string& target);

// The manager of that Release's process on that server, as it is called there; nothing where none runs it.
std::optional<ProcessManager> managerOn(const ReleaseSpec& spec, const std::string& release, const std::string& server);

}  // namespace slipway::planner
