#pragma once

#include "reconciler/ports/objects.h"
#include "reconciler/ports/reconciler.h"

namespace slipway::fleet {

// Says in a Destination's status which servers it selects now, how many of them answer, and which
// names are wrong.
class DestinationReconciler final : public Reconciler {
 public:
  DestinationReconciler(const ApiReader& reader, StatusWriter& status, Clock& clock)
      : reader_(reader), status_(status), clock_(clock) {}
  Result<Action> reconcile(const ObjectKey& key) override;

 private:
  const ApiReader& reader_;
  StatusWriter& status_;
  Clock& clock_;
};

}  // namespace slipway::fleet
