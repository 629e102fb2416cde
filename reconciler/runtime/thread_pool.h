#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "reconciler/base/log.h"
#include "reconciler/ports/worker_pool.h"
#include "reconciler/runtime/thread.h"

namespace slipway::runtime {

// A fixed number of threads; first posted, first run. Work that throws is logged. Work must not post to a pool that is
// being destroyed, and what it captures must outlive the pool.
class ThreadPool final : public WorkerPool {
 public:
  ThreadPool(std::size_t threads, Logger& log);
  // As stop().
  ~ThreadPool() override;

  void post(std::function<void()> work) override;
  // Drops what has not begun; blocks until the rest has ended.
  void stop();

 private:
  void run(const std::stop_token& stop);

  Logger& log_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::function<void()>> queue_;
  bool stopped_ = false;
  std::vector<Thread> threads_;
};

}  // namespace slipway::runtime
