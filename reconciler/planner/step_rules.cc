#include "reconciler/planner/step_rules.h"

#include <algorithm>

#include "reconciler/planner/health_rules.h"

namespace slipway::planner {
namespace {

constexpr int kPrepareTries = 4;
constexpr int kGateTries = 4;
constexpr int kSwitchTries = 2;  // one retry on that target, then the fleet decides
constexpr int kLinkVerifyTries = 3;
constexpr int kUndoTries = 8;
constexpr int kTrafficTries = 6;

bool isOnServer(const Process& process, const std::string& server) {
  return process.servers.empty() ||
         std::find(process.servers.begin(), process.servers.end(), server) != process.servers.end();
}

int maxTries(StepKind kind, const Health& health) {
  switch (kind) {
    case StepKind::Prepare:
      return kPrepareTries;
    case StepKind::Check:
      return kGateTries;
    case StepKind::Stop:
    case StepKind::Place:
    case StepKind::Switch:
    case StepKind::Start:
      return kSwitchTries;
    case StepKind::ScaleDown:
      return kGateTries;
    case StepKind::Traffic:
      return kTrafficTries;
    case StepKind::Hook:
      return kGateTries;
    case StepKind::Verify:
    case StepKind::Confirm:
    case StepKind::Recheck:
      return health.any() ? std::max(health.attempts, 1) : kLinkVerifyTries;
    case StepKind::Undo:
    case StepKind::Restart:
    case StepKind::Withdraw:
      return kUndoTries;
    case StepKind::Sync:
    case StepKind::Retire:
      return 1;
  }
  return 1;
}

// Whether a preparation that failed at this part may begin anew: no build step that must not run twice has run.
bool mayBeginAnew(const StepRecord& prepare, const ReleaseSpec& spec) {
  const bool beforeBuild = prepare.phase == "space" || prepare.phase == "fetch" || prepare.phase == "link-shared";
  return beforeBuild ||
         std::all_of(spec.build.begin(), spec.build.end(), [](const BuildStep& step) { return step.idempotent; });
}

}  // namespace

bool verifies(StepKind kind) {
  return kind == StepKind::Verify || kind == StepKind::Confirm || kind == StepKind::Recheck;
}

bool neverBegan(const StepRecord& record) {
  const bool connecting = record.phase.empty() || record.phase == "connect" || record.phase == "access";
  return connecting && (record.code == codeName(Code::Unavailable) || record.code == codeName(Code::Timeout));
}

bool outOfRoom(const StepRecord& record) { return record.state == StepState::Failed && record.code == kNoRoomCode; }

NextTry nextTry(StepKind kind, const StepRecord& record, const ReleaseSpec& spec) {
  if (record.tries >= maxTries(kind, spec.health) || record.code == codeName(Code::Denied) ||
      turnedUnhealthy(record, kind, spec.health)) {
    return NextTry::No;
  }
  // The target itself could not tell what became of a step that must not run twice: a person has to look.
  if (record.state == StepState::Failed && record.code == codeName(Code::OutcomeUnknown)) {
    return NextTry::No;
  }
  // What the check asks for is not there and does not come by itself: no docker to ask, a name that cannot be one.
  if (verifies(kind) && record.code == codeName(Code::Invalid)) {
    return NextTry::No;
  }
  if (record.state == StepState::Unknown || neverBegan(record)) {
    return NextTry::SameId;
  }
  switch (kind) {
    case StepKind::Prepare:
      return outOfRoom(record) && mayBeginAnew(record, spec) ? NextTry::NewId : NextTry::No;
    case StepKind::Sync:
    case StepKind::Check:
    case StepKind::Retire:
    case StepKind::Hook:  // see nextHookTry
      return NextTry::No;
    case StepKind::Stop:
    case StepKind::Place:
    case StepKind::Switch:
    case StepKind::Start:
    case StepKind::Verify:
    case StepKind::Confirm:
    case StepKind::ScaleDown:
    case StepKind::Undo:
    case StepKind::Restart:
    case StepKind::Recheck:
    case StepKind::Withdraw:
    case StepKind::Traffic:
      return NextTry::NewId;
  }
  return NextTry::No;
}

Duration retryDelay(StepKind kind, int tries, const Health& health) {
  if (verifies(kind) && health.any()) {
    return health.interval;
  }
  const int doublings = std::clamp(tries - 1, 0, 5);
  return std::min<Duration>(std::chrono::seconds(1) * (1 << doublings), std::chrono::seconds(30));
}

bool preparationIsLost(const StepRecord& check) {
  return check.state == StepState::Failed && (check.phase == "digest" || check.phase == "marker");
}

// A failure that was forgotten because a person resumed leaves its attempt: what it did may still be there.
bool wasStarted(const RunTarget& target, StepKind kind) {
  const StepRecord* record = target.step(kind);
  return record != nullptr && (record->state != StepState::Pending || record->attempt > 0);
}

bool restartsOld(const ReleaseSpec& spec, const RunTarget& target) {
  return runsProcess(spec, StepKind::Restart, target.name) &&
         (!target.before.empty() || spec.process->manager.has_value());
}

bool runsProcess(const ReleaseSpec& spec, StepKind kind, const std::string& target) {
  if (!spec.process.has_value()) {
    return false;
  }
  const Process& process = *spec.process;
  if (!isOnServer(process, target)) {
    return false;
  }
  if (spec.slots.has_value()) {
    return kind == StepKind::Start || kind == StepKind::Restart || kind == StepKind::ScaleDown ||
           kind == StepKind::Withdraw;
  }
  if (spec.strategy.type == StrategyType::Recreate) {
    return kind == StepKind::Stop ? process.canStop() : process.canStart();
  }
  return kind != StepKind::Stop && process.canReload();
}

std::optional<ProcessManager> managerOn(const ReleaseSpec& spec, const std::string& release,
                                        const std::string& server) {
  if (!spec.process.has_value() || !spec.process->manager.has_value() || !isOnServer(*spec.process, server)) {
    return std::nullopt;
  }
  std::optional<ProcessManager> manager = spec.process->manager;
  nameManager(*manager, release);
  return manager;
}

}  // namespace slipway::planner
