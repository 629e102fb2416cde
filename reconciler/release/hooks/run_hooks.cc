// The part of RunDriver that runs hooks.
#include "reconciler/base/strings.h"
#include "reconciler/planner/hooks.h"
#include "reconciler/release/hooks/hook_launch.h"
#include "reconciler/release/hooks/hook_records.h"
#include "reconciler/release/run_driver.h"
#include "reconciler/release/step_records.h"

namespace slipway::release {

void RunDriver::takeHook(const Message& message) {
  for (auto& [key, known] : run_.status.hooks) {
    const auto target = std::find_if(run_.status.targets.begin(), run_.status.targets.end(),
                                     [&, server = known.server](const RunTarget& one) { return one.name == server; });
    const bool ours = known.record.operationId == message.operationId && message.result.has_value();
    if (!ours || target == run_.status.targets.end()) {
      continue;
    }
    const StepResult& result = *message.result;
    if (takeFenceRefusal(*target, known.record, result) ||
        !applyHook(known, message.operationId, result, services_.clock.wall())) {
      return;
    }
    services_.metrics.observe(
        "slipway_step_duration_seconds",
        {{"step", std::string(stepName(StepKind::Hook))}, {"outcome", std::string(stateName(known.record.state))}},
        std::chrono::duration<double>(result.duration).count());
    const Hook* hook = planner::hookOf(run_.spec.spec, key);
    if (known.record.state == StepState::Done || hook == nullptr) {
      return;
    }
    if (result.phase == "gone") {
      target->gone = true;
    }
    if (planner::nextHookTry(*hook, known.record) == planner::NextTry::No) {
      announce(EventType::Warning, "HookFailed",
               cat("hook ", hook->name, " on ", known.server, ": ", known.record.message));
    } else {
      active_.hookNotBefore[key] =
          services_.clock.steady() + planner::retryDelay(StepKind::Hook, known.record.tries, {});
    }
    return;
  }
}

// What was sent by a process that is gone and cannot be asked about is not sent again.
bool RunDriver::settleLostHooks(const std::vector<planner::PlannedHook>& hooks) {
  bool lost = false;
  for (const planner::PlannedHook& hook : hooks) {
    const auto known = run_.status.hooks.find(hook.key);
    const bool began = known != run_.status.hooks.end() && known->second.record.state == StepState::Running &&
                       known->second.record.operationId == hook.operationId;
    const bool ours = active_.inFlight.contains(hook.operationId) || active_.hooksToSend.contains(hook.operationId);
    if (!began || ours || !planner::cannotBeAsked(run_.spec.spec.hooks[hook.hook])) {
      continue;
    }
    StepResult result = StepResult::refused(
        {Code::OutcomeUnknown, "the controller stopped after it was about to send the request, and before the answer"},
        "http");
    result.outcome = StepResult::Outcome::Unknown;
    applyHook(known->second, hook.operationId, result, services_.clock.wall());
    lost = true;
  }
  return lost;
}

std::vector<planner::PlannedHook> RunDriver::markHooks(const std::vector<planner::PlannedHook>& hooks) {
  std::vector<planner::PlannedHook> fresh;
  for (const planner::PlannedHook& hook : hooks) {
    if (active_.inFlight.contains(hook.operationId) || moves(run_.status.targets[hook.target])) {
      continue;
    }
    markStarted(run_.status.hooks[hook.key], hook, run_.status.targets[hook.target].name, services_.clock.wall());
    active_.hooksToSend.insert(hook.operationId);
    fresh.push_back(hook);
  }
  return fresh;
}

std::map<std::string, Duration> RunDriver::coolingHooks() const {
  std::map<std::string, Duration> out;
  for (const auto& [key, when] : active_.hookNotBefore) {
    if (const Duration left = when - services_.clock.steady(); left > Duration(0)) {
      out[key] = left;
    }
  }
  return out;
}

void RunDriver::launchHooks(const std::vector<planner::PlannedHook>& fresh, std::size_t underWay) {
  if (underWay > 0) {
    active_.mailbox->setEager(true);  // what a crash would make a question is written down at once
  }
  const LaunchEvents launched = launchEvents();
  for (const planner::PlannedHook& hook : fresh) {
    active_.inFlight.insert(hook.operationId);
    active_.hooksToSend.erase(hook.operationId);
    active_.hookNotBefore.erase(hook.key);
    const std::uint64_t fence = launchContext().fence(run_.status.targets[hook.target]);
    startHook({services_.reader, services_.provider, services_.outbound, services_.clock},
              {run_, hook, fence, release_.status.versions.applied}, {launched.done, launched.output});
  }
}

void RunDriver::killHook(const std::string& operation) {
  for (const auto& [key, known] : run_.status.hooks) {
    for (const RunTarget& target : run_.status.targets) {
      if (known.record.operationId == operation && target.name == known.server) {
        launcher_.abort(launchContext(), target, operation, launchEvents());
      }
    }
  }
}

}  // namespace slipway::release
