#pragma once

#include <map>
#include <mutex>
#include <string>

#include "reconciler/base/clock.h"
#include "reconciler/base/log.h"
#include "reconciler/ports/leases.h"
#include "reconciler/ports/objects.h"

namespace slipway::runtime {

// Fencing leases as coordination.k8s.io/v1 objects. Every change is a compare-and-swap on the resource version, so two
// who try at once cannot both succeed. The fencing number is spec.leaseTransitions. A lease of somebody else has
// expired when this process has watched it unchanged for its duration by its own steady clock: the other's clock and
// jumps of the wall clock do not matter. Thread-safe.
class LeaseLock final : public Leases {
 public:
  LeaseLock(const ApiReader& reader, ApiWriter& writer, Clock& clock, Logger& log)
      : reader_(reader), writer_(writer), clock_(clock), log_(log) {}

  Result<LeaseGrant> acquire(const ObjectKey& lease, const LeaseClaim& claim) override;
  Status renew(const ObjectKey& lease, const std::string& holder) override;
  Status release(const ObjectKey& lease, const std::string& holder) override;

  // Takes the lease away from whoever has it; the next acquisition gets a higher number. `by` goes into the audit log
  // and into an annotation. NotFound when there is no lease.
  Status unlock(const ObjectKey& lease, const std::string& by);

 private:
  // The newest state that we know of.
  struct Seen {
    ObjectPtr object;
    SteadyTime since;  // when this version was first seen
  };

  Result<Seen> look(const ObjectKey& lease);
  Seen remember(const ObjectKey& lease, const ObjectPtr& object);
  Result<LeaseGrant> create(const ObjectKey& lease, const LeaseClaim& claim);
  Result<ObjectPtr> write(const ObjectKey& lease, const Json& current, Json spec);
  // Renews or gives back what is `holder`'s, again when another write of its own came between.
  Status change(const ObjectKey& lease, const std::string& holder, bool release);

  const ApiReader& reader_;
  ApiWriter& writer_;
  Clock& clock_;
  Logger& log_;
  std::mutex mutex_;
  std::map<ObjectKey, Seen> seen_;
};

}  // namespace slipway::runtime
