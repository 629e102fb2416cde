#include "reconciler/release/step_launcher.h"

#include <algorithm>
#include <map>

#include "reconciler/base/strings.h"
#include "reconciler/planner/step_rules.h"
#include "reconciler/release/health_check.h"
#include "reconciler/release/room.h"
#include "reconciler/release/targets.h"

namespace slipway::release {
namespace {

constexpr Duration kShortStep = std::chrono::minutes(2);
constexpr Duration kGrace = std::chrono::seconds(30);  // over a command's own time-out, for the way there and back

// The look at a new colour that nobody else sees yet.
ExecCheck previewOf(const ReleaseSpec& spec) {
  const bool blueGreen = spec.strategy.type == StrategyType::BlueGreen && spec.strategy.blueGreen.has_value();
  return blueGreen && !spec.strategy.blueGreen->previewRun.empty()
             ? ExecCheck{spec.strategy.blueGreen->previewRun, spec.strategy.blueGreen->previewTimeout}
             : ExecCheck{"", Duration(0)};
}

Duration timeFor(const ReleaseSpec& spec, StepKind kind) {
  const Duration process = (spec.process.has_value() ? spec.process->timeout : Duration(0)) + kGrace;
  switch (kind) {
    case StepKind::Prepare:
      return spec.prepareTimeout;
    case StepKind::Check:
      return kShortStep + (spec.health.beforeSwitch.has_value() ? spec.health.beforeSwitch->timeout : Duration(0));
    case StepKind::Place:
    case StepKind::Switch:
      return spec.strategy.switchTimeout;
    case StepKind::Stop:
    case StepKind::Start:
    case StepKind::ScaleDown:
    case StepKind::Withdraw:
      return process;
    case StepKind::Restart:
      return 2 * process;
    case StepKind::Verify:
    case StepKind::Confirm:
    case StepKind::Recheck:
      return kGrace + previewOf(spec).timeout +
             (spec.process.has_value() && spec.process->manager.has_value() ? kGrace : Duration(0)) +
             (spec.health.process.has_value() ? kGrace : Duration(0)) +
             (spec.health.container.has_value() ? spec.health.timeout : Duration(0)) +
             (spec.health.exec.has_value() ? spec.health.exec->timeout : Duration(0));
    case StepKind::Sync:
    case StepKind::Undo:
    case StepKind::Retire:
    case StepKind::Traffic:
    case StepKind::Hook:
      return kShortStep;
  }
  return kShortStep;
}

// Whether the step is about the old version's instance.
bool ofTheOld(StepKind kind) {
  return kind == StepKind::ScaleDown || kind == StepKind::Restart || kind == StepKind::Recheck;
}

SlotRef slotFor(const ReleaseSpec& spec, StepKind kind, const RunTarget& target) {
  if (!spec.slots.has_value()) {
    return {};
  }
  const std::string& name = ofTheOld(kind) ? target.slotBefore : target.slot;
  return {name, name.empty() ? 0 : spec.slots->portOf(name)};
}

ProcessStep processStep(const ReleaseRun& run, StepKind kind, const RunTarget& target) {
  const Process& process = *run.spec.spec.process;
  const bool recreate = run.spec.spec.strategy.type == StrategyType::Recreate;
  const bool slots = run.spec.spec.slots.has_value();
  ProcessStep step;
  step.timeout = process.timeout;
  step.releaseId = ofTheOld(kind) ? target.before : run.spec.version;
  step.slot = slotFor(run.spec.spec, kind, target);
  step.manager = planner::managerOn(run.spec.spec, run.spec.release, target.name);
  step.goingBack = ofTheOld(kind);
  if (kind == StepKind::Stop || kind == StepKind::ScaleDown || kind == StepKind::Withdraw ||
      (step.manager.has_value() && step.releaseId.empty())) {
    step.action = "stop";
    step.run = process.stop;
  } else if (!recreate && !slots) {
    step.action = "reload";
    step.run = process.reload;
  } else if (kind == StepKind::Restart && process.canStop() && !slots) {
    step.action = "restart";
    if (!process.manager.has_value()) {
      step.run = cat("(\n", process.stop, "\n)\n", process.start, "\n");
    }
  } else {
    step.action = "start";
    step.run = process.start;
  }
  return step;
}

VerifyStep verifyStep(const ReleaseRun& run, StepKind kind, const RunTarget& target) {
  const Health& health = run.spec.spec.health;
  VerifyStep step{kind == StepKind::Recheck ? target.before : run.spec.version, health.exec};
  if (const ExecCheck preview = previewOf(run.spec.spec); kind == StepKind::Verify && !preview.run.empty()) {
    step.exec = health.exec.has_value() ? ExecCheck{cat("(\n", health.exec->run, "\n) && (\n", preview.run, "\n)\n"),
                                                    health.exec->timeout + preview.timeout}
                                        : preview;
  }
  if (health.container.has_value()) {
    step.container = ContainerLook{health.container->name, health.timeout, !health.http.has_value()};
  }
  step.slot = slotFor(run.spec.spec, kind, target);
  if (planner::runsProcess(run.spec.spec, StepKind::Start, target.name)) {
    step.manager = planner::managerOn(run.spec.spec, run.spec.release, target.name);
    if (health.process.has_value()) {
      step.process = ProcessLook{health.process->minUptime, health.process->pidFile};
    }
  }
  return step;
}

// The checks of the instance in that slot.
Health atSlot(Health health, const StepRequest& request) {
  const auto* verify = std::get_if<VerifyStep>(&request.action);
  if (verify != nullptr && verify->slot.port > 0) {
    if (health.http.has_value()) {
      health.http->port = verify->slot.port;
    }
    if (health.tcpPort.has_value()) {
      health.tcpPort = verify->slot.port;
    }
  }
  return health;
}

// The checks that were made on the server, by how the step ended.
void countChecks(Metrics& metrics, const StepAction& action, const StepResult& result) {
  const auto* verify = std::get_if<VerifyStep>(&action);
  const bool done = result.outcome == StepResult::Outcome::Done;
  if (verify == nullptr ||
      (!done && result.phase != "container" && result.phase != "process" && result.phase != "check")) {
    return;
  }
  if (verify->container.has_value()) {
    const bool passed = done || result.phase != "container";
    metrics.add(kHealthChecks, {{"type", "container"}, {"result", passed ? "ok" : "failed"}});
  }
  if (verify->process.has_value() && result.phase != "container") {
    const bool passed = done || result.phase != "process";
    metrics.add(kHealthChecks, {{"type", "process"}, {"result", passed ? "ok" : "failed"}});
  }
  if (verify->exec.has_value() && (done || result.phase == "check")) {
    metrics.add(kHealthChecks, {{"type", "exec"}, {"result", done ? "ok" : "failed"}});
  }
}

StepAction actionFor(const LaunchContext& context, const RunTarget& target, StepKind kind) {
  const RunSpec& spec = context.run.spec;
  switch (kind) {
    case StepKind::Prepare:
      return PrepareStep{spec.version, preparedIdentity(spec.spec, context.run.status.artifact), context.artifact,
                         spec.spec.build};
    case StepKind::Check:
      return CheckStep{spec.version, target.digest, spec.spec.layout.requiredFiles, spec.spec.health.beforeSwitch};
    case StepKind::Switch: {
      SwitchStep step;
      step.releaseId = spec.version;
      step.digest = target.digest;
      step.slot = slotFor(spec.spec, kind, target).name;
      step.sequential = spec.spec.strategy.switchOrder == SwitchOrder::Sequential;
      return step;
    }
    case StepKind::Place:
      return PlaceStep{spec.version, target.digest, target.slot};
    case StepKind::Stop:
    case StepKind::Start:
    case StepKind::Restart:
    case StepKind::ScaleDown:
    case StepKind::Withdraw:
      return processStep(context.run, kind, target);
    case StepKind::Verify:
    case StepKind::Confirm:
    case StepKind::Recheck:
      return verifyStep(context.run, kind, target);
    case StepKind::Undo:
      return UndoStep{spec.version, target.before, target.slotBefore};
    case StepKind::Sync:
    case StepKind::Retire:
      return RetireStep{context.keep};
    case StepKind::Traffic:  // not steps of one target
    case StepKind::Hook:
      break;
  }
  return ObserveStep{};
}

}  // namespace

StepLauncher::StepLauncher(const ApiReader& reader, Provider& provider, HttpClient& http, Metrics& metrics,
                           Clock& clock)
    : reader_(reader), provider_(provider), http_(http), metrics_(metrics), clock_(clock) {}

StepRequest StepLauncher::requestFor(const LaunchContext& context, const RunTarget& target, StepKind kind,
                                     const std::string& operationId) const {
  StepRequest request;
  request.operationId = operationId;
  request.application = cat(context.run.meta.ns, "/", context.run.spec.release);
  request.layout = context.run.spec.spec.layout;
  request.fence = context.fence(target);
  request.deadline = clock_.steady() + timeFor(context.run.spec.spec, kind);
  request.action = actionFor(context, target, kind);
  return request;
}

std::vector<StepRequest> StepLauncher::admit(const LaunchContext& context,
                                             const std::vector<planner::PlannedStep>& wave,
                                             const LaunchEvents& events) const {
  std::vector<StepRequest> requests;
  std::string without;
  for (const planner::PlannedStep& step : wave) {
    const RunTarget& target = context.run.status.targets[step.ref.target];
    Result<RemoteTarget> access = resolveAccess(reader_, context.run.meta.ns, target.name, target.uid);
    if (!access) {
      events.done(step.operationId,
                  StepResult::refused(access.status(), access.code() == Code::NotFound ? "gone" : "access"));
      without = target.name;
      continue;
    }
    requests.push_back(requestFor(context, target, step.ref.kind, step.operationId));
    requests.back().target = std::move(*access);
  }
  if (!without.empty() && wave.front().ref.kind == StepKind::Switch) {
    for (const StepRequest& request : requests) {
      events.done(request.operationId,
                  StepResult::refused({Code::Cancelled, cat("not switched: ", without, " cannot be reached")}, "arm"));
    }
    requests.clear();
  }
  return requests;
}

void StepLauncher::start(const LaunchContext& context, std::vector<planner::PlannedStep> wave,
                         const LaunchEvents& events) {
  const auto syncs = std::stable_partition(
      wave.begin(), wave.end(), [](const planner::PlannedStep& step) { return step.ref.kind != StepKind::Sync; });
  startSyncs(context, {syncs, wave.end()}, events);
  wave.erase(syncs, wave.end());
  std::vector<StepRequest> requests = admit(context, wave, events);
  if (requests.empty()) {
    return;
  }
  const Health health = context.run.spec.spec.health;
  const bool verifying = planner::verifies(wave.front().ref.kind);
  const bool fromHere = health.http.has_value() || health.tcpPort.has_value();
  StepEvents out;
  out.output = [events](const StepRequest& request, std::string_view text) {
    events.output(request.target.name, std::string(text));
  };
  out.progress = [events](const StepRequest& request, const std::string& phase) {
    events.progress(request.operationId, phase);
  };
  // A launcher lives as long as one pass of its run; steps live longer.
  out.done = [&http = http_, &metrics = metrics_, &clock = clock_, events, health, checks = verifying && fromHere](
                 const StepRequest& request, StepResult result) {
    countChecks(metrics, request.action, result);
    if (!checks || result.outcome != StepResult::Outcome::Done) {
      events.done(request.operationId, std::move(result));
      return;
    }
    const SteadyTime began = clock.steady();
    checkHealth(http, metrics, atSlot(health, request), request.target.address,
                [&clock, events, began, id = request.operationId, result](const Status& status) {
                  StepResult judged = status ? result : StepResult::refused(status, "health");
                  judged.duration = result.duration + (clock.steady() - began);
                  events.done(id, std::move(judged));
                });
  };
  provider_.start(std::move(requests), std::move(out));
}

void StepLauncher::startSyncs(const LaunchContext& context, const std::vector<planner::PlannedStep>& wave,
                              const LaunchEvents& events) {
  for (StepRequest& request : admit(context, wave, events)) {
    makeRoom(provider_, std::move(request), [events](const std::string& operationId, StepResult result) {
      events.done(operationId, std::move(result));
    });
  }
}

void StepLauncher::abort(const LaunchContext& context, const RunTarget& target, const std::string& operationId,
                         const LaunchEvents& events) {
  StepRequest request = requestFor(context, target, StepKind::Undo, operationId + ".abort");
  request.action = AbortStep{operationId};
  const auto ended = [events, operationId](const StepRequest&, const StepResult&) {
    events.done(operationId, StepResult::refused({Code::Cancelled, "aborted on request"}, "abort"));
  };
  Result<RemoteTarget> access = resolveAccess(reader_, context.run.meta.ns, target.name, target.uid);
  if (!access) {
    ended(request, {});
    return;
  }
  request.target = std::move(*access);
  // The kill comes first: a cancelled wait would let go of the connection that the kill may share.
  provider_.start({std::move(request)},
                  {.done =
                       [&provider = provider_, ended, operationId](const StepRequest& done, const StepResult& result) {
                         provider.cancel(operationId);
                         ended(done, result);
                       },
                   .output = [](const StepRequest&, std::string_view) {},
                   .progress = [](const StepRequest&, const std::string&) {}});
}

}  // namespace slipway::release
