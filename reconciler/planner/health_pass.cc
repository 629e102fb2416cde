// What spec.health asks of every strategy: time for an application to come up, and answers that are young enough for
// what is decided on them.
#include <algorithm>
#include <numeric>

#include "reconciler/base/strings.h"
#include "reconciler/planner/run_pass.h"

namespace slipway::planner {
namespace {

bool wasNeverAsked(const RunTarget& target, StepKind kind) {
  const StepRecord* record = target.step(kind);
  return record == nullptr || record->attempt == 0;
}

}  // namespace

std::optional<Plan> RunPass::comingUp(StepKind kind, Stage stage, RunPhase phase) {
  const Duration delay = input_.run.spec.health.initialDelay;
  const auto fresh = std::stable_partition(stage.ready.begin(), stage.ready.end(),
                                           [&](std::size_t i) { return !wasNeverAsked(target(i), kind); });
  if (delay <= Duration(0) || fresh == stage.ready.end() || !stage.failed.empty()) {
    return std::nullopt;
  }
  // Those of one stage come up together: one wait for all, named after the first of them.
  const std::string name =
      cat("initial-delay-", stepName(kind), "-", target(*std::min_element(fresh, stage.ready.end())).name);
  stage.ready.erase(fresh, stage.ready.end());
  std::optional<Plan> plan = waiting(
      name, delay,
      {phase, "InitialDelay", cat("the application has ", formatDuration(delay), " to come up before it is asked")});
  if (!plan.has_value()) {
    return std::nullopt;
  }
  const std::optional<Duration> left = plan_.checkAgain;
  startAll(kind, stage);
  plan_.checkAgain = std::min(left.value_or(delay), plan_.checkAgain.value_or(delay));
  return plan_;
}

std::optional<Plan> RunPass::stillHealthy(const std::vector<std::size_t>& targets, const std::string& before) {
  const auto asked = [&](std::size_t i) {
    const StepState state = target(i).stateOf(StepKind::Confirm);
    const bool open = state == StepState::Running || state == StepState::Failed || state == StepState::Unknown;
    return std::find(targets.begin(), targets.end(), i) != targets.end() &&
           (open || input_.stale.contains({i, StepKind::Confirm}));
  };
  if (!input_.run.spec.health.freshness.has_value()) {
    return std::nullopt;
  }
  Stage stage = survey(input_, StepKind::Confirm, asked);
  askAgain(StepKind::Confirm, targets, stage);
  if (stage.total == 0) {
    return std::nullopt;
  }
  return advance(StepKind::Confirm, stage,
                 {RunPhase::HealthCheck, "Confirming",
                  cat("checking version ", input_.run.version, " again on ", stage.total, " servers before ", before)});
}

std::optional<Plan> RunPass::gateIsFresh(Stage check) {
  std::vector<std::size_t> all(status_.targets.size());
  std::iota(all.begin(), all.end(), 0);
  check.ready.clear();
  askAgain(StepKind::Check, all, check);
  if (check.ready.empty()) {
    return std::nullopt;
  }
  startAll(StepKind::Check, check);
  return at(RunPhase::Preparing, "AtGate",
            cat("checking ", check.ready.size(), " servers again: what they answered is too old to decide on"));
}

// Answers that were good and are too old now.
void RunPass::askAgain(StepKind kind, const std::vector<std::size_t>& targets, Stage& stage) const {
  for (std::size_t i : targets) {
    const bool good = !target(i).gone && target(i).stateOf(kind) == StepState::Done;
    if (good && input_.stale.contains({i, kind})) {
      stage.ready.push_back(i);
      --stage.done;
    }
  }
}

}  // namespace slipway::planner
