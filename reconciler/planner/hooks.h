#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reconciler/planner/plan.h"
#include "reconciler/planner/step_rules.h"

namespace slipway::planner {

// The hooks of one point of a run, for some of its targets.
struct HookCall {
  HookPoint at = HookPoint::BeforeSwitch;
  std::vector<std::size_t> targets;
  bool back = false;  // of servers that are taken back: operations of their own
};

// Where they are. One hook after the other in the order of the spec, each on all its servers at once up to maxParallel.
struct HookStage {
  std::string name;               // the hook that it is at; empty: all are through
  std::vector<PlannedHook> wave;  // to be running now
  std::optional<Duration> nextTry;
  std::vector<std::string> failed;  // keys of those that failed for good and were not to be ignored
  bool unknown = false;             // one of them may have happened or not, and must not be repeated

  bool through() const { return name.empty(); }
};
HookStage surveyHooks(const PlanInput& input, const HookCall& call);

// What may follow a hook that did not succeed; never a new operation: that only a person asks for.
NextTry nextHookTry(const Hook& hook, const StepRecord& record);

// Whether nobody can find out what became of it once it was sent: effect class E4.
bool cannotBeAsked(const Hook& hook);

// The hook that a key of RunStatus::hooks is about; nullptr: the spec has none of that name.
const Hook* hookOf(const ReleaseSpec& spec, const std::string& key);

// Those that are recorded as running, under their operation ids.
std::vector<PlannedHook> runningHooks(const PlanInput& input);

// A hook of a key may still be on its way although what it belongs to was given up: not those that end a run.
bool goesForward(const Hook& hook, const std::string& key);

// Whether a person can say that what a hook should have done is so: it failed, or nobody knows, and the run waits.
bool asksAboutHook(const ReleaseSpec& spec, const std::string& key, const HookRecord& record);

// "backup on web1: exit code 3; …"
std::string describeHooks(const RunStatus& status, const std::vector<std::string>& keys);

// What failed without deciding anything, for the end of a run's message: "; hook notify: …".
std::string hookNotes(const PlanInput& input);

}  // namespace slipway::planner
