#include "reconciler/planner/health_rules.h"

#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/planner/step_rules.h"

namespace slipway::planner {
namespace {

// One that was healthy stays so with each good answer.
int goodAnswersNeeded(StepKind kind, const Health& health) {
  return kind == StepKind::Confirm ? 1 : std::max(health.successThreshold, 1);
}

void countGood(StepRecord& record, int needed, int attempts) {
  ++record.successes;
  record.failures = 0;
  if (record.successes >= needed) {
    return;
  }
  const std::string row = cat("healthy ", record.successes, " of ", needed, " times in a row");
  record.state = StepState::Pending;
  record.message = row;
  if (record.tries >= attempts) {
    record.state = StepState::Failed;
    record.phase = "health";
    record.code = std::string(codeName(Code::Unavailable));
    record.message = cat(row, " after ", record.tries, " attempts");
  }
}

}  // namespace

void countAnswer(StepRecord& record, StepKind kind, const Health& health) {
  if (!verifies(kind) || !health.any()) {
    return;
  }
  const int attempts = std::max(health.attempts, 1);
  if (record.state == StepState::Done) {
    countGood(record, goodAnswersNeeded(kind, health), attempts);
    return;
  }
  if (record.state != StepState::Failed || neverBegan(record)) {
    return;
  }
  ++record.failures;
  record.successes = 0;
  if (record.tries >= attempts) {
    record.message = cat(record.message, " after ", record.tries, record.tries == 1 ? " attempt" : " attempts");
  } else if (turnedUnhealthy(record, kind, health)) {
    record.message = cat(record.message, ", ", record.failures, record.failures == 1 ? " time" : " times in a row");
  }
}

bool needsMoreAnswers(const StepRecord& record) { return record.state == StepState::Pending && record.successes > 0; }

bool turnedUnhealthy(const StepRecord& record, StepKind kind, const Health& health) {
  return kind == StepKind::Confirm && health.any() && record.state == StepState::Failed &&
         record.failures >= health.unhealthyAfter();
}

}  // namespace slipway::planner
