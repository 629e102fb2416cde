#pragma once

#include "reconciler/planner/plan.h"

namespace slipway::planner {

// Build everywhere, switch only when every target is ready, undo what was switched if the rest fails.
//
//   Prepare (all, capped) → Check (all) → decision Commit → [Stop] → Switch (armed, all at once) → [Start] → Verify
//   → Retire → Completed. A failure before Commit ends as Failed with nothing touched; after it, decision Revert: Undo
//   in reverse, [Restart], RolledBack; or Hold, and a person decides.
//
// Stop and Start belong to Recreate; for Atomic, Start is the reload after the switch.
class TwoPhaseStrategy final : public Strategy {
 public:
  explicit TwoPhaseStrategy(bool recreate) : recreate_(recreate) {}
  Plan plan(const PlanInput& input) const override;

 private:
  bool recreate_;
};

}  // namespace slipway::planner
