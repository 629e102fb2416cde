// The part of RunPass that runs hooks.
#include <algorithm>
#include <numeric>

#include "reconciler/base/strings.h"
#include "reconciler/planner/hooks.h"
#include "reconciler/planner/run_pass.h"

namespace slipway::planner {

namespace {

std::vector<std::size_t> everyTarget(const RunStatus& status) {
  std::vector<std::size_t> out(status.targets.size());
  std::iota(out.begin(), out.end(), 0);
  return out;
}

std::string serversOf(const RunStatus& status, const std::vector<PlannedHook>& wave) {
  constexpr std::size_t kShown = 3;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < wave.size() && i < kShown; ++i) {
    names.push_back(status.targets[wave[i].target].name);
  }
  const std::string more = wave.size() > kShown ? cat(" and ", wave.size() - kShown, " more") : "";
  return names.empty() ? "" : cat(" on ", join(names, ", "), more);
}

}  // namespace

std::optional<Plan> RunPass::hooksOfRun(HookPoint point, RunPhase phase) {
  return hooks({point, everyTarget(status_)}, phase);
}

// Nothing when they are through, or what failed of them is to be ignored.
std::optional<Plan> RunPass::hooks(const HookCall& call, RunPhase phase) {
  const HookStage stage = surveyHooks(input_, call);
  if (stage.through()) {
    return std::nullopt;
  }
  if (!stage.wave.empty() || stage.nextTry.has_value()) {
    plan_.hooks = stage.wave;
    plan_.checkAgain = stage.nextTry;
    if (phase == RunPhase::RollingBack) {
      return at(phase, status_.decisions.revertReason, status_.decisions.revertMessage);
    }
    return at(phase, "RunningHooks",
              cat("hook ", stage.name, " (", hookPointName(call.at), ")", serversOf(status_, stage.wave)));
  }
  const std::string what = cat("hook ", describeHooks(status_, stage.failed));
  if (phase == RunPhase::RollingBack) {
    return at(RunPhase::Paused, "RollbackIncomplete",
              cat("every link is back, but ", what, "; resume to try again, promote when it is as it should be"));
  }
  if (stage.unknown) {
    return decide(Decision::Hold, "HookOutcomeUnknown",
                  cat(what,
                      "; nobody knows whether it happened: resume to run it again, promote to go on as if it had "
                      "succeeded, abort to give up"));
  }
  return status_.decisions.commit.empty() ? failing("HookFailed", cat(what, "; nothing was switched"))
                                          : failed(StepKind::Hook, what);
}

Plan RunPass::failing(std::string reason, const std::string& message) {
  if (std::optional<Plan> next = hooksOfRun(HookPoint::OnFailure, status_.phase)) {
    next->message = message;
    next->reason = std::move(reason);
    return *next;
  }
  return outcome(RunPhase::Failed, std::move(reason), cat(message, hookNotes(input_)));
}

// Before the way back begins, what is still on its way forward ends: a command is killed, a request is waited for.
std::optional<Plan> RunPass::endHooks(RunPhase phase) {
  for (PlannedHook& hook : runningHooks(input_)) {
    const Hook& spec = input_.run.spec.hooks[hook.hook];
    const bool forward = goesForward(spec, hook.key);
    if (!forward && phase == RunPhase::RollingBack) {
      continue;  // of the way back
    }
    if (forward && !spec.http.has_value()) {
      plan_.abort.push_back(hook.operationId);
    } else {
      plan_.hooks.push_back(std::move(hook));
    }
  }
  if (plan_.hooks.empty() && plan_.abort.empty()) {
    return std::nullopt;
  }
  return at(phase, "EndingHooks", cat("stopping ", plan_.hooks.size() + plan_.abort.size(), " hooks"));
}

bool RunPass::tellsOfFailure() const {
  const bool began = std::any_of(status_.hooks.begin(), status_.hooks.end(), [&](const auto& one) {
    const Hook* hook = hookOf(input_.run.spec, one.first);
    return hook != nullptr && hook->at == HookPoint::OnFailure;
  });
  return began || status_.decisions.abort.empty() || status_.decisions.revertReason != abortReason();
}

}  // namespace slipway::planner
