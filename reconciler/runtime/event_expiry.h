#pragma once

#include "reconciler/base/clock.h"
#include "reconciler/base/log.h"
#include "reconciler/ports/objects.h"
#include "reconciler/ports/reconciler.h"

namespace slipway::runtime {

struct EventExpiryOptions {
  Duration keep = std::chrono::hours(24);  // after the last repetition
  Duration interval = std::chrono::minutes(10);
  std::size_t perTurn = 500;  // deletions before other work has its turn
};

// Deletes old Events, so that the store does not grow with time. For the embedded API server; a kube-apiserver does
// this by itself. Give its controller one key, kEventExpiryKey, at start.
class EventExpiry final : public Reconciler {
 public:
  EventExpiry(const ApiReader& reader, ApiWriter& writer, Clock& clock, EventExpiryOptions options = {})
      : reader_(reader), writer_(writer), clock_(clock), options_(options) {}

  Result<Action> reconcile(const ObjectKey& key) override;

 private:
  bool expired(const Json& event) const;

  const ApiReader& reader_;
  ApiWriter& writer_;
  Clock& clock_;
  const EventExpiryOptions options_;
};

inline const ObjectKey kEventExpiryKey{"", "events"};

}  // namespace slipway::runtime
