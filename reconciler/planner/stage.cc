#include "reconciler/planner/stage.h"

#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/planner/health_rules.h"
#include "reconciler/planner/step_rules.h"

namespace slipway::planner {
namespace {

void sortIn(Stage& stage, const PlanInput& input, StepKind kind, std::size_t i) {
  const StepRecord* record = input.progress.targets[i].step(kind);
  const StepState state = record == nullptr ? StepState::Pending : record->state;
  const auto cooling = input.cooling.find({i, kind});
  const bool later = cooling != input.cooling.end();
  if (state == StepState::Done) {
    ++stage.done;
  } else if (state == StepState::Running) {
    ++stage.running;
    stage.ready.push_back(i);
  } else if (state == StepState::Pending && (!later || !needsMoreAnswers(*record))) {
    stage.ready.push_back(i);
  } else if (state != StepState::Pending && nextTry(kind, *record, input.run.spec) == NextTry::No) {
    stage.failed.push_back(i);
  } else if (later) {
    ++stage.waiting;
    stage.nextTry = std::min(stage.nextTry.value_or(Duration::max()), cooling->second);
  } else {
    stage.ready.push_back(i);
  }
}

}  // namespace

Stage survey(const PlanInput& input, StepKind kind, const std::function<bool(std::size_t)>& involved) {
  Stage stage;
  for (std::size_t i = 0; i < input.progress.targets.size(); ++i) {
    if (!input.progress.targets[i].gone && involved(i)) {
      ++stage.total;
      sortIn(stage, input, kind, i);
    }
  }
  return stage;
}

PlannedStep plannedStep(const PlanInput& input, StepKind kind, std::size_t target) {
  const StepRecord* record = input.progress.targets[target].step(kind);
  int attempt = 1;
  if (record != nullptr) {
    const bool again = record->state == StepState::Pending || record->state == StepState::Done ||
                       (record->state == StepState::Failed && nextTry(kind, *record, input.run.spec) == NextTry::NewId);
    attempt = std::max(record->attempt + (again ? 1 : 0), 1);
  }
  return {{target, kind}, attempt, operationId(input.runUid, kind, input.progress.targets[target].name, attempt)};
}

std::string describeFailures(const RunStatus& status, StepKind kind, const std::vector<std::size_t>& failed) {
  constexpr std::size_t kShown = 3;
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < failed.size() && i < kShown; ++i) {
    const RunTarget& target = status.targets[failed[i]];
    const StepRecord& record = *target.step(kind);
    parts.push_back(cat(target.name, ": ", record.phase.empty() ? "" : cat(record.phase, ": "), record.message));
  }
  if (failed.size() > kShown) {
    parts.push_back(cat("and ", failed.size() - kShown, " more"));
  }
  return join(parts, "; ");
}

}  // namespace slipway::planner
