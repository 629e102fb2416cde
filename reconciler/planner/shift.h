#pragma once

#include "reconciler/planner/plan.h"

namespace slipway::planner {

// Brings the new version up beside the old one and moves traffic from one to the other: BlueGreen, Canary, and Rolling
// in slots, each by its script.
//
//   Prepare (all) → Check (all) → decision Commit → for each step of the script, and at last for all traffic: bring up
//   as many instances as the weight needs, [Confirm], change the weights, read them back → [Switch: the new version is
//   the live one] → [delay] → [ScaleDown] → Retire → Completed.
//
// With slots an instance comes up beside the old one of its server: Place → Start → Verify. Without, a server is taken
// out of rotation first: Switch → [Start] → Verify. A failure, or an abort, goes back: the old instances are there
// again [Restart → Recheck], then traffic returns to them, then Undo and [Withdraw].
//
// With groups of servers the one without traffic is switched whole; all traffic goes to it in one change. The other one
// is kept for the delay, and then gets the new version too or stays.
//
// Before and after every step: a version's weight is at most what its ready instances can carry, and nothing is stopped
// or switched that is in rotation.
class ShiftStrategy final : public Strategy {
 public:
  Plan plan(const PlanInput& input) const override;
};

}  // namespace slipway::planner
