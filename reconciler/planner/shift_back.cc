#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/planner/shift_pass.h"
#include "reconciler/planner/step_rules.h"
#include "reconciler/planner/traffic_goal.h"

namespace slipway::planner {

Plan ShiftPass::undoing() { return groups_ ? undoGroups() : slots_ ? undoSlots() : undoServers(); }

// The old version on those runs again and was looked at. That it is unwell does not keep us from going back to it: what
// we come from is given up.
ShiftPass::Next ShiftPass::bringOldBack(const Targets& targets) {
  const Targets old = [&] {
    Targets out = targets;
    std::erase_if(out, [&](std::size_t i) { return !hasOld(i); });
    return out;
  }();
  const Stage restart = surveyProcess(StepKind::Restart, old);
  if (!restart.through()) {
    count("restored", restart);
    return takeBack(StepKind::Restart, restart);
  }
  const Stage recheck = surveyOf(StepKind::Recheck, old);
  if (!recheck.idle()) {
    count("rechecked", recheck);
    if (restart.total > 0) {
      if (Next next = comingUp(StepKind::Recheck, recheck, RunPhase::RollingBack)) {
        return next;
      }
    }
    startAll(StepKind::Recheck, recheck);
    return at(RunPhase::RollingBack, status_.decisions.revertReason, status_.decisions.revertMessage);
  }
  if (!recheck.failed.empty()) {
    note_ = cat(", where the old version fails its check: ", failures(StepKind::Recheck, recheck));
  }
  return std::nullopt;
}

ShiftPass::Next ShiftPass::routeBack(const Targets& fresh, const Targets& stable, int share) {
  if (status_.traffic.number == 0) {
    return std::nullopt;  // the proxies were never told anything
  }
  if (freesSlots(input_.run.spec, status_) && status_.traffic.record.state != StepState::Running) {
    return std::nullopt;  // … or only to leave alone what we have not touched
  }
  return route({share, share == 0 ? Targets{} : fresh, share == 100 ? Targets{} : stable}, "");
}

// Down to `least` at once; after an abort through the weights of the steps, where the spec says so.
ShiftPass::Next ShiftPass::lower(const Targets& fresh, const Targets& stable, int least) {
  const std::optional<Duration> interval = input_.run.spec.strategy.canary.value_or(CanarySettings{}).gradualAbort;
  const bool asked = !status_.decisions.abort.empty() && status_.decisions.revertMessage == "the run was stopped";
  const bool gradually = asked && interval.has_value();
  int share = least;
  for (const CanaryStep& step : script_.steps) {
    const bool between = step.kind == CanaryStep::Kind::SetWeight && step.weight < weight();
    share = gradually && between ? std::max(share, step.weight) : share;
  }
  if (share >= weight()) {
    return std::nullopt;
  }
  if (gradually && status_.phase == RunPhase::RollingBack && status_.traffic.record.state == StepState::Done) {
    if (Next next = waiting(cat("abort-", weight()), *interval,
                            {RunPhase::RollingBack, status_.decisions.revertReason,
                             cat(status_.decisions.revertMessage, "; going back step by step, ", weight(), "% now")})) {
      return next;
    }
  }
  return routeBack(fresh, stable, share);
}

ShiftPass::Next ShiftPass::undoThose(const Targets& targets) {
  const Stage undo = surveyOf(StepKind::Undo, targets);
  if (undo.through()) {
    return std::nullopt;
  }
  count("undone", undo);
  return takeBack(StepKind::Undo, undo);
}

// Instances of the new version that nothing reaches any more. One that cannot be stopped is told of; it takes nothing.
ShiftPass::Next ShiftPass::withdraw() {
  const Stage stop = surveyProcess(StepKind::Withdraw, those([&](std::size_t i) { return began(i, StepKind::Start); }));
  if (!stop.idle()) {
    count("withdrawn", stop);
    startAll(StepKind::Withdraw, stop);
    return at(RunPhase::RollingBack, status_.decisions.revertReason, status_.decisions.revertMessage);
  }
  if (!stop.failed.empty()) {
    note_ += cat(", new instances may still run without traffic: ", failures(StepKind::Withdraw, stop));
  }
  return std::nullopt;
}

Plan ShiftPass::undoSlots() {
  const Targets stopped = those([&](std::size_t i) { return began(i, StepKind::ScaleDown); });
  if (Next next = bringOldBack(stopped)) {
    return *next;
  }
  const Targets stable = those([&](std::size_t i) { return hasOld(i); });
  if (Next next = lower(up(), stable, 0)) {
    return *next;
  }
  if (Next next = routeBack({}, stable, 0)) {
    return *next;
  }
  if (Next next = undoThose(those([&](std::size_t i) { return began(i, StepKind::Switch); }))) {
    return *next;
  }
  if (Next next = withdraw()) {
    return *next;
  }
  return rolledBack(note_);
}

// What is out of rotation goes back first; then, as the servers that are back take over the traffic, the others.
Plan ShiftPass::undoServers() {
  const Targets touched = those([&](std::size_t i) { return began(i, StepKind::Switch); });
  const Targets fresh = those([&](std::size_t i) { return done(i, StepKind::Verify) && !began(i, StepKind::Undo); });
  if (those([&](std::size_t i) { return hasOld(i); }).empty()) {  // a first deployment: there is nothing to go back to
    if (Next next = routeBack({}, {}, 0)) {
      return *next;
    }
    if (Next next = undoThose(touched)) {
      return *next;
    }
    return rolledBack(note_);
  }
  Targets going = touched;
  std::erase_if(going, [&](std::size_t i) { return std::find(fresh.begin(), fresh.end(), i) != fresh.end(); });
  if (Next next = undoThose(going)) {
    return *next;
  }
  if (Next next = bringOldBack(going)) {
    return *next;
  }
  const Targets stable =
      those([&](std::size_t i) { return hasOld(i) && std::find(fresh.begin(), fresh.end(), i) == fresh.end(); });
  if (fresh.empty()) {
    if (Next next = routeBack({}, stable, 0)) {
      return *next;
    }
    count("undone", surveyOf(StepKind::Undo, touched));
    return rolledBack(note_);
  }
  // Less traffic on the new version as the old ones can take it, then as many servers as it can do without.
  if (Next next = lower(fresh, stable, std::min(weight(), 100 - capacity_.of(stable.size())))) {
    return *next;
  }
  const std::size_t keep = capacity_.needed(weight());
  const std::size_t spare = std::max<std::size_t>(fresh.size() - std::min(keep, fresh.size()), 1);
  const std::size_t count = weight() == 0 ? fresh.size() : std::min(spare, script_.away);
  const Targets carrying(fresh.begin(), fresh.end() - static_cast<std::ptrdiff_t>(count));
  if (!carrying.empty() || !stable.empty()) {
    if (Next next = routeBack(carrying, stable, weight())) {
      return *next;
    }
  }
  const Targets leaving(fresh.end() - static_cast<std::ptrdiff_t>(count), fresh.end());
  if (Next next = undoThose(leaving)) {
    return *next;
  }
  return rolledBack(note_);
}

}  // namespace slipway::planner
