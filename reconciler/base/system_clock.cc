#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "reconciler/base/system.h"

namespace slipway {
namespace {

class SystemClock final : public Clock {
 public:
  SystemClock() : thread_([this](const std::stop_token& stop) { run(stop); }) {}

  SteadyTime steady() const override { return std::chrono::steady_clock::now(); }
  WallTime wall() const override { return std::chrono::system_clock::now(); }

  std::uint64_t startTimer(SteadyTime when, std::function<void()> action) override {
    const std::lock_guard lock(mutex_);
    const std::uint64_t id = ++lastId_;
    timers_.emplace(Key{when, id}, std::move(action));
    due_.emplace(id, when);
    changed_.notify_one();
    return id;
  }

  bool cancelTimer(std::uint64_t id) override {
    Timers::node_type dropped;  // destroyed outside the lock: the end of what it holds may use the clock
    const std::lock_guard lock(mutex_);
    auto found = due_.find(id);
    if (found == due_.end()) {
      return false;
    }
    dropped = timers_.extract(Key{found->second, id});
    due_.erase(found);
    return true;
  }

 private:
  using Key = std::pair<SteadyTime, std::uint64_t>;
  using Timers = std::map<Key, std::function<void()>>;

  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      if (timers_.empty()) {
        changed_.wait(lock, stop, [this] { return !timers_.empty(); });
        continue;
      }
      auto first = timers_.begin();
      const SteadyTime when = first->first.first;
      if (when > std::chrono::steady_clock::now()) {
        changed_.wait_until(lock, stop, when,
                            [this, when] { return !timers_.empty() && timers_.begin()->first.first < when; });
        continue;
      }
      std::function<void()> action = std::move(first->second);
      due_.erase(first->first.second);
      timers_.erase(first);
      lock.unlock();
      action();
      action = nullptr;  // likewise
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t lastId_ = 0;
  Timers timers_;
  std::map<std::uint64_t, SteadyTime> due_;
  std::jthread thread_;
};

}  // namespace

std::unique_ptr<Clock> newSystemClock() { return std::make_unique<SystemClock>(); }

}  // namespace slipway
