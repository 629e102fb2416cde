#include "reconciler/planner/two_phase.h"

#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/planner/order.h"
#include "reconciler/planner/run_pass.h"
#include "reconciler/planner/step_rules.h"

namespace slipway::planner {
namespace {

// In no batch yet.
constexpr std::size_t kLater = static_cast<std::size_t>(-1);

// The targets in the order in which they are switched, cut into batches. A function of what a run never changes; of a
// cluster, of what was decided so far.
class Batches {
 public:
  Batches(const PlanInput& input, StrategyType type, bool decided)
      : batch_(input.progress.targets.size(), kLater), place_(input.progress.targets.size()) {
    const bool back = !input.progress.decisions.revert.empty();
    if (decided) {
      take(input, back ? input.progress.cluster.back : input.progress.cluster.batches, back);
    } else {
      cut(input, type);
    }
  }

  std::size_t size() const { return count_; }
  bool has(std::size_t number, std::size_t target) const { return batch_[target] == number; }
  bool upTo(std::size_t number, std::size_t target) const { return batch_[target] < number; }
  bool before(std::size_t one, std::size_t other) const { return place_[one] < place_[other]; }

 private:
  void cut(const PlanInput& input, StrategyType type) {
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

  // On the way back the first one has the highest number, and 0 are those that are not decided about yet.
  void take(const PlanInput& input, const std::vector<std::vector<std::string>>& batches, bool back) {
    const std::vector<RunTarget>& targets = input.progress.targets;
    count_ = batches.size() + (back ? 1 : 0);
    std::size_t place = 0;
    for (std::size_t i = 0; i < targets.size(); ++i) {
      place_[i] = targets.size() + i;
      const bool touched = wasStarted(targets[i], StepKind::Stop) || wasStarted(targets[i], StepKind::Switch);
      batch_[i] = back && touched ? 0 : kLater;
    }
    for (std::size_t number = 0; number < batches.size(); ++number) {
      for (const std::string& name : batches[number]) {
        const auto at =
            std::find_if(targets.begin(), targets.end(), [&](const RunTarget& target) { return target.name == name; });
        if (at != targets.end()) {
          const auto i = static_cast<std::size_t>(at - targets.begin());
          batch_[i] = back ? batches.size() - number : number;
          place_[i] = place++;
        }
      }
    }
  }

  std::vector<std::size_t> batch_;  // its number, by target
  std::vector<std::size_t> place_;  // in the order of all
  std::size_t count_ = 0;
};

// The first stage that is not through decides what happens next.
class Pass final : public RunPass {
 public:
  Pass(const PlanInput& input, StrategyType type) : RunPass(input), type_(type), batches_(input, type, clustered()) {}

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
    if (clustered()) {
      return cat("batch ", number + 1, ": ");
    }
    return batches_.size() == 1 ? "" : cat("batch ", number + 1, " of ", batches_.size(), ": ");
  }

  Plan deploying() override {
    for (std::size_t number = 0; number < batches_.size(); ++number) {
      if (std::optional<Plan> next = chooseAgain(number)) {
        return *next;
      }
      if (std::optional<Plan> next = deployBatch(number)) {
        return *next;
      }
    }
    if (std::optional<Plan> next = chooseNext()) {
      return *next;
    }
    const bool retiresAlready = !those([&](std::size_t i) { return wasStarted(target(i), StepKind::Retire); }).empty();
    if (std::optional<Plan> next =
            retiresAlready ? std::nullopt : wholeCluster("end", RunPhase::HealthCheck, HookPoint::AfterSwitch)) {
      return *next;
    }
    return retiring();
  }

  // --- clusters: who is next is decided from the roles of the moment, and holds once something was done for it
  // ---------------------------------------------------------------------------------------------------------------

  std::vector<std::size_t> undecided() const {
    std::vector<std::size_t> out;
    for (std::size_t i : orderOf(status_.targets, input_.run.spec.strategy.rolling.value_or(RollingSettings{}))) {
      if (clustered() && !target(i).gone && batches_.has(kLater, i)) {
        out.push_back(i);
      }
    }
    return out;
  }

  std::size_t atOnce() const {
    const RollingSettings rolling = input_.run.spec.strategy.rolling.value_or(RollingSettings{});
    const std::size_t total = status_.targets.size();
    return std::min(rolling.batchSize.of(total), rolling.maxUnavailable.value_or(rolling.batchSize).of(total));
  }

  std::optional<Plan> chooseNext() {
    const std::vector<std::size_t> left = undecided();
    if (left.empty()) {
      return std::nullopt;
    }
    return pick({{cat(batches_.size() + 1), RunPhase::Deploying, {}}, left, atOnce()});
  }

  // The last one that was decided about, as long as nothing was done for it: roles change.
  std::optional<Plan> chooseAgain(std::size_t number) {
    const std::vector<std::size_t> chosen = all(number);
    const bool begun = std::any_of(chosen.begin(), chosen.end(),
                                   [&](std::size_t i) { return touched(i) || hookBegan(HookPoint::Drain, i); });
    if (!clustered() || begun || chosen.empty()) {
      return std::nullopt;
    }
    std::vector<std::size_t> candidates;
    const std::vector<std::size_t> left = undecided();
    for (std::size_t i : orderOf(status_.targets, input_.run.spec.strategy.rolling.value_or(RollingSettings{}))) {
      if (batches_.has(number, i) || std::find(left.begin(), left.end(), i) != left.end()) {
        candidates.push_back(i);
      }
    }
    return pick({{cat(number + 1), RunPhase::Deploying, {}}, candidates, atOnce(), chosen});
  }

  // Once more when they are drained, just before they go down.
  std::optional<Plan> mayGoDown(std::size_t number) {
    const std::vector<std::size_t> taken = all(number);
    if (!clustered() || std::any_of(taken.begin(), taken.end(), [&](std::size_t i) { return touched(i); })) {
      return std::nullopt;
    }
    return settled({cat(number + 1), RunPhase::Deploying, [&](const Quorum& quorum) {
                      return Judgement{quorum.objection(taken), restores() && quorum.allDown(taken)};
                    }});
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
    if (std::optional<Plan> next = mayGoDown(number)) {
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
    if (number + 1 == batches_.size() && undecided().empty()) {
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
        if (std::optional<Plan> next = chooseBack(batch)) {
          return *next;
        }
        if (std::optional<Plan> next = drainAgain(batch)) {
          return *next;
        }
        if (std::optional<Plan> next = withdrawFromRotation(batch)) {
          return *next;
        }
        if (std::optional<Plan> next = mayGoBack(batch)) {
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

  bool backBegan(std::size_t number) const {
    const std::vector<std::size_t> chosen = all(number);
    return std::any_of(chosen.begin(), chosen.end(),
                       [&](std::size_t i) { return wasStarted(target(i), StepKind::Undo); });
  }

  // Of a cluster, who is taken back next: as on the way there.
  std::optional<Plan> chooseBack(std::size_t number) {
    if (!clustered() || backBegan(number)) {
      return std::nullopt;
    }
    std::vector<std::size_t> candidates;
    std::vector<std::size_t> chosen;
    const RollingSettings rolling = input_.run.spec.strategy.rolling.value_or(RollingSettings{});
    for (std::size_t i : orderOf(status_.targets, rolling)) {
      const bool now = number > 0 && batches_.has(number, i);
      if (!target(i).gone && (now || batches_.has(0, i))) {
        candidates.push_back(i);
        if (now) {
          chosen.push_back(i);
        }
      }
    }
    // Who does not serve anyway comes first: so no more are out of service than before.
    std::stable_partition(candidates.begin(), candidates.end(),
                          [&](std::size_t i) { return target(i).stateOf(StepKind::Verify) != StepState::Done; });
    const bool drained =
        std::any_of(chosen.begin(), chosen.end(), [&](std::size_t i) { return drainedAgain(target(i).name); });
    return drained
               ? std::nullopt
               : pick({{cat("back-", status_.cluster.back.size() + (number == 0 ? 1 : 0)), RunPhase::RollingBack, {}},
                       candidates,
                       atOnce(),
                       chosen,
                       true});
  }

  bool drainedAgain(const std::string& server) const {
    return std::any_of(status_.hooks.begin(), status_.hooks.end(), [&](const auto& one) {
      const Hook* hook = hookOf(input_.run.spec, one.first);
      return hook != nullptr && hook->at == HookPoint::Drain && !goesForward(*hook, one.first) &&
             one.second.server == server && one.second.record.attempt > 0;
    });
  }

  std::optional<Plan> mayGoBack(std::size_t number) {
    if (!clustered() || backBegan(number)) {
      return std::nullopt;
    }
    return settled({cat("back-", status_.cluster.back.size()), RunPhase::RollingBack, [&](const Quorum& quorum) {
                      const std::vector<std::size_t> taken = all(number);
                      return Judgement{quorum.objection(taken), quorum.allDown(taken)};
                    }});
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
    // At last those of a cluster that were drained and never went down.
    const auto out = those([&](std::size_t i) {
      const bool now = batches_.has(number, i) || (number == 0 && batches_.has(kLater, i));
      return now && (touched(i) || hookBegan(HookPoint::Drain, i));
    });
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
