#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/planner/cluster/quorum.h"
#include "reconciler/planner/hooks.h"
#include "reconciler/planner/plan.h"
#include "reconciler/planner/stage.h"
#include "reconciler/planner/traffic_goal.h"

namespace slipway::planner {

// One pass over the record of a run: what every strategy does before anything is switched, and what all of them have in
// common after it. A strategy says how it gets forward and back from there.
class RunPass {
 public:
  explicit RunPass(const PlanInput& input) : input_(input), status_(input.progress) {}
  RunPass(const RunPass&) = delete;
  RunPass& operator=(const RunPass&) = delete;
  virtual ~RunPass() = default;

  Plan run();

 protected:
  struct Where {
    RunPhase phase;
    std::string reason;
    std::string message;
  };

  // After the decision to commit.
  virtual Plan deploying() = 0;
  // After the decision to revert.
  virtual Plan undoing() = 0;

  const RunTarget& target(std::size_t i) const { return status_.targets[i]; }
  Stage surveyAll(StepKind kind) const;

  void startAll(StepKind kind, const Stage& stage);
  // Those that run already first, then new ones up to the cap.
  void startCapped(StepKind kind, Stage stage);
  Plan at(RunPhase phase, std::string reason, std::string message);
  // An end leaves nothing to do.
  Plan outcome(RunPhase phase, std::string reason, std::string message);
  Plan decide(Decision decision, std::string reason, std::string message);
  void count(std::string_view word, const Stage& stage);
  std::string failures(StepKind kind, const Stage& stage) const;

  // Starts what the stage wants, or decides what its failure means for the fleet. A failed check does not wait for the
  // others; a failed switch does, because which of them flipped must be known.
  Plan advance(StepKind kind, const Stage& stage, Where where);
  // What a failure for good means: the end, the way back, or a question to a person. `why`: a reason of its own.
  Plan failed(StepKind kind, const std::string& message, std::string_view why = {});
  Plan takeBack(StepKind kind, Stage stage);
  // Waits until `duration` of the wait has passed; nothing then.
  std::optional<Plan> waiting(const std::string& name, Duration duration, Where where);
  // Where spec.health gives applications time to come up: waits before the first look. Nothing when it is over.
  std::optional<Plan> comingUp(StepKind kind, Stage stage, RunPhase phase);
  // Asks those again whose last good answer is older than spec.health.freshness; nothing when all are young enough to
  // decide on. `before`: what is decided, for the message.
  std::optional<Plan> stillHealthy(const std::vector<std::size_t>& targets, const std::string& before);
  // Brings the proxies to the goal; nothing when they were seen with it.
  std::optional<Plan> route(const TrafficGoal& goal, const std::string& message);
  // The same also where the run has told the proxies nothing and nobody is to get anything.
  std::optional<Plan> routeFirst(const TrafficGoal& goal, const std::string& message);
  // Runs the hooks of a point, and decides what a failure of theirs means: the end, the way back, or a question to a
  // person. Nothing when they are through.
  std::optional<Plan> hooks(const HookCall& call, RunPhase phase);
  std::optional<Plan> hooksOfRun(HookPoint point, RunPhase phase);
  // The end of a run that failed with nothing switched, or is left as it is.
  Plan failing(std::string reason, const std::string& message);
  // Whether the servers are members of a cluster that is there already.
  bool clustered() const;
  // What the members, as they were seen last, mean for what comes next.
  struct Judgement {
    std::string objection;  // why it must not be; empty: it may
    bool harmless = false;  // it takes nobody down: whoever leads
  };
  struct ClusterCall {
    std::string key;  // of the wait, unique in the run
    RunPhase phase = RunPhase::Deploying;
    std::function<Judgement(const Quorum&)> judge;
  };
  // Asks the members for their roles, waits for a leader and until nothing is objected, and stops where that takes too
  // long or there are two leaders. Nothing: all is well, and was just now.
  std::optional<Plan> settled(const ClusterCall& call);
  // Likewise for a cluster that loses nobody now, as long as none of those hooks began.
  std::optional<Plan> wholeCluster(const std::string& key, RunPhase phase, HookPoint before);
  // Whether the run leads back to a version that the cluster was well with.
  bool restores() const { return input_.run.reason == RunReason::Rollback; }
  // Decides which of `candidates`, in this order, are taken next. `chosen`: those that the last decision named, when
  // nothing was done for them yet. Nothing: it is those.
  struct Picking {
    ClusterCall call;
    std::vector<std::size_t> candidates;
    std::size_t most = 1;
    std::vector<std::size_t> chosen = {};
    bool back = false;
  };
  std::optional<Plan> pick(Picking picking);
  // Removes old releases, then Completed. `note` ends the message; `where` the version is live, if not on all servers.
  Plan retiring(const std::string& note = "", const std::string& where = "");
  // The end of an undo.
  Plan rolledBack(const std::string& note = "");

  const PlanInput& input_;
  const RunStatus& status_;
  Plan plan_;

 private:
  Plan preparing();
  // The targets that had no room and have not been looked at since.
  std::vector<std::size_t> withoutRoom(const Stage& prepare) const;
  Plan gate();
  std::optional<Plan> gateIsFresh(Stage check);
  void askAgain(StepKind kind, const std::vector<std::size_t>& targets, Stage& stage) const;
  Plan cancelling();
  Plan paused();
  std::optional<Plan> endHooks(RunPhase phase);
  bool tellsOfFailure() const;
  std::string abortReason() const;
  Plan unsettled(const std::string& reason, const std::string& message);
};

}  // namespace slipway::planner
