#include "reconciler/runtime/thread_pool.h"

#include <exception>
#include <utility>

namespace slipway::runtime {

ThreadPool::ThreadPool(std::size_t threads, Logger& log) : log_(log) {
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this](const std::stop_token& stop) { run(stop); });
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::post(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    queue_.push_back(std::move(work));
  }
  changed_.notify_one();
}

void ThreadPool::stop() {
  std::deque<std::function<void()>> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    dropped.swap(queue_);
  }
  for (auto& thread : threads_) thread.requestStop();
  threads_.clear();
}

void ThreadPool::run(const std::stop_token& stop) {
  while (true) {
    std::function<void()> work;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [this] { return !queue_.empty(); })) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    try {
      work();
    } catch (const std::exception& error) {
      log_.error("an exception left posted work", {{"error", error.what()}});
    } catch (...) {
      log_.error("an unknown exception left posted work");
    }
  }
}

}  // namespace slipway::runtime
