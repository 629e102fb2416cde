#include "reconciler/planner/run_pass.h"

#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/planner/step_rules.h"
#include "reconciler/planner/traffic_goal.h"

namespace slipway::planner {
namespace {

Stage without(Stage stage, const std::vector<std::size_t>& targets) {
  std::erase_if(stage.ready,
                [&](std::size_t i) { return std::find(targets.begin(), targets.end(), i) != targets.end(); });
  return stage;
}

}  // namespace

Plan RunPass::run() {
  const RunDecisions& decided = status_.decisions;
  if (!decided.revert.empty()) {
    const std::optional<Plan> ending = endHooks(RunPhase::RollingBack);
    return ending.has_value() ? *ending : undoing();
  }
  if (!decided.abort.empty()) {
    return decided.commit.empty() ? cancelling() : decide(Decision::Revert, abortReason(), "the run was stopped");
  }
  if (!decided.pausedAt.empty()) {
    return paused();
  }
  if (std::all_of(status_.targets.begin(), status_.targets.end(), [](const RunTarget& t) { return t.gone; })) {
    return outcome(RunPhase::Failed, "NoTargets", "there is no server left to deploy to");
  }
  if (decided.commit.empty() && !decided.sourceFailed.empty()) {
    return failing("SourceFailed", decided.sourceFailed);
  }
  return decided.commit.empty() ? preparing() : deploying();
}

Stage RunPass::surveyAll(StepKind kind) const {
  return survey(input_, kind, [](std::size_t) { return true; });
}

void RunPass::startAll(StepKind kind, const Stage& stage) {
  for (std::size_t i : stage.ready) {
    plan_.wave.push_back(plannedStep(input_, kind, i));
  }
  plan_.checkAgain = stage.nextTry;
}

void RunPass::startCapped(StepKind kind, Stage stage) {
  std::stable_partition(stage.ready.begin(), stage.ready.end(),
                        [&](std::size_t i) { return target(i).stateOf(kind) == StepState::Running; });
  const auto cap = static_cast<std::size_t>(std::max(input_.run.spec.maxParallel, 1));
  stage.ready.resize(std::min(stage.ready.size(), std::max(cap, stage.running)));
  startAll(kind, stage);
}

Plan RunPass::at(RunPhase phase, std::string reason, std::string message) {
  plan_.phase = phase;
  plan_.reason = std::move(reason);
  plan_.message = std::move(message);
  return plan_;
}

Plan RunPass::outcome(RunPhase phase, std::string reason, std::string message) {
  plan_.wave.clear();
  plan_.hooks.clear();
  plan_.checkAgain.reset();
  return at(phase, std::move(reason), std::move(message));
}

Plan RunPass::decide(Decision decision, std::string reason, std::string message) {
  plan_.decision = decision;
  return outcome(status_.phase, std::move(reason), std::move(message));
}

void RunPass::count(std::string_view word, const Stage& stage) {
  plan_.step = cat(word, " ", stage.done, "/", stage.total);
}

std::string RunPass::failures(StepKind kind, const Stage& stage) const {
  return describeFailures(status_, kind, stage.failed);
}

Plan RunPass::preparing() {
  for (const HookPoint point : {HookPoint::Backup, HookPoint::BeforeBuild}) {
    if (std::optional<Plan> next = hooksOfRun(point, RunPhase::Preparing)) {
      return *next;
    }
  }
  const Stage prepare = surveyAll(StepKind::Prepare);
  count("prepared", prepare);
  if (!prepare.idle()) {
    const std::vector<std::size_t> full = withoutRoom(prepare);
    startCapped(StepKind::Prepare, without(prepare, full));
    for (std::size_t i : full) {
      const int attempt = target(i).step(StepKind::Prepare)->attempt;
      plan_.wave.push_back(
          {{i, StepKind::Sync}, attempt, operationId(input_.runUid, StepKind::Sync, target(i).name, attempt)});
    }
    if (!full.empty()) {
      return at(RunPhase::Preparing, "MakingRoom",
                cat("removing old releases before the next try: ", failures(StepKind::Prepare, {.failed = full})));
    }
    return at(RunPhase::Preparing, "Preparing",
              cat("making version ", input_.run.version, " ready on ", prepare.total, " servers"));
  }
  if (!prepare.failed.empty()) {
    return failing("PrepareFailed", cat(prepare.failed.size(), " of ", prepare.total,
                                        " servers could not be made ready, nothing was switched: ",
                                        failures(StepKind::Prepare, prepare)));
  }
  if (std::optional<Plan> next = hooksOfRun(HookPoint::AfterBuild, RunPhase::Preparing)) {
    return *next;
  }
  return gate();
}

std::vector<std::size_t> RunPass::withoutRoom(const Stage& prepare) const {
  std::vector<std::size_t> full;
  for (std::size_t i = 0; i < status_.targets.size(); ++i) {
    const StepRecord* record = target(i).step(StepKind::Prepare);
    const bool lost = std::find(prepare.failed.begin(), prepare.failed.end(), i) != prepare.failed.end();
    if (target(i).gone || record == nullptr || lost || !outOfRoom(*record)) {
      continue;
    }
    const StepRecord* sync = target(i).step(StepKind::Sync);
    if (sync == nullptr || sync->attempt != record->attempt || sync->state == StepState::Running) {
      full.push_back(i);
    }
  }
  return full;
}

Plan RunPass::gate() {
  const Stage check = surveyAll(StepKind::Check);
  count("checked", check);
  if (!check.idle()) {
    startAll(StepKind::Check, check);
    return at(RunPhase::Preparing, "AtGate", "every server is prepared: checking all of them before the switch");
  }
  // A prepared directory that was changed since is not trusted: it is made again, once.
  for (std::size_t i : check.failed) {
    const int made = target(i).step(StepKind::Prepare)->attempt;
    if (preparationIsLost(*target(i).step(StepKind::Check)) && made < 2) {
      const std::string id = operationId(input_.runUid, StepKind::Prepare, target(i).name, made + 1);
      plan_.wave.push_back({{i, StepKind::Prepare}, made + 1, id});
    }
  }
  if (!plan_.wave.empty()) {
    return at(RunPhase::Preparing, "PreparationLost", "a prepared release was changed or is gone: making it again");
  }
  if (!check.failed.empty()) {
    return failing("GateClosed",
                   cat("the gate stays closed, nothing was switched: ", failures(StepKind::Check, check)));
  }
  if (std::optional<Plan> next = wholeCluster("begin", RunPhase::Preparing, HookPoint::BeforeSwitch)) {
    return *next;
  }
  if (std::optional<Plan> next = hooksOfRun(HookPoint::BeforeSwitch, RunPhase::Preparing)) {
    return *next;
  }
  if (std::optional<Plan> next = gateIsFresh(check)) {
    return *next;
  }
  return decide(Decision::Commit, "GateOpen", cat("all ", check.total, " servers are ready"));
}

Plan RunPass::advance(StepKind kind, const Stage& stage, Where where) {
  const bool settled = verifies(kind) || stage.idle();
  if (!stage.failed.empty() && settled) {
    return failed(kind, failures(kind, stage));
  }
  startAll(kind, stage);
  return at(where.phase, std::move(where.reason), std::move(where.message));
}

Plan RunPass::failed(StepKind kind, const std::string& message, std::string_view why) {
  const RollbackPolicy policy = input_.run.spec.rollback;
  const bool verification = verifies(kind);
  const std::string reason = !why.empty()                ? std::string(why)
                             : verification              ? "VerificationFailed"
                             : kind == StepKind::Switch  ? "PartialSwitch"
                             : kind == StepKind::Traffic ? "TrafficFailed"
                             : kind == StepKind::Hook    ? "HookFailed"
                                                         : "ActivationFailed";
  // With traffic on both versions there is nothing to leave as it is: a mix is never an end.
  const StrategyType type = input_.run.spec.strategy.type;
  const bool shifting =
      type == StrategyType::BlueGreen || type == StrategyType::Canary || input_.run.spec.slots.has_value();
  if (verification && policy == RollbackPolicy::None && !shifting) {
    return failing(reason, cat(message, " (left as it is: rollback.policy is None)"));
  }
  // A rollback is never itself rolled back: a person decides.
  const bool hold = policy != RollbackPolicy::Automatic || input_.run.reason == RunReason::Rollback ||
                    (!verification && input_.run.spec.strategy.onPartialSwitch == OnPartialSwitch::Hold);
  if (hold) {
    if (std::optional<Plan> next = hooksOfRun(HookPoint::OnFailure, status_.phase)) {
      return *next;
    }
    return decide(Decision::Hold, reason, cat(message, "; held: resume to try again, abort to undo"));
  }
  return decide(Decision::Revert, reason, message);
}

Plan RunPass::takeBack(StepKind kind, Stage stage) {
  std::reverse(stage.ready.begin(), stage.ready.end());
  startAll(kind, stage);
  if (!stage.failed.empty() && stage.idle()) {
    if (std::optional<Plan> next = hooksOfRun(HookPoint::OnFailure, RunPhase::RollingBack)) {
      return *next;
    }
    return at(RunPhase::Paused, "RollbackIncomplete",
              cat("the fleet is mixed: ", stage.failed.size(), " of ", stage.total,
                  " servers could not be taken back: ", failures(kind, stage), "; resume to try again"));
  }
  return at(RunPhase::RollingBack, status_.decisions.revertReason, status_.decisions.revertMessage);
}

std::optional<Plan> RunPass::waiting(const std::string& name, Duration duration, Where where) {
  const auto waited = input_.waited.find(name);
  const Duration passed = waited == input_.waited.end() ? Duration(0) : waited->second;
  if (passed >= duration) {
    return std::nullopt;
  }
  plan_.wait = PlannedWait{name, duration};
  plan_.checkAgain = duration - passed;
  return at(where.phase, std::move(where.reason), std::move(where.message));
}

std::optional<Plan> RunPass::route(const TrafficGoal& goal, const std::string& message) {
  if (goal.fresh.empty() && goal.stable.empty() && status_.traffic.number == 0) {
    return std::nullopt;  // nobody gets anything now either
  }
  return routeFirst(goal, message);
}

std::optional<Plan> RunPass::routeFirst(const TrafficGoal& goal, const std::string& message) {
  if (reached(input_, goal)) {
    return std::nullopt;
  }
  const StepRecord& last = status_.traffic.record;
  const bool underWay = status_.traffic.number > 0 && last.state == StepState::Running;
  plan_.traffic = underWay ? trafficUnderWay(input_) : changeTo(input_, goal);
  const bool same = plan_.traffic->number == status_.traffic.number;
  const bool failedLast = last.state == StepState::Failed || last.state == StepState::Unknown;
  if (same && failedLast && nextTry(StepKind::Traffic, last, input_.run.spec) == NextTry::No) {
    plan_.traffic.reset();
    const std::string why = cat("traffic could not be changed: ", last.message);
    if (!status_.decisions.revert.empty()) {
      return at(RunPhase::Paused, "RollbackIncomplete", cat(why, "; resume to try again"));
    }
    return failed(StepKind::Traffic, why);
  }
  const auto cooling = input_.cooling.find({kFleet, StepKind::Traffic});
  if (same && failedLast && cooling != input_.cooling.end()) {
    plan_.traffic.reset();
    plan_.checkAgain = cooling->second;
  }
  if (!status_.decisions.revert.empty()) {
    return at(RunPhase::RollingBack, status_.decisions.revertReason, status_.decisions.revertMessage);
  }
  return at(RunPhase::TrafficSwitching, "ChangingTraffic", message);
}

Plan RunPass::retiring(const std::string& note, const std::string& where) {
  if (std::optional<Plan> next = hooksOfRun(HookPoint::AfterSwitch, RunPhase::HealthCheck)) {
    return *next;
  }
  const Stage retire = surveyAll(StepKind::Retire);
  if (!retire.idle()) {
    startAll(StepKind::Retire, retire);
    return at(RunPhase::HealthCheck, "Retiring", "removing old releases");
  }
  const std::string stays =
      retire.failed.empty() ? "" : cat("; old releases stay: ", failures(StepKind::Retire, retire));
  return outcome(RunPhase::Completed, "Completed",
                 cat("version ", input_.run.version, " is live on ",
                     where.empty() ? cat("all ", retire.total, " servers") : where, note, stays, hookNotes(input_)));
}

Plan RunPass::rolledBack(const std::string& note) {
  if (status_.phase != RunPhase::RollingBack) {  // nothing had been touched yet: the phase is still a row of the record
    plan_.checkAgain = Duration(0);
    return at(RunPhase::RollingBack, status_.decisions.revertReason, status_.decisions.revertMessage);
  }
  for (const HookPoint point : {HookPoint::AfterRollback, HookPoint::OnFailure}) {
    if (point == HookPoint::AfterRollback || tellsOfFailure()) {
      if (std::optional<Plan> next = hooksOfRun(point, RunPhase::RollingBack)) {
        return *next;
      }
    }
  }
  return outcome(RunPhase::RolledBack, status_.decisions.revertReason,
                 cat("every server is back on what it ran before", note, ": ", status_.decisions.revertMessage,
                     hookNotes(input_)));
}

std::string RunPass::abortReason() const {
  return status_.decisions.abortReason.empty() ? "Aborted" : status_.decisions.abortReason;
}

Plan RunPass::cancelling() {
  (void)endHooks(status_.phase);
  for (const RunTarget& one : status_.targets) {
    const StepRecord* record = one.step(StepKind::Prepare);
    if (record != nullptr && record->state == StepState::Running) {
      plan_.abort.push_back(record->operationId);
    }
  }
  if (plan_.abort.empty() && plan_.hooks.empty()) {
    return outcome(RunPhase::Cancelled, abortReason(), "the run was stopped before anything was switched");
  }
  return at(status_.phase, "Aborting", cat("stopping the build on ", plan_.abort.size(), " servers"));
}

// Steps that were started are seen to their end; nothing new begins.
Plan RunPass::paused() {
  for (std::size_t i = 0; i < status_.targets.size(); ++i) {
    for (const auto& [kind, record] : target(i).steps) {
      if (record.state == StepState::Running) {
        plan_.wave.push_back(plannedStep(input_, kind, i));
      }
    }
  }
  if (status_.traffic.record.state == StepState::Running) {
    plan_.traffic = trafficUnderWay(input_);
  }
  plan_.hooks = runningHooks(input_);
  // What was under way goes on to its end, and counts.
  const Stage prepare = surveyAll(StepKind::Prepare);
  plan_.step = status_.step;
  if (status_.decisions.commit.empty() && status_.step.starts_with("prepared ")) {
    count("prepared", prepare);
  }
  return at(RunPhase::Paused, status_.transitions.empty() ? "Paused" : status_.transitions.back().reason,
            status_.message);
}

}  // namespace slipway::planner
