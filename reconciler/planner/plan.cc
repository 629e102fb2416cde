#include "reconciler/planner/plan.h"

#include "reconciler/base/strings.h"
#include "reconciler/planner/two_phase.h"

namespace slipway::planner {

const Strategy& strategyFor(StrategyType type) {
  static const TwoPhaseStrategy kAtomic(StrategyType::Atomic);
  static const TwoPhaseStrategy kRecreate(StrategyType::Recreate);
  static const TwoPhaseStrategy kRolling(StrategyType::Rolling);
  switch (type) {
    case StrategyType::Atomic:
      break;
    case StrategyType::Recreate:
      return kRecreate;
    case StrategyType::Rolling:
      return kRolling;
  }
  return kAtomic;
}

std::string operationId(const std::string& runUid, StepKind kind, const std::string& target, int attempt) {
  return cat(runUid, ".", stepName(kind), ".", target, ".", attempt);
}

namespace {

std::string note(const RunSpec& run, StepKind kind) {
  switch (kind) {
    case StepKind::Prepare:
      return cat("send the content, link shared paths, run ", run.spec.build.size(),
                 " build steps, write the ready marker");
    case StepKind::Check:
      return "the gate: all servers reachable, prepared, unchanged; then the decision to commit is recorded";
    case StepKind::Stop:
      return "stop the application: it is down from here";
    case StepKind::Switch:
      return run.spec.strategy.switchOrder == SwitchOrder::Sequential ? "arm all, then flip one after another"
                                                                      : "arm all, then flip all at once";
    case StepKind::Start:
      return run.spec.strategy.type == StrategyType::Recreate ? "start the application" : "reload the application";
    case StepKind::Verify:
      return run.spec.health.any() ? cat("up to ", run.spec.health.attempts, " health checks, ",
                                         formatDuration(run.spec.health.interval), " apart; a failure undoes all")
                                   : "the links are read back";
    case StepKind::Retire:
      return cat("keep the newest ", run.spec.layout.keepReleases, " that were live");
    case StepKind::Sync:
    case StepKind::Undo:
    case StepKind::Restart:
      return "";
  }
  return "";
}

}  // namespace

std::vector<PreviewWave> preview(const RunSpec& run, const std::vector<RunTarget>& targets) {
  std::vector<PreviewWave> out;
  RunStatus progress;
  progress.targets = targets;
  std::map<std::string, Duration> waited;
  const std::string uid = "preview";
  const Strategy& strategy = strategyFor(run.spec.strategy.type);
  while (true) {
    const Plan plan = strategy.plan({uid, run, progress, {}, waited});
    if (plan.decision == Decision::Commit) {
      progress.decisions.commit = "preview";
      continue;
    }
    if (plan.wait.has_value()) {
      waited[plan.wait->name] = plan.wait->duration;
      out.back().note += cat("; then ", formatDuration(plan.wait->duration), " before the next batch");
      continue;
    }
    if (isTerminal(plan.phase) || plan.wave.empty()) {
      return out;
    }
    PreviewWave wave{plan.wave.front().ref.kind, {}, note(run, plan.wave.front().ref.kind)};
    for (const PlannedStep& step : plan.wave) {
      wave.targets.push_back(progress.targets[step.ref.target].name);
      progress.targets[step.ref.target].steps[step.ref.kind].state = StepState::Done;
    }
    out.push_back(std::move(wave));
  }
}

}  // namespace slipway::planner
