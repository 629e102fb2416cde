#pragma once

#include "reconciler/planner/plan.h"

namespace slipway::planner {

// Build everywhere, switch only when every target is ready, undo what was switched if the rest fails.
//
//   Prepare (all, capped) → Check (all) → decision Commit → for each batch: [Stop] → Switch (armed, all of it at once)
//   → [Start] → Verify → [wait] → after the last batch: Retire → Completed. A failure before Commit ends as Failed with
//   nothing touched; after it, decision Revert: Undo and [Restart], batches and servers in reverse, RolledBack; or
//   Hold, and a person decides.
//
// Atomic and Recreate have one batch of all targets. Stop and Start belong to Recreate; else Start is the reload after
// the switch. Rolling has batches of min(batchSize, maxUnavailable): a target is out of service from its switch to its
// verification at most, and the next batch begins only when all before it are verified.
class TwoPhaseStrategy final : public Strategy {
 public:
  explicit TwoPhaseStrategy(StrategyType type) : type_(type) {}
  Plan plan(const PlanInput& input) const override;

 private:
  StrategyType type_;
};

}  // namespace slipway::planner
