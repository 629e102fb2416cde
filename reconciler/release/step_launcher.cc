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

Duration timeFor(const ReleaseSpec& spec, StepKind kind) {
  const Duration process = (spec.process.has_value() ? spec.process->timeout : Duration(0)) + kGrace;
  switch (kind) {
    case StepKind::Prepare:
      return spec.prepareTimeout;
    case StepKind::Check:
      return kShortStep + (spec.health.beforeSwitch.has_value() ? spec.health.beforeSwitch->timeout : Duration(0));
    case StepKind::Switch:
      return spec.strategy.switchTimeout;
    case StepKind::Stop:
    case StepKind::Start:
      return process;
    case StepKind::Restart:
      return 2 * process;
    case StepKind::Verify:
      return kGrace + (spec.health.container.has_value() ? spec.health.timeout : Duration(0)) +
             (spec.health.exec.has_value() ? spec.health.exec->timeout : Duration(0));
    case StepKind::Sync:
    case StepKind::Undo:
    case StepKind::Retire:
      return kShortStep;
  }
  return kShortStep;
}

ProcessStep processStep(const ReleaseRun& run, StepKind kind, const RunTarget& target) {
  const ProcessCommand& process = *run.spec.spec.process;
  const bool recreate = run.spec.spec.strategy.type == StrategyType::Recreate;
  ProcessStep step;
  step.timeout = process.timeout;
  step.releaseId = kind == StepKind::Restart ? target.before : run.spec.version;
  if (kind == StepKind::Stop) {
    step.action = "stop";
    step.run = process.stop;
  } else if (!recreate) {
    step.action = "reload";
    step.run = process.reload;
  } else if (kind == StepKind::Restart && !process.stop.empty()) {
    step.action = "restart";
    step.run = cat("(\n", process.stop, "\n)\n", process.start, "\n");
  } else {
    step.action = "start";
    step.run = process.start;
  }
  return step;
}

VerifyStep verifyStep(const RunSpec& spec) {
  const Health& health = spec.spec.health;
  VerifyStep step{spec.version, health.exec};
  if (health.container.has_value()) {
    step.container = ContainerLook{health.container->name, health.timeout, !health.http.has_value()};
  }
  return step;
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
      step.sequential = spec.spec.strategy.switchOrder == SwitchOrder::Sequential;
      return step;
    }
    case StepKind::Stop:
    case StepKind::Start:
    case StepKind::Restart:
      return processStep(context.run, kind, target);
    case StepKind::Verify:
      return verifyStep(spec);
    case StepKind::Undo:
      return UndoStep{spec.version, target.before};
    case StepKind::Sync:
    case StepKind::Retire:
      return RetireStep{context.keep};
  }
  return ObserveStep{};
}

}  // namespace

StepLauncher::StepLauncher(const ApiReader& reader, Provider& provider, HttpClient& http, Clock& clock)
    : reader_(reader), provider_(provider), http_(http), clock_(clock) {}

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
  const bool verifying = wave.front().ref.kind == StepKind::Verify;
  const bool fromHere = health.http.has_value() || health.tcpPort.has_value();
  StepEvents out;
  out.output = [events](const StepRequest& request, std::string_view text) {
    events.output(request.target.name, std::string(text));
  };
  out.progress = [events](const StepRequest& request, const std::string& phase) {
    events.progress(request.operationId, phase);
  };
  // A launcher lives as long as one pass of its run; steps live longer.
  out.done = [&http = http_, &clock = clock_, events, health, checks = verifying && fromHere](
                 const StepRequest& request, StepResult result) {
    if (!checks || result.outcome != StepResult::Outcome::Done) {
      events.done(request.operationId, std::move(result));
      return;
    }
    const SteadyTime began = clock.steady();
    checkHealth(http, health, request.target.address,
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
