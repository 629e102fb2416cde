// The part of ShiftPass where whole servers are blue or green: one group of them has all traffic, the other one gets
// the new version.
#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/planner/shift_pass.h"

namespace slipway::planner {

ShiftPass::Targets ShiftPass::ofGroup(bool fresh) const {
  const std::string name = freshGroup(input_.run.spec, status_);
  return those([&](std::size_t i) { return (target(i).group == name) == fresh; });
}

ShiftPass::Targets ShiftPass::oldGroup() const {
  Targets out = ofGroup(false);
  std::erase_if(out, [&](std::size_t i) { return !hasOld(i); });
  return out;
}

// All of the group or none of it: the traffic moves in one change.
ShiftPass::Next ShiftPass::bringGroup(int share) {
  const Targets fresh = ofGroup(true);
  const Targets stable = oldGroup();
  if (fresh.empty()) {
    return failed(StepKind::Verify, cat("no server of group ", freshGroup(input_.run.spec, status_), " is left"),
                  "GroupGone");
  }
  const bool ready = std::all_of(fresh.begin(), fresh.end(), [&](std::size_t i) { return done(i, StepKind::Verify); });
  if (!ready && !stable.empty()) {
    if (Next next = route({0, {}, stable}, cat("all traffic on group ", liveGroup(input_.run.spec, status_),
                                               " while the other one is changed"))) {
      return next;
    }
  }
  if (Next next = switchServers(fresh)) {
    return next;
  }
  return raise(share, fresh, stable);
}

// What the traffic has left: it gets the new version as well, so that the next run begins from there. That one of its
// servers does not take it harms nobody, and is told of.
ShiftPass::Next ShiftPass::updateOldGroup() {
  Targets old = ofGroup(false);
  std::string problem;
  for (const StepKind kind : {StepKind::Switch, StepKind::Start, StepKind::Verify}) {
    const Stage stage = kind == StepKind::Start ? surveyProcess(kind, old) : surveyOf(kind, old);
    if (!stage.idle()) {
      startAll(kind, stage);
      return at(RunPhase::HealthCheck, "UpdatingOldGroup",
                cat("all traffic is on version ", input_.run.version, ": bringing the other group to it as well"));
    }
    if (!stage.failed.empty()) {
      problem += cat("; without traffic and not on it: ", failures(kind, stage));
      std::erase_if(old, [&](std::size_t i) {
        return std::find(stage.failed.begin(), stage.failed.end(), i) != stage.failed.end();
      });
    }
  }
  note_ += problem;
  return std::nullopt;
}

Plan ShiftPass::finishGroups() {
  if (Next next = bringGroup(100)) {
    return *next;
  }
  if (Next next = hooksOfRun(HookPoint::AfterSwitch, RunPhase::HealthCheck)) {
    return *next;
  }
  const Targets old = ofGroup(false);
  const bool update = input_.run.spec.strategy.blueGreen->oldGroup == OldGroup::Update;
  const bool begun = std::any_of(old.begin(), old.end(), [&](std::size_t i) { return began(i, StepKind::Switch); });
  const Duration delay = script_.scaleDownDelay;
  if (!begun && !oldGroup().empty()) {
    if (Next next = waiting("scale-down", delay,
                            {RunPhase::HealthCheck, "KeepingOld",
                             cat("all traffic is on version ", input_.run.version, "; the other group stays for ",
                                 formatDuration(delay))})) {
      return *next;
    }
  }
  if (update) {
    if (Next next = updateOldGroup()) {
      return *next;
    }
  }
  const std::string where = cat("group ", freshGroup(input_.run.spec, status_));
  return retiring(update ? note_ : "; the other group stays on what it ran", where);
}

// The traffic goes back first; the group that it has left can then be taken back in peace.
Plan ShiftPass::undoGroups() {
  const auto touched = [&](bool fresh) {
    Targets out = ofGroup(fresh);
    std::erase_if(out, [&](std::size_t i) { return !began(i, StepKind::Switch); });
    return out;
  };
  for (const bool fresh : {false, true}) {
    if (Next next = fresh ? routeBack({}, oldGroup(), 0) : Next()) {
      return *next;
    }
    if (Next next = undoThose(touched(fresh))) {
      return *next;
    }
    if (Next next = bringOldBack(touched(fresh))) {
      return *next;
    }
  }
  return rolledBack(note_);
}

}  // namespace slipway::planner
