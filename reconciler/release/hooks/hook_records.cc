#include "reconciler/release/hooks/hook_records.h"

#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/planner/hooks.h"
#include "reconciler/release/step_records.h"

namespace slipway::release {
namespace {

bool waitsForAPerson(const RunStatus& status) {
  const std::string reason = status.transitions.empty() ? "" : status.transitions.back().reason;
  return status.phase == RunPhase::Paused &&
         (reason == "HookOutcomeUnknown" || reason == "HookFailed" || reason == "RollbackIncomplete");
}

void startAnew(StepRecord& record) {
  StepRecord fresh;
  fresh.attempt = record.attempt;
  record = std::move(fresh);
}

}  // namespace

void markStarted(HookRecord& known, const planner::PlannedHook& hook, const std::string& server, WallTime now) {
  StepRecord& record = known.record;
  if (record.state == StepState::Running && record.operationId == hook.operationId) {
    return;  // started before a restart: the same try goes on
  }
  const int tries = known.server == server ? record.tries : 0;
  known.server = server;
  record = beginTry({hook.attempt, hook.operationId}, tries, now);
}

bool applyHook(HookRecord& known, const std::string& operationId, const StepResult& result, WallTime now) {
  StepRecord& record = known.record;
  if (record.state != StepState::Running || record.operationId != operationId) {
    return false;
  }
  settle(record, result, now);
  return true;
}

void forgetHookFailures(RunStatus& status) {
  const bool asked = waitsForAPerson(status);
  for (auto& [key, known] : status.hooks) {
    const StepRecord& record = known.record;
    const bool unknown = record.code == codeName(Code::OutcomeUnknown);
    if (record.state == StepState::Unknown || record.state == StepState::Failed) {
      if (asked || !unknown) {
        startAnew(known.record);
      }
    }
  }
}

bool asksAboutHooks(const ReleaseRun& run) {
  return waitsForAPerson(run.status) &&
         std::any_of(run.status.hooks.begin(), run.status.hooks.end(),
                     [&](const auto& one) { return planner::asksAboutHook(run.spec.spec, one.first, one.second); });
}

void takeHooksAsDone(ReleaseRun& run) {
  for (auto& [key, known] : run.status.hooks) {
    if (planner::asksAboutHook(run.spec.spec, key, known)) {
      known.record.state = StepState::Done;
      known.record.message = cat("taken as done by a person; before: ", known.record.message);
    }
  }
}

void keepHooks(const ReleaseRun& from, RunStatus& status) {
  for (const auto& [key, known] : from.status.hooks) {
    const Hook* hook = planner::hookOf(from.spec.spec, key);
    const bool ofBuild = hook != nullptr && (hook->at == HookPoint::BeforeBuild || hook->at == HookPoint::AfterBuild);
    if (!ofBuild || known.record.state != StepState::Done) {
      continue;
    }
    const auto stays = [&, server = known.server](const RunTarget& target) {
      const bool concerned = hook->onEachServer() ? target.name == server : hook->at == HookPoint::AfterBuild;
      return !concerned || target.stateOf(StepKind::Prepare) == StepState::Done;
    };
    if (std::all_of(status.targets.begin(), status.targets.end(), stays)) {
      HookRecord& copy = status.hooks[key] = known;
      copy.record.alreadyDone = true;
      copy.record.attempt = 1;
      copy.record.message = cat("kept from run ", from.meta.name);
    }
  }
}

}  // namespace slipway::release
