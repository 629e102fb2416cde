#include "reconciler/base/strings.h"
#include "reconciler/planner/cluster/cluster_pass.h"
#include "reconciler/planner/plan.h"
#include "reconciler/planner/traffic_goal.h"

namespace slipway::planner {
namespace {

std::string inARow(const Health& health) {
  return health.successThreshold > 1 ? cat(", until ", health.successThreshold, " in a row are good") : "";
}

std::string note(const RunSpec& run, StepKind kind) {
  switch (kind) {
    case StepKind::Prepare:
      return cat("send the content, link shared paths, run ", run.spec.build.size(),
                 " build steps, write the ready marker");
    case StepKind::Check:
      return "the gate: all servers reachable, prepared, unchanged; then the decision to commit is recorded";
    case StepKind::Stop:
      return "stop the application: it is down from here";
    case StepKind::Switch:
      if (run.spec.slots.has_value()) {
        return "the new version becomes the live one";
      }
      return run.spec.strategy.switchOrder == SwitchOrder::Sequential ? "arm all, then flip one after another"
                                                                      : "arm all, then flip all at once";
    case StepKind::Start:
      if (run.spec.slots.has_value()) {
        return "start the new version's instances beside the live ones";
      }
      return run.spec.strategy.type == StrategyType::Recreate ? "start the application" : "reload the application";
    case StepKind::Verify:
      return run.spec.health.any()
                 ? cat("up to ", run.spec.health.attempts, " health checks, ", formatDuration(run.spec.health.interval),
                       " apart", inARow(run.spec.health), "; a failure undoes all")
                 : "the links are read back";
    case StepKind::Retire:
      return cat("keep the newest ", run.spec.layout.keepReleases, " that were live");
    case StepKind::Place:
      return "point the free slot at the new version";
    case StepKind::Confirm:
      return "the new version is checked once more";
    case StepKind::ScaleDown:
      return "stop the old instances";
    case StepKind::Sync:
    case StepKind::Undo:
    case StepKind::Restart:
    case StepKind::Recheck:
    case StepKind::Withdraw:
    case StepKind::Traffic:
    case StepKind::Hook:
      return "";
  }
  return "";
}

}  // namespace

namespace {

// A run of which everything succeeds at once, driven by the plans of its real strategy.
class Rehearsal {
 public:
  Rehearsal(const RunSpec& run, const std::vector<RunTarget>& targets, const std::string& liveGroup) : run_(run) {
    progress_.targets = targets;
    progress_.liveGroup = liveGroup;
    for (RunTarget& target : progress_.targets) {
      target.before = "before";
      if (run.spec.slots.has_value()) {
        target.slotBefore = "green";
        target.slot = "blue";
      }
    }
  }

  std::vector<PreviewWave> waves() {
    const std::string uid = "preview";
    const Strategy& strategy = strategyFor(run_.spec);
    while (true) {
      const Plan plan = strategy.plan({.runUid = uid,
                                       .run = run_,
                                       .progress = progress_,
                                       .cooling = {},
                                       .waited = waited_,
                                       .rolesAge = Duration(0)});
      if (isTerminal(plan.phase) || !follow(plan)) {
        return std::move(out_);
      }
      progress_.phase = plan.phase;
    }
  }

 private:
  // False when there is nothing to follow.
  bool follow(const Plan& plan) {
    if (plan.decision == Decision::Commit) {
      progress_.decisions.commit = "preview";
    } else if (plan.decision == Decision::NextStep) {
      ++progress_.canaryStep;
      for (RunTarget& target : progress_.targets) {
        target.steps.erase(StepKind::Confirm);
      }
    } else if (plan.batch.has_value()) {
      takeBatch(progress_.cluster, *plan.batch, progress_.targets);
    } else if (plan.survey.has_value()) {
      look();
    } else if (plan.wait.has_value()) {
      waited_[plan.wait->name] = plan.wait->duration;
      add(cat("; then ", formatDuration(plan.wait->duration),
              plan.reason == "WaitingBetweenBatches" ? " before the next batch"
              : plan.reason == "InitialDelay"        ? " before it is asked for its health"
                                                     : ""));
    } else if (plan.reason == "AwaitingPromotion") {
      progress_.decisions.promotedStep = progress_.canaryStep;
      add("; then it waits for slipway promote");
    } else if (plan.analysis.has_value()) {
      progress_.analyses[std::to_string(plan.analysis->step)].verdict = "Successful";
      add(cat("; then it is judged by ", join(plan.analysis->templates, ", ")));
    } else if (!plan.hooks.empty()) {
      call(plan.hooks);
    } else if (plan.traffic.has_value()) {
      change(*plan.traffic);
    } else {
      return start(plan.wave);
    }
    return true;
  }

  void add(const std::string& text) {
    if (!out_.empty()) {
      out_.back().note += text;
    }
  }

  void change(const PlannedTraffic& traffic) {
    TrafficChange& record = progress_.traffic;
    record.number = traffic.number;
    record.record.state = StepState::Done;
    record.weight = {traffic.weight, traffic.weight, traffic.weight};
    record.fresh = names(traffic.fresh);
    record.stable = names(traffic.stable);
    if (freesSlots(run_.spec, progress_)) {
      return;  // by far most often there is nothing to do
    }
    std::string note = cat(traffic.weight, "% to the new version");
    note += record.fresh.empty() ? "" : cat(" on ", join(record.fresh, ", "));
    note +=
        record.stable.empty() ? "" : cat(", ", 100 - traffic.weight, "% to the old one on ", join(record.stable, ", "));
    out_.push_back({StepKind::Traffic, {}, cat(note, "; read back from the proxies")});
  }

  // Nobody knows who will lead: here it is the last one.
  void look() {
    std::map<std::string, MemberSight> members;
    for (const RunTarget& target : progress_.targets) {
      members[target.name] = {&target == &progress_.targets.back() ? "Leader" : "Follower", "", ""};
    }
    takeSurvey(progress_.cluster, std::move(members), "");
    add("; then the members say who leads: the leader goes last");
  }

  void call(const std::vector<PlannedHook>& wave) {
    const Hook& hook = run_.spec.hooks[wave.front().hook];
    const std::string what =
        hook.http.has_value() ? cat(hook.http->method, " ", hook.http->url) : std::string("a command");
    PreviewWave out{StepKind::Hook, {}, cat(hook.name, " (", hookPointName(hook.at), "): ", what)};
    for (const PlannedHook& one : wave) {
      const std::string& server = progress_.targets[one.target].name;
      out.targets.push_back(server);
      progress_.hooks[one.key].server = server;
      progress_.hooks[one.key].record.state = StepState::Done;
    }
    out_.push_back(std::move(out));
  }

  bool start(const std::vector<PlannedStep>& wave) {
    if (wave.empty()) {
      return false;
    }
    PreviewWave out{wave.front().ref.kind, {}, note(run_, wave.front().ref.kind)};
    for (const PlannedStep& step : wave) {
      out.targets.push_back(progress_.targets[step.ref.target].name);
      progress_.targets[step.ref.target].steps[step.ref.kind].state = StepState::Done;
    }
    out_.push_back(std::move(out));
    return true;
  }

  std::vector<std::string> names(const std::vector<std::size_t>& targets) const {
    std::vector<std::string> out;
    for (std::size_t i : targets) {
      out.push_back(progress_.targets[i].name);
    }
    return out;
  }

  const RunSpec& run_;
  RunStatus progress_;
  std::map<std::string, Duration> waited_;
  std::vector<PreviewWave> out_;
};

}  // namespace

std::vector<PreviewWave> preview(const RunSpec& run, const std::vector<RunTarget>& targets,
                                 const std::string& liveGroup) {
  return Rehearsal(run, targets, liveGroup).waves();
}

}  // namespace slipway::planner
