#pragma once

#include "reconciler/ports/objects.h"
#include "reconciler/ports/reconciler.h"

namespace slipway::fleet {

// Says in a Server's status whether everything is there to reach it: a pinned host key, and the Secret with the private
// key. It makes no connection: what is not observed is not claimed.
class ServerReconciler final : public Reconciler {
 public:
  ServerReconciler(const ApiReader& reader, StatusWriter& status, Clock& clock)
      : reader_(reader), status_(status), clock_(clock) {}
  Result<Action> reconcile(const ObjectKey& key) override;

 private:
  const ApiReader& reader_;
  StatusWriter& status_;
  Clock& clock_;
};

}  // namespace slipway::fleet
