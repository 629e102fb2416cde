#include "reconciler/release/step_records.h"

#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/planner/step_rules.h"
#include "reconciler/release/hooks/hook_records.h"

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
  const bool anew =
      record.state == StepState::Done && (planner::verifies(step.ref.kind) || step.ref.kind == StepKind::Check);
  const StepRecord before = anew ? StepRecord() : record;  // what was good is looked at again from the start
  record = beginTry({step.attempt, step.operationId}, before.tries, now);
  record.successes = before.successes;
  record.failures = before.failures;
}

StepRecord beginTry(const Try& next, int before, WallTime now) {
  StepRecord record;
  record.state = StepState::Running;
  record.attempt = next.attempt;
  record.tries = before + 1;
  record.operationId = next.operationId;
  record.startedAt = formatTime(now);
  return record;
}

std::string describeResult(const StepResult& result) {
  if (result.exitCode > 0) {
    return result.status.message().empty() ? cat("exit code ", result.exitCode)
                                           : cat("exit code ", result.exitCode, ": ", result.status.message());
  }
  return result.status.message();
}

void settle(StepRecord& record, const StepResult& result, WallTime now) {
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
  record.tail = printable(lastLines(result.tail, 60));
  record.alreadyDone = result.alreadyDone;
}

namespace {

bool isAbout(const StepRecord& record, const std::string& operationId) {
  return record.state == StepState::Running && record.operationId == operationId;
}

}  // namespace

bool applyResult(RunTarget& target, StepKind kind, const std::string& operationId, const StepResult& result,
                 WallTime now) {
  StepRecord& record = target.steps[kind];
  if (!isAbout(record, operationId)) {
    return false;
  }
  settle(record, result, now);
  const bool done = record.state == StepState::Done;
  target.bytesSent += static_cast<std::int64_t>(result.bytesSent);
  if (done && kind == StepKind::Prepare) {
    target.digest = result.digest;
  }
  if (done && kind == StepKind::Check) {
    target.before = result.observed.current;
    target.slotBefore = result.observed.slot;
  }
  return true;
}

void markStarted(RunStatus& status, const planner::PlannedTraffic& traffic, WallTime now) {
  TrafficChange& change = status.traffic;
  if (change.record.state == StepState::Running && change.record.operationId == traffic.operationId) {
    return;  // started before a restart: the same try goes on
  }
  const int tries = change.number == traffic.number ? change.record.tries : 0;
  const auto names = [&](const std::vector<std::size_t>& targets) {
    std::vector<std::string> out;
    for (std::size_t i : targets) {
      out.push_back(status.targets[i].name);
    }
    return out;
  };
  change.number = traffic.number;
  change.fresh = names(traffic.fresh);
  change.stable = names(traffic.stable);
  change.weight.requested = traffic.weight;
  change.record = beginTry({traffic.attempt, traffic.operationId}, tries, now);
}

bool applyTraffic(TrafficChange& traffic, const Message& message, WallTime now) {
  if (!isAbout(traffic.record, message.operationId)) {
    return false;
  }
  settle(traffic.record, *message.result, now);
  traffic.weight.set = message.weightSet >= 0 ? message.weightSet : traffic.weight.set;
  traffic.weight.verified = message.weightVerified >= 0 ? message.weightVerified : traffic.weight.verified;
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

void forgetConfirmations(RunStatus& status) {
  for (RunTarget& target : status.targets) {
    if (const auto found = target.steps.find(StepKind::Confirm); found != target.steps.end()) {
      StepRecord fresh;
      fresh.attempt = found->second.attempt;
      found->second = std::move(fresh);
    }
  }
}

void forgetFailures(RunStatus& status) {
  forgetHookFailures(status);
  if (status.cluster.surveys > 0) {
    ++status.cluster.round;
    status.cluster.splits = 0;
  }
  StepRecord& traffic = status.traffic.record;
  if (traffic.state == StepState::Failed || traffic.state == StepState::Unknown) {
    StepRecord fresh;
    fresh.attempt = traffic.attempt;
    traffic = std::move(fresh);
  }
  for (auto& [step, analysis] : status.analyses) {
    if (analysis.verdict == "Failed" || analysis.verdict == "Inconclusive") {
      const int round = analysis.round + 1;
      analysis = {};
      analysis.round = round;
    }
  }
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
