// The part of RunDriver that counts what servers answer about their health.
#include <algorithm>

#include "reconciler/planner/health_rules.h"
#include "reconciler/planner/step_rules.h"
#include "reconciler/release/run_driver.h"

namespace slipway::release {
namespace {

bool isLook(StepKind kind) { return kind == StepKind::Check || planner::verifies(kind); }

// Under which the answers of this kind of look are kept.
StepKind keptAs(StepKind kind) { return kind == StepKind::Check ? kind : StepKind::Confirm; }

}  // namespace

// One that was begun before a restart of ours is of unknown age.
void RunDriver::noteAsked(const planner::PlannedStep& step) {
  const RunTarget& target = run_.status.targets[step.ref.target];
  if (isLook(step.ref.kind) && target.stateOf(step.ref.kind) != StepState::Running) {
    active_.asked.try_emplace(step.operationId, services_.clock.steady());
  }
}

void RunDriver::takeAnswer(const planner::StepRef& ref, const StepResult& result) {
  if (!isLook(ref.kind)) {
    return;
  }
  StepRecord& record = run_.status.targets[ref.target].steps[ref.kind];
  const Health& health = run_.spec.spec.health;
  planner::countAnswer(record, ref.kind, health);
  if (result.outcome == StepResult::Outcome::Unknown) {
    return;  // it may be answered yet, under the same id
  }
  const SteadyTime now = services_.clock.steady();
  const auto asked = active_.asked.find(record.operationId);
  if (result.outcome == StepResult::Outcome::Done && asked != active_.asked.end()) {
    active_.answers[{ref.target, keptAs(ref.kind)}] = {asked->second, now - asked->second};
  } else {
    active_.answers.erase({ref.target, keptAs(ref.kind)});
  }
  if (asked != active_.asked.end()) {
    active_.asked.erase(asked);
  }
  if (planner::needsMoreAnswers(record)) {
    active_.notBefore[ref] = now + health.interval;
  }
}

// An answer that took longer than it may be old counts for as long again: else nothing could ever be decided.
std::set<planner::StepRef> RunDriver::staleAnswers() const {
  std::set<planner::StepRef> stale;
  const std::optional<Duration> freshness = run_.spec.spec.health.freshness;
  if (!freshness.has_value()) {
    return stale;
  }
  const SteadyTime now = services_.clock.steady();
  for (std::size_t i = 0; i < run_.status.targets.size(); ++i) {
    for (const StepKind kind : {StepKind::Check, StepKind::Confirm}) {
      const auto answer = active_.answers.find({i, kind});
      if (answer == active_.answers.end() ||
          now - answer->second.askedAt > std::max(*freshness, 2 * answer->second.took)) {
        stale.insert({i, kind});
      }
    }
  }
  return stale;
}

}  // namespace slipway::release
