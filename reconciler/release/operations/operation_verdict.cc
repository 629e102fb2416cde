#include "reconciler/release/operations/operation_verdict.h"

#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/release/operations/operation_steps.h"

namespace slipway::release {
namespace {

constexpr std::size_t kAllFacts = 512U << 10U;  // bytes in one object
constexpr std::size_t kLongestTail = 8U << 10U;

}  // namespace

void takeResult(OperationTarget& target, const StepResult& result, const std::string& now) {
  target.state = result.outcome == StepResult::Outcome::Done      ? OperationState::Done
                 : result.outcome == StepResult::Outcome::Refused ? OperationState::Failed
                                                                  : OperationState::Unknown;
  target.finishedAt = now;
  target.alreadyDone = result.alreadyDone;
  target.exitCode = result.exitCode;
  if (!result.status) {
    target.message = result.status.message();
    target.code = result.noRoom ? "ResourceExhausted" : std::string(codeName(result.status.code()));
    target.tail =
        result.tail.size() <= kLongestTail ? result.tail : result.tail.substr(result.tail.size() - kLongestTail);
  }
}

void takeFacts(OperationTarget& target, const std::vector<std::string>& facts, std::size_t targets) {
  std::size_t room = kAllFacts / std::max<std::size_t>(targets, 1);
  for (const std::string& line : facts) {
    if (line.size() > room) {
      target.message = cat(target.message, target.message.empty() ? "" : "; ", "not all of what was seen is shown");
      break;
    }
    room -= line.size();
    target.facts.push_back(factFromLine(line));
  }
}

void concludeOperation(OperationStatus& status, const OperationSpec& spec, const Status& why, const std::string& now) {
  status.finishedAt = now;
  if (status.phase == OperationPhase::Pending && !why) {
    status.phase = OperationPhase::Refused;
    status.message = why.message();
    return;
  }
  std::size_t done = 0;
  std::string first;
  for (OperationTarget& target : status.targets) {
    done += target.state == OperationState::Done ? 1 : 0;
    if (target.state == OperationState::Running) {
      target.state = OperationState::Unknown;
      target.message = "it was begun, and its end was not waited for";
    } else if (target.state == OperationState::Pending) {
      target.message = "it was not begun here";
    }
    if (first.empty() && (target.state == OperationState::Failed || target.state == OperationState::Unknown)) {
      first = target.message;
    }
  }
  status.phase = why && done == status.targets.size() ? OperationPhase::Succeeded : OperationPhase::Failed;
  status.message = cat(lowerAscii(actionName(spec.action)), " on ", done, " of ", status.targets.size(),
                       status.targets.size() == 1 ? " server" : " servers");
  if (!why) {
    status.message += cat("; ", why.message());
  } else if (!first.empty()) {
    status.message += cat("; ", first);
  }
}

void judgeOperation(OperationStatus& status, std::int64_t generation, WallTime now) {
  const bool ended = hasEnded(status.phase);
  const bool failed = status.phase == OperationPhase::Failed || status.phase == OperationPhase::Refused;
  const std::string reason(operationPhaseName(status.phase));
  const std::string message = ended ? status.message : "it goes on";
  status.observedGeneration = generation;
  setCondition(status.conditions,
               {"Ready", status.phase == OperationPhase::Succeeded ? "True" : "False", reason, message, {}, generation},
               now);
  for (const auto& [type, present] : {std::pair("Reconciling", !ended), std::pair("Stalled", failed)}) {
    if (present) {
      setCondition(status.conditions, {type, "True", reason, message, {}, generation}, now);
    } else {
      removeCondition(status.conditions, type);
    }
  }
}

}  // namespace slipway::release
