#pragma once

#include <cstdint>
#include <string>

#include "reconciler/api/kinds.h"
#include "reconciler/base/clock.h"
#include "reconciler/base/status.h"

namespace slipway {

// Who may change one application on one destination, and the number that proves it.
struct LeaseGrant {
  std::uint64_t fence = 0;  // grows with every acquisition; targets refuse a lower one
};

// Fencing leases. Thread-safe; calls block for one durable write at most.
class Leases {
 public:
  virtual ~Leases() = default;
  // Takes the lease for `holder`, or keeps it: the number grows only when it changes hands (also to a new run of the
  // same controller). Conflict with the holder's name while somebody else's has not expired.
  virtual Result<LeaseGrant> acquire(const ObjectKey& lease, const std::string& holder, Duration duration) = 0;
  // Conflict when it is not `holder`'s any more.
  virtual Status renew(const ObjectKey& lease, const std::string& holder) = 0;
  // Gives it back; no error when it was not held.
  virtual Status release(const ObjectKey& lease, const std::string& holder) = 0;
};

}  // namespace slipway
