#pragma once

#include "reconciler/api/destination.h"
#include "reconciler/ports/events.h"
#include "reconciler/ports/objects.h"
#include "reconciler/ports/reconciler.h"

namespace slipway::fleet {

// Whether this ReleaseRun has not ended and names that destination of its namespace.
bool isOpenOn(const Json& run, std::string_view destination);

// Says in a Destination's status which servers it selects now, how many of them answer, which names are wrong, and
// which runs work there; and keeps a record of locks that were set, lifted and overridden.
class DestinationReconciler final : public Reconciler {
 public:
  DestinationReconciler(const ApiReader& reader, StatusWriter& status, EventSink& events, Clock& clock)
      : reader_(reader), status_(status), events_(events), clock_(clock) {}
  Result<Action> reconcile(const ObjectKey& key) override;

 private:
  Result<std::string> openRuns(const ObjectKey& destination) const;
  // Events for what people did with the lock between the two.
  void tellOfLock(const Destination& before, const DestinationStatus& now);

  const ApiReader& reader_;
  StatusWriter& status_;
  EventSink& events_;
  Clock& clock_;
};

}  // namespace slipway::fleet
