#include <utility>

#include "reconciler/api/run.h"
#include "reconciler/base/strings.h"

namespace slipway {
namespace {

constexpr std::array<std::pair<RunPhase, std::string_view>, 11> kPhases{{
    {RunPhase::Pending, "Pending"},
    {RunPhase::Preparing, "Preparing"},
    {RunPhase::Deploying, "Deploying"},
    {RunPhase::HealthCheck, "HealthCheck"},
    {RunPhase::TrafficSwitching, "TrafficSwitching"},
    {RunPhase::Paused, "Paused"},
    {RunPhase::Completed, "Completed"},
    {RunPhase::RollingBack, "RollingBack"},
    {RunPhase::RolledBack, "RolledBack"},
    {RunPhase::Failed, "Failed"},
    {RunPhase::Cancelled, "Cancelled"},
}};

constexpr std::array<std::pair<StepKind, std::string_view>, 17> kSteps{{
    {StepKind::Prepare, "prepare"},
    {StepKind::Check, "check"},
    {StepKind::Stop, "stop"},
    {StepKind::Switch, "switch"},
    {StepKind::Start, "start"},
    {StepKind::Verify, "verify"},
    {StepKind::Undo, "undo"},
    {StepKind::Restart, "restart"},
    {StepKind::Retire, "retire"},
    {StepKind::Sync, "sync"},
    {StepKind::Place, "place"},
    {StepKind::Confirm, "confirm"},
    {StepKind::ScaleDown, "scale-down"},
    {StepKind::Recheck, "recheck"},
    {StepKind::Withdraw, "withdraw"},
    {StepKind::Traffic, "traffic"},
    {StepKind::Hook, "hook"},
}};

template <typename Table, typename Value>
std::string_view nameIn(const Table& table, Value value) {
  for (const auto& [entry, name] : table) {
    if (entry == value) {
      return name;
    }
  }
  return "";
}

}  // namespace

std::string_view phaseName(RunPhase phase) { return nameIn(kPhases, phase); }

Result<RunPhase> phaseFromName(std::string_view name) {
  for (const auto& [phase, text] : kPhases) {
    if (text == name) {
      return phase;
    }
  }
  return Status(Code::Invalid, cat("'", name, "' is not a phase of a run"));
}

std::string_view stepName(StepKind kind) { return nameIn(kSteps, kind); }

Result<StepKind> stepFromName(std::string_view name) {
  for (const auto& [kind, text] : kSteps) {
    if (text == name) {
      return kind;
    }
  }
  return Status(Code::Invalid, cat("'", name, "' is not a kind of step"));
}

std::string_view stateName(StepState state) {
  switch (state) {
    case StepState::Pending:
      return "Pending";
    case StepState::Running:
      return "Running";
    case StepState::Done:
      return "Done";
    case StepState::Failed:
      return "Failed";
    case StepState::Unknown:
      return "Unknown";
  }
  return "Pending";
}

std::string_view reasonName(RunReason reason) {
  switch (reason) {
    case RunReason::Apply:
      return "Apply";
    case RunReason::Retry:
      return "Retry";
    case RunReason::Rollback:
      return "Rollback";
    case RunReason::Repair:
      return "Repair";
  }
  return "Apply";
}

bool isTerminal(RunPhase phase) {
  return phase == RunPhase::Completed || phase == RunPhase::RolledBack || phase == RunPhase::Failed ||
         phase == RunPhase::Cancelled;
}

bool mayFollow(RunPhase from, RunPhase to) {
  if (from == to) {
    return true;
  }
  switch (from) {
    case RunPhase::Pending:
      return to == RunPhase::Preparing || to == RunPhase::Paused || to == RunPhase::Failed || to == RunPhase::Cancelled;
    case RunPhase::Preparing:
      return to == RunPhase::Deploying || to == RunPhase::HealthCheck || to == RunPhase::TrafficSwitching ||
             to == RunPhase::RollingBack || to == RunPhase::Paused || to == RunPhase::Failed ||
             to == RunPhase::Cancelled;
    case RunPhase::Deploying:
      return to == RunPhase::HealthCheck || to == RunPhase::TrafficSwitching || to == RunPhase::RollingBack ||
             to == RunPhase::Paused || to == RunPhase::Failed;
    case RunPhase::HealthCheck:
      return to == RunPhase::TrafficSwitching || to == RunPhase::Completed || to == RunPhase::RollingBack ||
             to == RunPhase::Paused || to == RunPhase::Deploying || to == RunPhase::Failed;
    case RunPhase::TrafficSwitching:
      return to == RunPhase::HealthCheck || to == RunPhase::Completed || to == RunPhase::RollingBack ||
             to == RunPhase::Paused || to == RunPhase::Deploying || to == RunPhase::Failed;
    case RunPhase::Paused:
      return !isTerminal(to) || to == RunPhase::Cancelled || to == RunPhase::Failed;
    case RunPhase::RollingBack:
      return to == RunPhase::RolledBack || to == RunPhase::Paused || to == RunPhase::Failed;
    case RunPhase::Completed:
    case RunPhase::RolledBack:
    case RunPhase::Failed:
    case RunPhase::Cancelled:
      return false;
  }
  return false;
}

Status enterPhase(RunStatus& status, RunPhase phase, std::string reason, std::string message, WallTime now) {
  if (!mayFollow(status.phase, phase)) {
    return {Code::Internal, cat("a run may not go from ", phaseName(status.phase), " to ", phaseName(phase))};
  }
  status.message = message;
  if (status.phase == phase && !status.transitions.empty()) {
    status.transitions.back().reason = std::move(reason);
    status.transitions.back().message = std::move(message);
    return Status::ok();
  }
  const std::string at = formatTime(now);
  if (!status.transitions.empty()) {
    status.transitions.back().exitedAt = at;
  }
  status.phase = phase;
  status.transitions.push_back({phase, at, {}, std::move(reason), std::move(message)});
  return Status::ok();
}

InstanceCount countInstances(const RunStatus& status) {
  InstanceCount count;
  for (const RunTarget& target : status.targets) {
    const bool stayed = target.stateOf(StepKind::Verify) == StepState::Done &&
                        target.stateOf(StepKind::Undo) == StepState::Pending &&
                        target.stateOf(StepKind::Withdraw) == StepState::Pending;
    count.total += target.gone ? 0 : 1;
    count.successful += !target.gone && stayed ? 1 : 0;
  }
  return count;
}

const StepRecord* RunTarget::step(StepKind kind) const {
  auto found = steps.find(kind);
  return found == steps.end() ? nullptr : &found->second;
}

StepState RunTarget::stateOf(StepKind kind) const {
  const StepRecord* record = step(kind);
  return record == nullptr ? StepState::Pending : record->state;
}

}  // namespace slipway
