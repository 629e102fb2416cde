#pragma once

#include "reconciler/fleet/server_probe.h"
#include "reconciler/ports/events.h"
#include "reconciler/ports/metrics.h"
#include "reconciler/ports/objects.h"
#include "reconciler/ports/reconciler.h"

namespace slipway::fleet {

// Says in a Server's status whether everything is there to reach it (a pinned host key, the Secret with the private
// key), and whether it answered when it was last asked. What is not observed is not claimed.
class ServerReconciler final : public Reconciler {
 public:
  struct Ports {
    const ApiReader& reader;
    StatusWriter& status;
    EventSink& events;
    Metrics& metrics;
    Clock& clock;
  };
  ServerReconciler(Ports ports, ServerProbe& probe) : ports_(ports), probe_(probe) {}
  Result<Action> reconcile(const ObjectKey& key) override;

 private:
  void take(Server& server, const ServerSight& sight);

  const Ports ports_;
  ServerProbe& probe_;
};

}  // namespace slipway::fleet
