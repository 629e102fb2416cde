#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reconciler/planner/run_pass.h"
#include "reconciler/planner/shift_script.h"
#include "reconciler/planner/step_rules.h"
#include "reconciler/planner/traffic_goal.h"

namespace slipway::planner {

// One pass of ShiftStrategy.
class ShiftPass final : public RunPass {
 public:
  explicit ShiftPass(const PlanInput& input);

 private:
  using Targets = std::vector<std::size_t>;
  // Nothing: it is so.
  using Next = std::optional<Plan>;

  Plan deploying() override;
  Plan undoing() override;

  // What is there, in the script's order.
  template <typename F>
  Targets those(F&& which) const {
    Targets out;
    for (std::size_t i : script_.order) {
      if (which(i)) {
        out.push_back(i);
      }
    }
    return out;
  }
  bool done(std::size_t i, StepKind kind) const { return target(i).stateOf(kind) == StepState::Done; }
  // Also what failed, or nobody knows the end of, before a person had the run go on: it may have happened.
  bool began(std::size_t i, StepKind kind) const { return wasStarted(target(i), kind); }
  bool hasOld(std::size_t i) const;  // an instance of the old version was there when the run began
  Targets up() const;                // of the new version, verified
  Targets oldUp() const;             // of the old version
  int weight() const;                // as last read back
  Stage surveyOf(StepKind kind, const Targets& targets) const;
  Stage surveyProcess(StepKind kind, const Targets& targets) const;

  // Forward.
  Next takeStep(const CanaryStep& step, int number);
  Next pause(const CanaryStep& step, int number);
  Next analyse(const CanaryStep& step, int number);
  // At least `scale` instances of the new version, as far as the budget lets, and that share of the traffic.
  Next bring(std::size_t scale, int weight);
  Next bringSlots(std::size_t scale, int weight);
  Next bringServers(std::size_t scale, int weight);
  Next freeSlots();
  Targets chooseSlots(std::size_t scale) const;
  Next raiseSlots(const Targets& chosen);
  Next makeRoom(const Targets& fresh, std::size_t missing);
  Next switchServers(const Targets& out);
  Targets nextServers(std::size_t missing, const Targets& stable) const;
  Next verify(const Targets& targets, std::string message);
  Next raise(int weight, const Targets& fresh, const Targets& stable);
  Next stage(StepKind kind, const Stage& stage, Where where);
  Plan finishing();

  // With groups of servers.
  Targets ofGroup(bool fresh) const;
  Targets oldGroup() const;  // those of the group with the traffic on which something runs
  Next bringGroup(int weight);
  Next updateOldGroup();
  Plan finishGroups();
  Plan undoGroups();

  // Back.
  Plan undoSlots();
  Plan undoServers();
  Next bringOldBack(const Targets& targets);
  Next routeBack(const Targets& fresh, const Targets& stable, int weight);
  Next undoThose(const Targets& targets);
  Next lower(const Targets& fresh, const Targets& stable, int least);
  Next withdraw();

  std::string progressText(int steps) const;

  const ShiftScript script_;
  const Capacity capacity_;
  const bool slots_;
  const bool groups_;
  std::string note_;
};

}  // namespace slipway::planner
