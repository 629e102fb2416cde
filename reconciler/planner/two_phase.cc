#include "reconciler/planner/two_phase.h"

#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/planner/order.h"
#include "reconciler/planner/run_pass.h"
#include "reconciler/planner/step_rules.h"

namespace slipway::planner {
namespace {

// The targets in the order in which they are switched, cut into batches. A function of what a run never changes.
class Batches {
 public:
  Batches(const PlanInput& input, StrategyType type)
      : batch_(input.progress.targets.size()), place_(input.progress.targets.size()) {
    const std::vector<RunTarget>& targets = input.progress.targets;
    const RollingSettings rolling =
        type == StrategyType::Rolling ? input.run.spec.strategy.rolling.value_or(RollingSettings{}) : RollingSettings{};
    const std::size_t total = targets.size();
    const std::size_t each =
        type != StrategyType::Rolling || total == 0
            ? total
            : std::min(rolling.batchSize.of(total), rolling.maxUnavailable.value_or(rolling.batchSize).of(total));
    std::size_t inBatch = 0;
    std::size_t place = 0;
    std::string zone;
    for (std::size_t i : orderOf(targets, rolling)) {
      if (inBatch == each || (inBatch > 0 && targets[i].zone != zone)) {
        ++count_;
        inBatch = 0;
      }
      zone = targets[i].zone;
      batch_[i] = count_;
      place_[i] = place++;
      ++inBatch;
    }
    count_ += inBatch > 0 ? 1 : 0;
  }

  std::size_t size() const { return count_; }
  bool has(std::size_t number, std::size_t target) const { return batch_[target] == number; }
  bool upTo(std::size_t number, std::size_t target) const { return batch_[target] < number; }
  bool before(std::size_t one, std::size_t other) const { return place_[one] < place_[other]; }

 private:
  std::vector<std::size_t> batch_;  // its number, by target
  std::vector<std::size_t> place_;  // in the order of all
  std::size_t count_ = 0;
};

// The first stage that is not through decides what happens next.
class Pass final : public RunPass {
 public:
  Pass(const PlanInput& input, StrategyType type) : RunPass(input), type_(type), batches_(input, type) {}

 private:
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

  // "" with one batch, else "batch 2 of 5: ".
  std::string inBatch(std::size_t number) const {
    return batches_.size() == 1 ? "" : cat("batch ", number + 1, " of ", batches_.size(), ": ");
  }

  Plan deploying() override {
    for (std::size_t number = 0; number < batches_.size(); ++number) {
      if (std::optional<Plan> next = deployBatch(number)) {
        return *next;
      }
    }
    return retiring();
  }

  // Nothing when the batch is verified and its wait is over.
  std::optional<Plan> deployBatch(std::size_t number) {
    const Stage flip = surveyOf(StepKind::Switch, number);
    count("switched", surveyAll(StepKind::Switch));
    if (std::optional<Plan> next = drain(number)) {
      return next;
    }
    if (std::optional<Plan> next = hooks({HookPoint::Drain, all(number)}, RunPhase::Deploying)) {
      return next;
    }
    if (type_ == StrategyType::Recreate) {
      const Stage stop = surveyProcess(StepKind::Stop, number);
      if (!stop.through()) {
        count("stopped", stop);
        return advance(StepKind::Stop, stop, {RunPhase::Deploying, "Stopping", "stopping the application"});
      }
    }
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
      if (std::optional<Plan> next = comingUp(StepKind::Verify, verify, RunPhase::HealthCheck)) {
        return next;
      }
      return advance(StepKind::Verify, verify,
                     {RunPhase::HealthCheck, "Verifying",
                      cat(inBatch(number), "checking version ", input_.run.version, " on ", verify.total, " servers")});
    }
    if (std::optional<Plan> next = readyForLong(number)) {
      return next;
    }
    if (std::optional<Plan> next = hooks({HookPoint::Restore, all(number)}, RunPhase::HealthCheck)) {
      return next;
    }
    if (number + 1 == batches_.size()) {
      return restored();
    }
    if (std::optional<Plan> next = waitAfter(number)) {
      return next;
    }
    return nextBegan(number) ? std::nullopt : stillHealthy(upTo(number), "the next batch");
  }

  // Whether anything of the batch after this one was touched.
  bool nextBegan(std::size_t number) const {
    return !those([&](std::size_t i) { return batches_.has(number + 1, i) && touched(i); }).empty();
  }

  // The servers of the batches up to this one.
  std::vector<std::size_t> upTo(std::size_t number) const {
    return those([&](std::size_t i) { return batches_.upTo(number + 1, i); });
  }

  std::vector<std::size_t> all(std::size_t number) const {
    return those([&](std::size_t i) { return batches_.has(number, i); });
  }

  // --- rotation: only of a Rolling behind a proxy of its own
  // -----------------------------------------------------------

  bool rotates() const {
    const std::optional<TrafficSpec>& traffic = input_.run.spec.traffic;
    return type_ == StrategyType::Rolling && traffic.has_value() && !traffic->onEachServer() && traffic->port > 0;
  }

  // Every server that is in rotation gets the same share.
  std::optional<Plan> rotate(std::vector<std::size_t> fresh, std::vector<std::size_t> stable, const std::string& why) {
    const std::size_t all = fresh.size() + stable.size();
    if (!rotates() || all == 0) {
      return std::nullopt;  // with one batch of all servers there is nothing to send the traffic to meanwhile
    }
    const auto share = static_cast<int>((100 * fresh.size() + all / 2) / all);
    return route({share, std::move(fresh), std::move(stable)}, why);
  }

  template <typename F>
  std::vector<std::size_t> those(F&& which) const {
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < status_.targets.size(); ++i) {
      if (!target(i).gone && which(i)) {
        out.push_back(i);
      }
    }
    return out;
  }

  // The batch gets no requests before it is switched; one that fails its verification stays out.
  std::optional<Plan> drain(std::size_t number) {
    const auto begun =
        those([&](std::size_t i) { return batches_.has(number, i) && wasStarted(target(i), StepKind::Switch); });
    if (!begun.empty()) {
      return std::nullopt;
    }
    return rotate(those([&](std::size_t i) { return batches_.upTo(number, i); }),
                  those([&](std::size_t i) { return !batches_.upTo(number, i) && !batches_.has(number, i); }),
                  cat(inBatch(number), "taking its servers out of rotation"));
  }

  std::optional<Plan> restored() {
    return rotate(those([](std::size_t) { return true; }), {}, "every server is in rotation again");
  }

  // Verified once is not enough: still well after minReady.
  std::optional<Plan> readyForLong(std::size_t number) {
    const Duration minReady = input_.run.spec.strategy.rolling.value_or(RollingSettings{}).minReady;
    if (type_ != StrategyType::Rolling || minReady <= Duration(0)) {
      return std::nullopt;
    }
    const Stage confirm = surveyOf(StepKind::Confirm, number);
    if (confirm.done + confirm.running + confirm.failed.size() + confirm.waiting == 0) {
      if (std::optional<Plan> next =
              waiting(cat("ready-", number + 1), minReady,
                      {RunPhase::HealthCheck, "WaitingForReady",
                       cat(inBatch(number), "verified; it is checked again after ", formatDuration(minReady))})) {
        return next;
      }
    }
    if (!confirm.through()) {
      return advance(StepKind::Confirm, confirm,
                     {RunPhase::HealthCheck, "Confirming", cat(inBatch(number), "checking again after minReady")});
    }
    return std::nullopt;
  }

  std::optional<Plan> waitAfter(std::size_t number) {
    const Duration pause = input_.run.spec.strategy.rolling.value_or(RollingSettings{}).pauseBetween;
    const std::string name = cat("after-batch-", number + 1);
    const auto waited = input_.waited.find(name);
    if (nextBegan(number) || (waited != input_.waited.end() && waited->second >= pause) || pause <= Duration(0)) {
      return std::nullopt;
    }
    if (std::optional<Plan> next = rotate(those([&](std::size_t i) { return batches_.upTo(number + 1, i); }),
                                          those([&](std::size_t i) { return !batches_.upTo(number + 1, i); }),
                                          cat(inBatch(number), "verified, in rotation again"))) {
      return next;
    }
    return waiting(name, pause,
                   {RunPhase::HealthCheck, "WaitingBetweenBatches",
                    cat(inBatch(number), "verified; the next one follows after ", formatDuration(pause))});
  }

  bool touched(std::size_t i) const {
    return wasStarted(target(i), StepKind::Stop) || wasStarted(target(i), StepKind::Switch);
  }

  // The batch that was begun last goes first: it is the one that is out of service.
  Plan undoing() override {
    const Stage all = survey(input_, StepKind::Undo, [this](std::size_t i) { return touched(i); });
    for (std::size_t batch = batches_.size(); batch-- > 0;) {
      const Stage undo =
          survey(input_, StepKind::Undo, [&](std::size_t i) { return batches_.has(batch, i) && touched(i); });
      if (!undo.through()) {
        if (std::optional<Plan> next = drainAgain(batch)) {
          return *next;
        }
        if (std::optional<Plan> next = withdrawFromRotation(batch)) {
          return *next;
        }
        count("undone", all);
        return takeBack(StepKind::Undo, undo);
      }
      const Stage restart = survey(input_, StepKind::Restart, [&](std::size_t i) {
        return batches_.has(batch, i) && touched(i) && restartsOld(input_.run.spec, target(i));
      });
      if (!restart.through()) {
        count("restored", restart);
        return takeBack(StepKind::Restart, restart);
      }
      if (std::optional<Plan> next = restoreBack(batch)) {
        return *next;
      }
    }
    count("undone", all);
    if (status_.traffic.number > 0) {
      if (std::optional<Plan> next = rotate({}, those([](std::size_t) { return true; }), "")) {
        return *next;
      }
    }
    return rolledBack();
  }

  bool hookBegan(HookPoint point, std::size_t i) const {
    return std::any_of(status_.hooks.begin(), status_.hooks.end(), [&](const auto& one) {
      const Hook* hook = hookOf(input_.run.spec, one.first);
      return hook != nullptr && hook->at == point && goesForward(*hook, one.first) &&
             one.second.server == target(i).name && one.second.record.attempt > 0;
    });
  }

  // Servers that were restored already are drained once more. That it fails does not keep us from taking them back.
  std::optional<Plan> drainAgain(std::size_t number) {
    const auto live = those([&](std::size_t i) {
      return batches_.has(number, i) && touched(i) && hookBegan(HookPoint::Restore, i) &&
             !wasStarted(target(i), StepKind::Undo);
    });
    std::optional<Plan> next = hooks({HookPoint::Drain, live, true}, RunPhase::RollingBack);
    if (next.has_value() && next->phase == RunPhase::Paused) {
      return std::nullopt;
    }
    return next;
  }

  std::optional<Plan> restoreBack(std::size_t number) {
    const auto out =
        those([&](std::size_t i) { return batches_.has(number, i) && (touched(i) || hookBegan(HookPoint::Drain, i)); });
    return hooks({HookPoint::Restore, out, true}, RunPhase::RollingBack);
  }

  // What is to be undone gets no requests; what was is back.
  std::optional<Plan> withdrawFromRotation(std::size_t number) {
    const auto begun =
        those([&](std::size_t i) { return batches_.has(number, i) && wasStarted(target(i), StepKind::Undo); });
    if (status_.traffic.number == 0 || !begun.empty()) {
      return std::nullopt;
    }
    return rotate(those([&](std::size_t i) {
                    return batches_.upTo(number, i) && target(i).stateOf(StepKind::Verify) == StepState::Done;
                  }),
                  those([&](std::size_t i) { return !batches_.upTo(number, i) && !batches_.has(number, i); }), "");
  }

  const StrategyType type_;
  const Batches batches_;
};

}  // namespace

Plan TwoPhaseStrategy::plan(const PlanInput& input) const { return Pass(input, type_).run(); }

}  // namespace slipway::planner
