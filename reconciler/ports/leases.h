#pragma once

#include <cstdint>
#include <string>

#include "reconciler/api/kinds.h"
#include "reconciler/base/clock.h"
#include "reconciler/base/status.h"

namespace slipway {

// No target has a reason to have seen a higher one, and none is granted.
inline constexpr std::uint64_t kHighestFence = 2'000'000'000;

// Who may change one application on one destination, and the number that proves it.
struct LeaseGrant {
  std::uint64_t fence = 0;  // grows with every acquisition; targets refuse a lower one
};

// Who asks for a lease.
struct LeaseClaim {
  std::string holder;
  Duration duration;
  // The number that is granted is at least this, and above it when the lease changes hands: more than any number that
  // is known to have been used, whatever became of the lease's record.
  std::uint64_t atLeast = 0;
};

// Fencing leases. Thread-safe; calls block for one durable write at most.
class Leases {
 public:
  virtual ~Leases() = default;
  // Takes the lease for the claim's holder, or keeps it: the number grows only when it changes hands (also to a new run
  // of the same controller) or is lower than asked for. It is durable when this returns. Conflict with the holder's
  // name while somebody else's has not expired; Invalid when the number asked for cannot be one.
  virtual Result<LeaseGrant> acquire(const ObjectKey& lease, const LeaseClaim& claim) = 0;
  // Conflict when it is not `holder`'s any more.
  virtual Status renew(const ObjectKey& lease, const std::string& holder) = 0;
  // Gives it back; no error when it was not held.
  virtual Status release(const ObjectKey& lease, const std::string& holder) = 0;
};

}  // namespace slipway
