#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "reconciler/api/kinds.h"
#include "reconciler/base/clock.h"
#include "reconciler/base/random.h"
#include "reconciler/ports/metrics.h"

namespace slipway::runtime {

struct WorkQueueOptions {
  std::string name;  // label of its metrics
  Duration backoffBase = std::chrono::milliseconds(5);
  Duration backoffMax = std::chrono::minutes(5);
};

// Keys that want a worker. A key that waits is there once however often it is added; a key that is added while a worker
// has it waits until the worker is done: so no two workers have the same key, and no change is missed. First come,
// first served. There is no limit over all keys: one failing key delays no other. Thread-safe.
class WorkQueue {
 public:
  WorkQueue(WorkQueueOptions options, Clock& clock, Random& random, Metrics& metrics);
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  void add(const ObjectKey& key);
  // Not before `delay` is over. Of several delays of one key the one that ends first counts.
  void addAfter(const ObjectKey& key, Duration delay);
  // After the key's back-off, which doubles with each call until forget(), up to a quarter of it taken off at random.
  void retry(const ObjectKey& key);
  // Ends the key's back-off.
  void forget(const ObjectKey& key);

  // The next key; the caller must call done() with it. Nothing when none waits.
  std::optional<ObjectKey> tryTake();
  // Blocks until there is a key; nothing after shutDown() or when stopped.
  std::optional<ObjectKey> take(const std::stop_token& stop);
  void done(const ObjectKey& key);

  // Nothing can be added or taken any more; keys that wait are dropped.
  void shutDown();

  std::size_t depth() const;
  std::size_t delayed() const;
  int retries(const ObjectKey& key) const;

 private:
  struct State;
  // Timers hold it weakly: one that fires late finds nothing.
  std::shared_ptr<State> state_;
};

}  // namespace slipway::runtime
