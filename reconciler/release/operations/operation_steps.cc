#include "reconciler/release/operations/operation_steps.h"

#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/planner/step_rules.h"

namespace slipway::release {
namespace {

constexpr Duration kGrace = std::chrono::seconds(30);
constexpr std::size_t kMostAtOnce = 32;

bool actsOnProcess(OperationAction action) {
  return action == OperationAction::Restart || action == OperationAction::Reload || action == OperationAction::Stop ||
         action == OperationAction::Start;
}

SlotRef slotOf(const OperationScope& scope, const OperationTarget& target) {
  const bool slots = scope.spec.slots.has_value() && !target.slot.empty();
  return slots ? SlotRef{target.slot, scope.spec.slots->portOf(target.slot)} : SlotRef{};
}

// The command for the action; a restart without a command of its own is a stop and a start, else a reload.
std::string commandOf(const Process& process, OperationAction action) {
  switch (action) {
    case OperationAction::Stop:
      return process.stop;
    case OperationAction::Start:
      return process.start;
    case OperationAction::Reload:
      return process.reload;
    default:
      return process.start.empty() || process.stop.empty() ? process.reload
                                                           : cat("(\n", process.stop, "\n)\n", process.start, "\n");
  }
}

std::string verbOf(OperationAction action) { return lowerAscii(actionName(action)); }

Result<OperationAct> processAct(const OperationSpec& spec, const OperationScope& scope, const OperationTarget& target) {
  const Process& process = *scope.spec.process;
  if (target.release.empty()) {
    return Status(Code::NotFound, cat(target.name, ": no release is live there"));
  }
  ProcessStep step;
  step.action = verbOf(spec.action);
  step.releaseId = target.release;
  step.timeout = process.timeout;
  step.slot = slotOf(scope, target);
  step.manager = planner::managerOn(scope.spec, scope.release->meta.name, target.name);
  step.goingBack = true;  // as it was started with this release, not as the newest spec says
  step.run = step.manager.has_value() ? "" : commandOf(process, spec.action);
  return OperationAct{step, process.timeout + kGrace};
}

std::vector<std::string> fallbackWords(const OperationSpec& spec, const OperationScope& scope) {
  const std::optional<Process>& process = scope.spec.process;
  const bool commands = process.has_value() && !process->manager.has_value();
  const Duration time = process.has_value() ? process->timeout : spec.timeout;
  return {spec.fallBackTo.empty() ? "back" : "to", spec.fallBackTo, commands ? process->stop : "",
          commands ? process->start : "", std::to_string(std::chrono::ceil<std::chrono::seconds>(time).count())};
}

std::vector<std::string> wordsOf(const OperationSpec& spec, const OperationScope& scope) {
  switch (spec.action) {
    case OperationAction::Logs:
      return {spec.stream == LogStream::Combined ? "Combined"
              : spec.stream == LogStream::Out    ? "Out"
                                                 : "Error",
              std::to_string(spec.lines)};
    case OperationAction::System:
      return scope.release.has_value() ? std::vector<std::string>() : std::vector<std::string>{"machine"};
    case OperationAction::Permissions:
      return spec.fix ? std::vector<std::string>{"fix"} : std::vector<std::string>();
    case OperationAction::Cleanup: {
      std::vector<std::string> words{spec.emergency ? "emergency" : "usual"};
      if (!spec.emergency) {
        words.insert(words.end(), scope.keep.begin(), scope.keep.end());
      }
      return words;
    }
    case OperationAction::Fallback:
      return fallbackWords(spec, scope);
    default:
      return {};
  }
}

}  // namespace

Status checkOperation(const OperationSpec& spec, const OperationScope& scope) {
  if (spec.changes() && scope.runIsOpen()) {
    return {Code::Conflict, cat("run ", scope.run->meta.name, " is going on: wait for its end, or slipway abort ",
                                scope.release->meta.name)};
  }
  if (spec.action == OperationAction::Fallback && scope.spec.slots.has_value()) {
    return {Code::Invalid,
            cat("release ", scope.release->meta.name, " has slots: a folder cannot take the place of two instances")};
  }
  if (!actsOnProcess(spec.action)) {
    return Status::ok();
  }
  const std::optional<Process>& process = scope.spec.process;
  if (!process.has_value()) {
    return {Code::Invalid,
            cat("release ", scope.release->meta.name, " has no spec.process: nothing is known of what runs it")};
  }
  if (!process->manager.has_value() && commandOf(*process, spec.action).empty()) {
    return {Code::Invalid, cat("spec.process.command of release ", scope.release->meta.name, " has no command to ",
                               verbOf(spec.action), " it")};
  }
  return Status::ok();
}

bool looksFirst(const OperationSpec& spec) { return !spec.release.empty(); }

Result<OperationAct> actFor(const OperationSpec& spec, const OperationScope& scope, const OperationTarget& target) {
  if (actsOnProcess(spec.action)) {
    return processAct(spec, scope, target);
  }
  ServerOperation step;
  step.verb = verbOf(spec.action);
  step.words = wordsOf(spec, scope);
  step.releaseId = target.release;
  step.slot = slotOf(scope, target);
  step.manager = planner::managerOn(scope.spec, scope.release->meta.name, target.name);
  step.changes = spec.changes();
  step.timeout = scope.spec.process.has_value() ? scope.spec.process->timeout : step.timeout;
  step.follow = spec.action == OperationAction::Logs && spec.follow;
  const bool both = spec.action == OperationAction::Fallback && scope.spec.process.has_value();  // a stop and a start
  return OperationAct{step, both ? 2 * scope.spec.process->timeout + kGrace : spec.timeout};
}

std::size_t operationWidth(const OperationSpec& spec, const OperationScope& scope) {
  const bool inTurn = spec.action == OperationAction::Restart || spec.action == OperationAction::Reload;
  if (!inTurn || spec.allAtOnce) {
    return kMostAtOnce;
  }
  const Strategy& strategy = scope.spec.strategy;
  if (!strategy.rolling.has_value() || !strategy.rolling->maxUnavailable.has_value()) {
    return 1;
  }
  const std::size_t wide = strategy.rolling->maxUnavailable->of(std::max<std::size_t>(scope.targets.size(), 1));
  return std::clamp<std::size_t>(wide, 1, kMostAtOnce);
}

OperationFact factFromLine(std::string_view line) {
  constexpr std::size_t kMostValues = 32;
  OperationFact fact;
  for (const std::string& part : split(line, '\t')) {
    const std::size_t equals = part.find('=');
    if (fact.type.empty()) {
      fact.type = part.substr(0, 63);
    } else if (equals != std::string::npos && fact.values.size() < kMostValues) {
      fact.values[part.substr(0, equals)] = part.substr(equals + 1);
    }
  }
  return fact;
}

}  // namespace slipway::release
