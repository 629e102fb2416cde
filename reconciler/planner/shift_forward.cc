#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/planner/analysis_rules.h"
#include "reconciler/planner/shift_pass.h"
#include "reconciler/planner/step_rules.h"
#include "reconciler/planner/traffic_goal.h"

namespace slipway::planner {
namespace {

bool contains(const std::vector<std::size_t>& targets, std::size_t i) {
  return std::find(targets.begin(), targets.end(), i) != targets.end();
}

void remove(std::vector<std::size_t>& from, const std::vector<std::size_t>& targets) {
  std::erase_if(from, [&](std::size_t i) { return contains(targets, i); });
}

}  // namespace

Plan ShiftPass::deploying() {
  const int number = status_.canaryStep;
  const auto steps = static_cast<int>(script_.steps.size());
  if (number < steps && status_.decisions.promoteFull.empty()) {
    plan_.step = cat("step ", number + 1, "/", steps);
    if (Next next = takeStep(script_.steps[static_cast<std::size_t>(number)], number)) {
      return *next;
    }
    return decide(Decision::NextStep, "StepDone", cat(progressText(number + 1), "done"));
  }
  plan_.step = steps == 0 ? "" : cat("step ", steps, "/", steps);
  return finishing();
}

ShiftPass::Next ShiftPass::takeStep(const CanaryStep& step, int number) {
  const auto place = static_cast<std::size_t>(number) + 1;
  const int share = script_.weightAfter(place);
  const std::size_t scale = std::max(script_.scaleAfter(place), capacity_.needed(share));
  if (Next next = bring(scale, share)) {
    return next;
  }
  switch (step.kind) {
    case CanaryStep::Kind::SetWeight:
    case CanaryStep::Kind::SetScale:
      return std::nullopt;
    case CanaryStep::Kind::Pause:
      return pause(step, number);
    case CanaryStep::Kind::Analysis:
      return analyse(step, number);
  }
  return std::nullopt;
}

ShiftPass::Next ShiftPass::pause(const CanaryStep& step, int number) {
  if (status_.decisions.promotedStep >= number) {
    return std::nullopt;
  }
  const std::string where = cat(progressText(number + 1), weight(), "% of traffic on version ", input_.run.version);
  if (step.pause.has_value()) {
    return waiting(cat("step-", number + 1), *step.pause,
                   {RunPhase::HealthCheck, "Baking", cat(where, " for ", formatDuration(*step.pause))});
  }
  return at(RunPhase::Paused, "AwaitingPromotion", cat(where, "; waits for a person: slipway promote"));
}

ShiftPass::Next ShiftPass::analyse(const CanaryStep& step, int number) {
  if (status_.decisions.promotedStep >= number) {
    return std::nullopt;  // a person has judged
  }
  const auto found = status_.analyses.find(std::to_string(number));
  const std::string verdict = found == status_.analyses.end() ? "" : found->second.verdict;
  if (verdict == "Successful") {
    return std::nullopt;
  }
  if (verdict == "Failed") {
    return failed(StepKind::Confirm, cat("the analysis says no: ", found->second.message), "AnalysisFailed");
  }
  if (verdict == "Inconclusive") {
    return decide(Decision::Hold, "AnalysisInconclusive",
                  cat(found->second.message, "; held: promote or abort to decide, resume to analyse again"));
  }
  plan_.analysis = PlannedAnalysis{number, step.templates, step.args};
  const std::string progress = found == status_.analyses.end()
                                   ? join(step.templates, ", ")
                                   : progressOf(found->second, metricsOf(*plan_.analysis, input_.run.analyses));
  return at(RunPhase::HealthCheck, "Analysing",
            cat(progressText(number + 1), "judging version ", input_.run.version, " by ", progress));
}

ShiftPass::Next ShiftPass::bring(std::size_t scale, int share) {
  scale = std::min(scale, script_.order.size());
  if (groups_) {
    return bringGroup(share);
  }
  return slots_ ? bringSlots(scale, share) : bringServers(scale, share);
}

ShiftPass::Next ShiftPass::stage(StepKind kind, const Stage& stage, Where where) {
  if (stage.through()) {
    return std::nullopt;
  }
  return advance(kind, stage, std::move(where));
}

ShiftPass::Next ShiftPass::verify(const Targets& targets, std::string message) {
  const Stage looks = surveyOf(StepKind::Verify, targets);
  if (Next next = comingUp(StepKind::Verify, looks, RunPhase::HealthCheck)) {
    return next;
  }
  return stage(StepKind::Verify, looks, {RunPhase::HealthCheck, "Verifying", std::move(message)});
}

// More traffic only on instances that are healthy now, not only when they came up.
ShiftPass::Next ShiftPass::raise(int share, const Targets& fresh, const Targets& stable) {
  if (share == 0 && weight() == 0) {
    return std::nullopt;
  }
  if (share > weight() && status_.canaryStep > 0) {
    if (Next next = stage(StepKind::Confirm, surveyOf(StepKind::Confirm, fresh),
                          {RunPhase::HealthCheck, "Confirming",
                           cat("checking version ", input_.run.version, " again before it gets more traffic")})) {
      return next;
    }
  }
  if (share > weight()) {
    if (Next next = stillHealthy(fresh, "it gets more traffic")) {
      return next;
    }
  }
  const int steps = std::min(status_.canaryStep + 1, static_cast<int>(script_.steps.size()));
  return route({share, fresh, share == 100 ? Targets{} : stable},
               cat(progressText(steps), share, "% of traffic to version ", input_.run.version));
}

// --- with slots ------------------------------------------------------------------------------------------------------

// Those whose slot has the new version already, and as many more as the surge lets.
ShiftPass::Targets ShiftPass::chooseSlots(std::size_t scale) const {
  const auto both = [&](std::size_t i) { return hasOld(i) && !began(i, StepKind::ScaleDown); };
  Targets chosen = those([&](std::size_t i) { return began(i, StepKind::Place); });
  std::size_t doubled = static_cast<std::size_t>(std::count_if(chosen.begin(), chosen.end(), both));
  for (std::size_t i : script_.order) {
    if (chosen.size() >= scale || contains(chosen, i)) {
      continue;
    }
    if (!both(i)) {
      chosen.push_back(i);
    } else if (doubled < script_.surge) {
      chosen.push_back(i);
      ++doubled;
    }
  }
  return those([&](std::size_t i) { return contains(chosen, i); });
}

// A free slot may still get requests: from a run of a Release that was deleted, or of a server that was, and made
// again.
ShiftPass::Next ShiftPass::freeSlots() {
  if (!freesSlots(input_.run.spec, status_)) {
    return std::nullopt;  // the changes of this run have said what gets requests
  }
  Next next =
      routeFirst({0, {}, oldUp()}, cat("seeing that the slots for version ", input_.run.version, " get no requests"));
  if (next.has_value() && next->phase == RunPhase::TrafficSwitching) {
    return at(RunPhase::Deploying, "FreeingSlots", next->message);
  }
  return next;
}

ShiftPass::Next ShiftPass::raiseSlots(const Targets& chosen) {
  const std::string version = cat("version ", input_.run.version, " on ", chosen.size(), " servers");
  if (Next next = stage(StepKind::Place, surveyOf(StepKind::Place, chosen),
                        {RunPhase::Deploying, "Placing", cat("putting ", version, " into the free slot")})) {
    return next;
  }
  if (Next next = stage(StepKind::Start, surveyProcess(StepKind::Start, chosen),
                        {RunPhase::Deploying, "Starting", cat("starting ", version, " beside the live one")})) {
    return next;
  }
  return verify(chosen, cat("checking ", version, " before it gets traffic"));
}

ShiftPass::Next ShiftPass::bringSlots(std::size_t scale, int share) {
  const Targets leaving = those([&](std::size_t i) { return began(i, StepKind::ScaleDown); });
  if (Next next = stage(StepKind::ScaleDown, surveyProcess(StepKind::ScaleDown, leaving),
                        {RunPhase::Deploying, "ScalingDown", "stopping old instances without traffic"})) {
    return next;
  }
  const Targets fresh = chooseSlots(scale);
  if (Next next = fresh.empty() ? Next() : freeSlots()) {
    return next;
  }
  if (Next next = raiseSlots(fresh)) {
    return next;
  }
  const int possible = std::min(share, capacity_.of(fresh.size()));
  if (fresh.size() < scale && possible == weight()) {
    if (Next next = makeRoom(fresh, scale - fresh.size())) {
      return next;
    }
  }
  return raise(possible, fresh, oldUp());
}

// Old instances whose server has the new one as well, as many as the traffic on the old version can spare.
ShiftPass::Next ShiftPass::makeRoom(const Targets& fresh, std::size_t missing) {
  Targets stable = weight() == 100 ? Targets{} : oldUp();
  const Targets doubled =
      those([&](std::size_t i) { return contains(fresh, i) && hasOld(i) && !began(i, StepKind::ScaleDown); });
  const std::size_t keep = capacity_.needed(100 - weight());
  const std::size_t spare = weight() == 100 ? doubled.size() : stable.size() - std::min(keep, stable.size());
  const std::size_t count = std::min({missing, spare, doubled.size()});
  if (count == 0) {
    return std::nullopt;  // the budget is used up at this weight
  }
  const Targets leaving(doubled.begin(), doubled.begin() + static_cast<std::ptrdiff_t>(count));
  remove(stable, leaving);
  if (Next next = route({weight(), fresh, stable}, cat("taking ", count, " old instances out of rotation"))) {
    return next;
  }
  const Stage down = surveyProcess(StepKind::ScaleDown, leaving);
  return advance(StepKind::ScaleDown, down,
                 {RunPhase::Deploying, "ScalingDown", "stopping old instances without traffic"});
}

// --- without slots ---------------------------------------------------------------------------------------------------

// Servers that are out of rotation: to the new version, and verified.
ShiftPass::Next ShiftPass::switchServers(const Targets& out) {
  const std::string version = cat(out.size(), " servers without traffic: version ", input_.run.version);
  if (Next next = stage(StepKind::Switch, surveyOf(StepKind::Switch, out),
                        {RunPhase::Deploying, "Switching", cat("switching ", version)})) {
    return next;
  }
  if (Next next = stage(StepKind::Start, surveyProcess(StepKind::Start, out),
                        {RunPhase::Deploying, "Activating", cat("activating ", version)})) {
    return next;
  }
  return verify(out, cat("checking ", version));
}

ShiftPass::Targets ShiftPass::nextServers(std::size_t missing, const Targets& stable) const {
  const std::size_t keep = capacity_.needed(100 - weight());
  const bool alone = status_.targets.size() == 1;  // there never was another one to carry the traffic meanwhile
  std::size_t spare = alone ? stable.size() : stable.size() - std::min(keep, stable.size());
  const std::size_t most = std::min(script_.away, missing);
  return those([&, taken = std::size_t{0}](std::size_t i) mutable {
    const bool inUse = contains(stable, i);
    if (began(i, StepKind::Switch) || taken == most || (inUse && spare == 0)) {
      return false;
    }
    spare -= inUse ? 1 : 0;
    ++taken;
    return true;
  });
}

ShiftPass::Next ShiftPass::bringServers(std::size_t scale, int share) {
  const Targets out = those([&](std::size_t i) { return began(i, StepKind::Switch) && !done(i, StepKind::Verify); });
  if (!out.empty()) {
    return switchServers(out);
  }
  const Targets fresh = up();
  Targets stable = oldUp();
  if (fresh.size() >= scale || weight() > share) {  // more than was asked for: somebody else changed it
    return raise(std::min(share, capacity_.of(fresh.size())), fresh, stable);
  }
  const Targets next = nextServers(scale - fresh.size(), stable);
  if (next.empty()) {
    const int possible = std::min(share, capacity_.of(fresh.size()));
    if (possible < share && possible == weight()) {
      return failed(StepKind::Switch,
                    "no server is left that could carry the requests of another one while that one is switched",
                    "NobodyToCarry");
    }
    return raise(possible, fresh, stable);
  }
  if (Next look = stillHealthy(fresh, "others leave the rotation")) {
    return look;
  }
  remove(stable, next);
  const Targets carrying = weight() > 0 ? fresh : Targets{};
  if (!carrying.empty() || !stable.empty()) {
    if (Next change = route({weight(), carrying, weight() == 100 ? Targets{} : stable},
                            cat("taking ", next.size(), " servers out of rotation"))) {
      return change;
    }
  }
  return advance(StepKind::Switch, surveyOf(StepKind::Switch, next),
                 {RunPhase::Deploying, "Switching",
                  cat("switching ", next.size(), " servers without traffic to version ", input_.run.version)});
}

// --- the end ---------------------------------------------------------------------------------------------------------

Plan ShiftPass::finishing() {
  if (groups_) {
    return finishGroups();
  }
  const Stage flip = surveyAll(StepKind::Switch);
  if (!slots_ || !flip.through()) {
    if (Next next = bring(script_.order.size(), 100)) {
      return *next;
    }
  }
  if (!slots_) {
    return retiring();
  }
  if (!flip.through()) {
    return advance(StepKind::Switch, flip,
                   {RunPhase::Deploying, "Switching", cat("version ", input_.run.version, " becomes the live one")});
  }
  if (Next next = hooksOfRun(HookPoint::AfterSwitch, RunPhase::HealthCheck)) {
    return *next;
  }
  const Targets old = those([&](std::size_t i) { return !target(i).slotBefore.empty(); });
  const Stage down = surveyProcess(StepKind::ScaleDown, old);
  const bool begun = std::any_of(old.begin(), old.end(), [&](std::size_t i) { return !began(i, StepKind::ScaleDown); });
  if (begun) {
    const Duration delay = script_.scaleDownDelay;
    if (Next next = waiting("scale-down", delay,
                            {RunPhase::HealthCheck, "KeepingOld",
                             cat("all traffic is on version ", input_.run.version, "; the old instances stay for ",
                                 formatDuration(delay))})) {
      return *next;
    }
    if (Next next = stillHealthy(up(), "the old instances are stopped")) {
      return *next;
    }
  }
  if (!down.idle()) {
    startAll(StepKind::ScaleDown, down);
    return at(RunPhase::HealthCheck, "ScalingDown", "stopping the old instances");
  }
  return retiring(down.failed.empty() ? ""
                                      : cat("; old instances may still run: ", failures(StepKind::ScaleDown, down)));
}

}  // namespace slipway::planner
