#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "reconciler/base/log.h"
#include "reconciler/ports/reconciler.h"
#include "reconciler/runtime/thread.h"
#include "reconciler/runtime/work_queue.h"

namespace slipway::runtime {

struct ControllerOptions {
  std::string name;  // label of its metrics, field of its logs
  int workers = 4;
  WorkQueueOptions queue = {};  // its name is the controller's when empty
};

struct ControllerContext {
  Clock& clock;
  Random& random;
  Logger& log;
  Metrics& metrics;
};

// Workers that take keys from a queue and give each to the reconciler. Nothing it does can end a worker: an exception
// is counted and treated as Internal. The reconciler must outlive the controller.
class Controller {
 public:
  Controller(ControllerOptions options, Reconciler& reconciler, ControllerContext context);
  ~Controller();

  // Where handlers of informers, timers and providers put keys.
  WorkQueue& queue() { return queue_; }

  // Reconciles one key on the caller's thread. False when none waits.
  bool step();

  void start();
  // No new reconciliation begins; blocks until those that run have ended. Keys that wait are dropped.
  void stop();

 private:
  void reconcile(const ObjectKey& key);
  Result<Action> call(const ObjectKey& key);
  void settle(const ObjectKey& key, const Result<Action>& result);

  const ControllerOptions options_;
  Reconciler& reconciler_;
  const ControllerContext context_;
  WorkQueue queue_;
  std::atomic<int> active_ = 0;
  std::vector<Thread> workers_;
};

}  // namespace slipway::runtime
