#include "reconciler/planner/two_phase.h"

#include <algorithm>
#include <numeric>

#include "reconciler/base/strings.h"
#include "reconciler/planner/stage.h"
#include "reconciler/planner/step_rules.h"

namespace slipway::planner {
namespace {

// The targets in the order in which they are switched, cut into batches. A function of what a run never changes.
class Batches {
 public:
  Batches(const PlanInput& input, StrategyType type) : places_(input.progress.targets.size()) {
    const std::size_t total = places_.size();
    const RollingSettings rolling = input.run.spec.strategy.rolling.value_or(RollingSettings{});
    std::vector<std::size_t> order(total);
    std::iota(order.begin(), order.end(), 0);
    if (type == StrategyType::Rolling && total > 0) {
      const auto named = [&](std::size_t i) {
        return std::find(rolling.order.begin(), rolling.order.end(), input.progress.targets[i].name);
      };
      std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return named(a) < named(b); });
      each_ = std::min(rolling.batchSize.of(total), rolling.maxUnavailable.value_or(rolling.batchSize).of(total));
    } else {
      each_ = std::max<std::size_t>(total, 1);
    }
    for (std::size_t place = 0; place < total; ++place) {
      places_[order[place]] = place;
    }
  }

  std::size_t size() const { return (places_.size() + each_ - 1) / each_; }
  bool has(std::size_t number, std::size_t target) const { return places_[target] / each_ == number; }
  bool before(std::size_t one, std::size_t other) const { return places_[one] < places_[other]; }

 private:
  std::vector<std::size_t> places_;  // in that order, by target
  std::size_t each_ = 1;
};

// One pass over the record of a run: the first stage that is not through decides what happens next.
class Pass {
 public:
  Pass(const PlanInput& input, StrategyType type)
      : input_(input), status_(input.progress), type_(type), batches_(input, type) {}

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

  Stage surveyOf(StepKind kind, std::size_t batch) {
    Stage stage = survey(input_, kind, [&](std::size_t i) { return batches_.has(batch, i); });
    std::sort(stage.ready.begin(), stage.ready.end(),
              [&](std::size_t a, std::size_t b) { return batches_.before(a, b); });
    return stage;
  }

  Stage surveyProcess(StepKind kind, std::size_t batch) {
    return survey(input_, kind, [&](std::size_t i) {
      return batches_.has(batch, i) && runsProcess(input_.run.spec, kind, target(i).name);
    });
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

  // "" with one batch, else "batch 2 of 5: ".
  std::string inBatch(std::size_t number) const {
    return batches_.size() == 1 ? "" : cat("batch ", number + 1, " of ", batches_.size(), ": ");
  }

  std::string failures(StepKind kind, const Stage& stage) { return describeFailures(status_, kind, stage.failed); }

  Plan preparing() {
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
      return outcome(
          RunPhase::Failed, "PrepareFailed",
          cat(prepare.failed.size(), " of ", prepare.total,
              " servers could not be made ready, nothing was switched: ", failures(StepKind::Prepare, prepare)));
    }
    return gate();
  }

  // The targets that had no room and have not been looked at since.
  std::vector<std::size_t> withoutRoom(const Stage& prepare) const {
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

  static Stage without(Stage stage, const std::vector<std::size_t>& targets) {
    std::erase_if(stage.ready,
                  [&](std::size_t i) { return std::find(targets.begin(), targets.end(), i) != targets.end(); });
    return stage;
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
    for (std::size_t number = 0; number < batches_.size(); ++number) {
      if (std::optional<Plan> next = deployBatch(number)) {
        return *next;
      }
    }
    return retiring();
  }

  // Nothing when the batch is verified and its wait is over.
  std::optional<Plan> deployBatch(std::size_t number) {
    if (type_ == StrategyType::Recreate) {
      const Stage stop = surveyProcess(StepKind::Stop, number);
      if (!stop.through()) {
        count("stopped", stop);
        return advance(StepKind::Stop, stop, {RunPhase::Deploying, "Stopping", "stopping the application"});
      }
    }
    const Stage flip = surveyOf(StepKind::Switch, number);
    count("switched", surveyAll(StepKind::Switch));
    if (!flip.through()) {
      return advance(StepKind::Switch, flip,
                     {RunPhase::Deploying, "Switching",
                      cat(inBatch(number), "switching ", flip.total, " servers to version ", input_.run.version)});
    }
    const Stage begin = surveyProcess(StepKind::Start, number);
    if (!begin.through()) {
      count("activated", begin);
      return advance(StepKind::Start, begin,
                     {RunPhase::Deploying, "Activating", cat(inBatch(number), "activating the new version")});
    }
    const Stage verify = surveyOf(StepKind::Verify, number);
    count("verified", surveyAll(StepKind::Verify));
    if (!verify.through()) {
      return advance(StepKind::Verify, verify,
                     {RunPhase::HealthCheck, "Verifying",
                      cat(inBatch(number), "checking version ", input_.run.version, " on ", verify.total, " servers")});
    }
    return number + 1 < batches_.size() ? waitAfter(number) : std::nullopt;
  }

  std::optional<Plan> waitAfter(std::size_t number) {
    const Duration pause = input_.run.spec.strategy.rolling.value_or(RollingSettings{}).pauseBetween;
    const std::string name = cat("after-batch-", number + 1);
    const auto waited = input_.waited.find(name);
    const Duration passed = waited == input_.waited.end() ? Duration(0) : waited->second;
    bool nextBegan = false;
    for (std::size_t i = 0; i < status_.targets.size(); ++i) {
      nextBegan = nextBegan || (batches_.has(number + 1, i) && wasStarted(target(i), StepKind::Switch));
    }
    if (passed >= pause || nextBegan) {
      return std::nullopt;
    }
    plan_.wait = PlannedWait{name, pause};
    plan_.checkAgain = pause - passed;
    return at(RunPhase::HealthCheck, "WaitingBetweenBatches",
              cat(inBatch(number), "verified; the next one follows after ", formatDuration(pause)));
  }

  Plan retiring() {
    const Stage verify = surveyAll(StepKind::Verify);
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

  // The batch that was begun last goes first: it is the one that is out of service.
  Plan undoing() {
    const Stage all = survey(input_, StepKind::Undo, [this](std::size_t i) { return touched(i); });
    for (std::size_t batch = batches_.size(); batch-- > 0;) {
      const Stage undo =
          survey(input_, StepKind::Undo, [&](std::size_t i) { return batches_.has(batch, i) && touched(i); });
      if (!undo.through()) {
        count("undone", all);
        return takeBack(StepKind::Undo, undo);
      }
      const Stage restart = survey(input_, StepKind::Restart, [&](std::size_t i) {
        return batches_.has(batch, i) && touched(i) && !target(i).before.empty() &&
               runsProcess(input_.run.spec, StepKind::Restart, target(i).name);
      });
      if (!restart.through()) {
        count("restored", restart);
        return takeBack(StepKind::Restart, restart);
      }
    }
    count("undone", all);
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
    // What was under way goes on to its end, and counts.
    const Stage prepare = surveyAll(StepKind::Prepare);
    plan_.step = status_.step;
    if (status_.decisions.commit.empty() && status_.step.starts_with("prepared ")) {
      count("prepared", prepare);
    }
    return at(RunPhase::Paused, status_.transitions.empty() ? "Paused" : status_.transitions.back().reason,
              status_.message);
  }

  const PlanInput& input_;
  const RunStatus& status_;
  const StrategyType type_;
  const Batches batches_;
  Plan plan_;
};

}  // namespace

Plan TwoPhaseStrategy::plan(const PlanInput& input) const { return Pass(input, type_).run(); }

}  // namespace slipway::planner
