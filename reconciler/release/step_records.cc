#include "reconciler/release/step_records.h"

#include <algorithm>

#include "reconciler/base/strings.h"

namespace slipway::release {

void markStarted(RunTarget& target, const planner::PlannedStep& step, WallTime now) {
  StepRecord& record = target.steps[step.ref.kind];
  if (record.state == StepState::Running && record.operationId == step.operationId) {
    return;  // started before a restart: the same try goes on
  }
  if (step.ref.kind == StepKind::Prepare) {
    target.steps.erase(StepKind::Check);
    target.digest.clear();
  }
  const int tries = record.tries;
  record = {};
  record.state = StepState::Running;
  record.attempt = step.attempt;
  record.tries = tries + 1;
  record.operationId = step.operationId;
  record.startedAt = formatTime(now);
}

std::string describeResult(const StepResult& result) {
  if (result.exitCode > 0) {
    return result.status.message().empty() ? cat("exit code ", result.exitCode)
                                           : cat("exit code ", result.exitCode, ": ", result.status.message());
  }
  return result.status.message();
}

bool applyResult(RunTarget& target, StepKind kind, const std::string& operationId, const StepResult& result,
                 WallTime now) {
  StepRecord& record = target.steps[kind];
  if (record.state != StepState::Running || record.operationId != operationId) {
    return false;
  }
  switch (result.outcome) {
    case StepResult::Outcome::Done:
      record.state = StepState::Done;
      break;
    case StepResult::Outcome::Refused:
      record.state = StepState::Failed;
      break;
    case StepResult::Outcome::Unknown:
      record.state = StepState::Unknown;
      break;
  }
  const bool done = record.state == StepState::Done;
  record.finishedAt = formatTime(now);
  record.durationMs = std::chrono::duration_cast<std::chrono::milliseconds>(result.duration).count();
  record.phase = done ? "" : result.phase;
  record.exitCode = done ? -1 : result.exitCode;
  record.code = done ? "" : std::string(result.noRoom ? kNoRoomCode : codeName(result.status.code()));
  record.message = printable(describeResult(result));
  record.tail = printable(lastLines(result.tail, 50));
  record.alreadyDone = result.alreadyDone;
  target.bytesSent += static_cast<std::int64_t>(result.bytesSent);
  if (done && kind == StepKind::Prepare) {
    target.digest = result.digest;
  }
  if (done && kind == StepKind::Check) {
    target.before = result.observed.current;
  }
  return true;
}

bool applyProgress(RunTarget& target, StepKind kind, const std::string& operationId, const std::string& phase) {
  auto found = target.steps.find(kind);
  if (found == target.steps.end() || found->second.state != StepState::Running ||
      found->second.operationId != operationId || found->second.phase == phase) {
    return false;
  }
  found->second.phase = phase;
  return true;
}

void forgetFailures(RunStatus& status) {
  for (RunTarget& target : status.targets) {
    for (auto& [kind, record] : target.steps) {
      if (record.state == StepState::Failed || record.state == StepState::Unknown) {
        const int attempt = record.attempt;
        record = {};
        record.attempt = attempt;
      }
    }
  }
}

}  // namespace slipway::release
