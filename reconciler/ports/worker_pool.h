#pragma once

#include <functional>

namespace slipway {

// Runs work that may block (git, disk) away from the reconcile workers. Thread-safe. What is posted runs once, in any
// order, on some thread; on shutdown what has not begun is dropped.
class WorkerPool {
 public:
  virtual ~WorkerPool() = default;
  virtual void post(std::function<void()> work) = 0;
};

}  // namespace slipway
