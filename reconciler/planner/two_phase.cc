#include "reconciler/planner/two_phase.h"

#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/planner/stage.h"
#include "reconciler/planner/step_rules.h"

namespace slipway::planner {
namespace {

// One pass over the record of a run: the first stage that is not through decides what happens next.
class Pass {
 public:
  Pass(const PlanInput& input, bool recreate) : input_(input), status_(input.progress), recreate_(recreate) {}

  Plan run() {
    const RunDecisions& decided = status_.decisions;
    if (!decided.revert.empty()) {
      return undoing();
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
    return decided.commit.empty() ? preparing() : deploying();
  }

 private:
  const RunTarget& target(std::size_t i) const { return status_.targets[i]; }

  Stage surveyAll(StepKind kind) {
    return survey(input_, kind, [](std::size_t) { return true; });
  }

  Stage surveyProcess(StepKind kind) {
    return survey(input_, kind, [&](std::size_t i) { return runsProcess(input_.run.spec, kind, target(i).name); });
  }

  void startAll(StepKind kind, const Stage& stage) {
    for (std::size_t i : stage.ready) {
      plan_.wave.push_back(plannedStep(input_, kind, i));
    }
    plan_.checkAgain = stage.nextTry;
  }

  // Those that run already first, then new ones up to the cap.
  void startCapped(StepKind kind, Stage stage) {
    std::stable_partition(stage.ready.begin(), stage.ready.end(),
                          [&](std::size_t i) { return target(i).stateOf(kind) == StepState::Running; });
    const auto cap = static_cast<std::size_t>(std::max(input_.run.spec.maxParallel, 1));
    stage.ready.resize(std::min(stage.ready.size(), std::max(cap, stage.running)));
    startAll(kind, stage);
  }

  Plan at(RunPhase phase, std::string reason, std::string message) {
    plan_.phase = phase;
    plan_.reason = std::move(reason);
    plan_.message = std::move(message);
    return plan_;
  }

  // An end leaves nothing to do.
  Plan outcome(RunPhase phase, std::string reason, std::string message) {
    plan_.wave.clear();
    plan_.checkAgain.reset();
    return at(phase, std::move(reason), std::move(message));
  }

  Plan decide(Decision decision, std::string reason, std::string message) {
    plan_.decision = decision;
    return outcome(status_.phase, std::move(reason), std::move(message));
  }

  void count(std::string_view word, const Stage& stage) { plan_.step = cat(word, " ", stage.done, "/", stage.total); }

  std::string failures(StepKind kind, const Stage& stage) { return describeFailures(status_, kind, stage.failed); }

  Plan preparing() {
    const Stage prepare = surveyAll(StepKind::Prepare);
    count("prepared", prepare);
    if (!prepare.idle()) {
      startCapped(StepKind::Prepare, prepare);
      return at(RunPhase::Preparing, "Preparing",
                cat("making version ", input_.run.version, " ready on ", prepare.total, " servers"));
    }
    if (!prepare.failed.empty()) {
      return outcome(
          RunPhase::Failed, "PrepareFailed",
          cat(prepare.failed.size(), " of ", prepare.total,
              " servers could not be made ready, nothing was switched: ", failures(StepKind::Prepare, prepare)));
    }
    return gate();
  }

  Plan gate() {
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
      return outcome(RunPhase::Failed, "GateClosed",
                     cat("the gate stays closed, nothing was switched: ", failures(StepKind::Check, check)));
    }
    return decide(Decision::Commit, "GateOpen", cat("all ", check.total, " servers are ready"));
  }

  Plan deploying() {
    if (recreate_) {
      const Stage stop = surveyProcess(StepKind::Stop);
      if (!stop.through()) {
        count("stopped", stop);
        return advance(StepKind::Stop, stop, {RunPhase::Deploying, "Stopping", "stopping the application"});
      }
    }
    const Stage flip = surveyAll(StepKind::Switch);
    count("switched", flip);
    if (!flip.through()) {
      return advance(StepKind::Switch, flip,
                     {RunPhase::Deploying, "Switching",
                      cat("switching ", flip.total, " servers to version ", input_.run.version)});
    }
    const Stage begin = surveyProcess(StepKind::Start);
    if (!begin.through()) {
      count("activated", begin);
      return advance(StepKind::Start, begin, {RunPhase::Deploying, "Activating", "activating the new version"});
    }
    return verifying();
  }

  Plan verifying() {
    const Stage verify = surveyAll(StepKind::Verify);
    count("verified", verify);
    if (!verify.through()) {
      return advance(StepKind::Verify, verify,
                     {RunPhase::HealthCheck, "Verifying",
                      cat("checking version ", input_.run.version, " on ", verify.total, " servers")});
    }
    const Stage retire = surveyAll(StepKind::Retire);
    if (!retire.idle()) {
      startAll(StepKind::Retire, retire);
      return at(RunPhase::HealthCheck, "Retiring", "removing old releases");
    }
    const std::string note =
        retire.failed.empty() ? "" : cat("; old releases stay: ", failures(StepKind::Retire, retire));
    return outcome(RunPhase::Completed, "Completed",
                   cat("version ", input_.run.version, " is live on all ", verify.total, " servers", note));
  }

  struct Where {
    RunPhase phase;
    std::string reason;
    std::string message;
  };

  // Starts what the stage wants, or decides what its failure means for the fleet. A failed check does not wait for the
  // others; a failed switch does, because which of them flipped must be known.
  Plan advance(StepKind kind, const Stage& stage, Where where) {
    const bool settled = kind == StepKind::Verify || stage.idle();
    if (!stage.failed.empty() && settled) {
      return failed(kind, stage);
    }
    startAll(kind, stage);
    return at(where.phase, std::move(where.reason), std::move(where.message));
  }

  Plan failed(StepKind kind, const Stage& stage) {
    const RollbackPolicy policy = input_.run.spec.rollback;
    const bool verification = kind == StepKind::Verify;
    const std::string reason = verification               ? "VerificationFailed"
                               : kind == StepKind::Switch ? "PartialSwitch"
                                                          : "ActivationFailed";
    const std::string message = failures(kind, stage);
    if (verification && policy == RollbackPolicy::None) {
      return outcome(RunPhase::Failed, reason, cat(message, " (left as it is: rollback.policy is None)"));
    }
    // A rollback is never itself rolled back: a person decides.
    const bool hold = policy != RollbackPolicy::Automatic || input_.run.reason == RunReason::Rollback ||
                      (!verification && input_.run.spec.strategy.onPartialSwitch == OnPartialSwitch::Hold);
    if (hold) {
      return decide(Decision::Hold, reason, cat(message, "; held: resume to try again, abort to undo"));
    }
    return decide(Decision::Revert, reason, message);
  }

  bool touched(std::size_t i) const {
    return wasStarted(target(i), StepKind::Stop) || wasStarted(target(i), StepKind::Switch);
  }

  Plan undoing() {
    const Stage undo = survey(input_, StepKind::Undo, [this](std::size_t i) { return touched(i); });
    if (!undo.through()) {
      count("undone", undo);
      return takeBack(StepKind::Undo, undo);
    }
    const Stage restart = survey(input_, StepKind::Restart, [this](std::size_t i) {
      return touched(i) && runsProcess(input_.run.spec, StepKind::Restart, target(i).name) && !target(i).before.empty();
    });
    if (!restart.through()) {
      count("restored", restart);
      return takeBack(StepKind::Restart, restart);
    }
    count("undone", undo);
    if (status_.phase !=
        RunPhase::RollingBack) {  // nothing had been touched yet: the phase is still a row of the record
      plan_.checkAgain = Duration(0);
      return at(RunPhase::RollingBack, status_.decisions.revertReason, status_.decisions.revertMessage);
    }
    return outcome(RunPhase::RolledBack, status_.decisions.revertReason,
                   cat("every server is back on what it ran before: ", status_.decisions.revertMessage));
  }

  Plan takeBack(StepKind kind, Stage stage) {
    std::reverse(stage.ready.begin(), stage.ready.end());
    startAll(kind, stage);
    if (!stage.failed.empty() && stage.idle()) {
      return at(RunPhase::Paused, "RollbackIncomplete",
                cat("the fleet is mixed: ", stage.failed.size(), " of ", stage.total,
                    " servers could not be taken back: ", failures(kind, stage), "; resume to try again"));
    }
    return at(RunPhase::RollingBack, status_.decisions.revertReason, status_.decisions.revertMessage);
  }

  std::string abortReason() const {
    return status_.decisions.abortReason.empty() ? "Aborted" : status_.decisions.abortReason;
  }

  Plan cancelling() {
    for (const RunTarget& one : status_.targets) {
      const StepRecord* record = one.step(StepKind::Prepare);
      if (record != nullptr && record->state == StepState::Running) {
        plan_.abort.push_back(record->operationId);
      }
    }
    if (plan_.abort.empty()) {
      return outcome(RunPhase::Cancelled, abortReason(), "the run was stopped before anything was switched");
    }
    return at(status_.phase, "Aborting", cat("stopping the build on ", plan_.abort.size(), " servers"));
  }

  // Steps that were started are seen to their end; nothing new begins.
  Plan paused() {
    for (std::size_t i = 0; i < status_.targets.size(); ++i) {
      for (const auto& [kind, record] : target(i).steps) {
        if (record.state == StepState::Running) {
          plan_.wave.push_back(plannedStep(input_, kind, i));
        }
      }
    }
    plan_.step = status_.step;
    return at(RunPhase::Paused, status_.transitions.empty() ? "Paused" : status_.transitions.back().reason,
              status_.message);
  }

  const PlanInput& input_;
  const RunStatus& status_;
  bool recreate_;
  Plan plan_;
};

}  // namespace

Plan TwoPhaseStrategy::plan(const PlanInput& input) const { return Pass(input, recreate_).run(); }

}  // namespace slipway::planner
