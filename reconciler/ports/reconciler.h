#pragma once

#include <optional>

#include "reconciler/api/kinds.h"
#include "reconciler/base/clock.h"
#include "reconciler/base/status.h"

namespace slipway {

// What a reconciliation asks for: nothing more until something changes, or to be called again after a while.
struct Action {
  std::optional<Duration> requeueAfter;
};

// Drives one object towards its spec, from what is there now. Idempotent; told no event; safe to stop at any point.
// Called on a worker thread, never twice at once for one key. May block, but shall hold no lock while it does.
class Reconciler {
 public:
  virtual ~Reconciler() = default;
  // An error decides by its code whether the key is tried again (reconciler/runtime/error_policy.h): Unavailable,
  // Timeout and Internal with back-off, Conflict and OutcomeUnknown soon, Invalid and Denied only after a change.
  virtual Result<Action> reconcile(const ObjectKey& key) = 0;
};

}  // namespace slipway
