#pragma once

#include "reconciler/ports/objects.h"
#include "reconciler/ports/reconciler.h"

namespace slipway::fleet {

// Whether this ReleaseRun has not ended and names that destination of its namespace.
bool isOpenOn(const Json& run, std::string_view destination);

// Says in a Destination's status which servers it selects now, how many of them answer, which names are wrong, and
// which runs work there.
class DestinationReconciler final : public Reconciler {
 public:
  DestinationReconciler(const ApiReader& reader, StatusWriter& status, Clock& clock)
      : reader_(reader), status_(status), clock_(clock) {}
  Result<Action> reconcile(const ObjectKey& key) override;

 private:
  Result<std::string> openRuns(const ObjectKey& destination) const;

  const ApiReader& reader_;
  StatusWriter& status_;
  Clock& clock_;
};

}  // namespace slipway::fleet
