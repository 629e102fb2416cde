#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "reconciler/api/operation.h"
#include "reconciler/base/log.h"
#include "reconciler/ports/events.h"
#include "reconciler/ports/leases.h"
#include "reconciler/ports/metrics.h"
#include "reconciler/ports/objects.h"
#include "reconciler/ports/provider.h"
#include "reconciler/ports/reconciler.h"
#include "reconciler/ports/run_log.h"
#include "reconciler/ports/server_operator.h"

namespace slipway::release {

// Does what Operations ask, once, and removes them some time after their end. What changes servers is done while no run
// of the release is open and under the leases that runs take, so that neither gets into the other's way. Each server's
// state is durable before something begins there: after a crash it is asked about under the same operation id.
// Thread-safe for different keys.
class OperationReconciler final : public Reconciler {
 public:
  struct Ports {
    const ApiReader& reader;
    ApiWriter& writer;
    StatusWriter& status;
    Provider& provider;
    ServerOperator& servers;
    Leases& leases;
    RunLog& log;  // what Logs shows, under the Operation's uid
    EventSink& events;
    Metrics& metrics;
    Clock& clock;
    Logger& logger;
    std::string holder;                          // of leases
    std::function<void(const ObjectKey&)> wake;  // puts an Operation's key into the queue; thread-safe
  };
  explicit OperationReconciler(Ports ports) : ports_(std::move(ports)) {}
  Result<Action> reconcile(const ObjectKey& key) override;

 private:
  class Visit;
  struct Active;

  std::shared_ptr<Active> activeOf(const Operation& operation);
  // What is under way is not waited for any more.
  void forget(const ObjectKey& key);
  Result<Action> tidy(const Operation& operation);

  const Ports ports_;
  std::mutex mutex_;
  std::map<ObjectKey, std::shared_ptr<Active>> active_;
};

}  // namespace slipway::release
