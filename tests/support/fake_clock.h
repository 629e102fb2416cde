#pragma once

#include <map>
#include <mutex>

#include "reconciler/base/clock.h"

namespace slipway {

// Moves only when told. Timers fire inside advance(), in order of time, then of id.
class FakeClock final : public Clock {
 public:
  SteadyTime steady() const override {
    const std::lock_guard lock(mutex_);
    return SteadyTime(now_);
  }
  WallTime wall() const override {
    const std::lock_guard lock(mutex_);
    return WallTime(std::chrono::sys_days(std::chrono::year(2026) / 1 / 1)) + now_ + wallOffset_;
  }
  std::uint64_t startTimer(SteadyTime when, std::function<void()> action) override {
    const std::lock_guard lock(mutex_);
    timers_.emplace(std::pair(when, ++lastId_), std::move(action));
    return lastId_;
  }
  bool cancelTimer(std::uint64_t id) override {
    const std::lock_guard lock(mutex_);
    for (auto it = timers_.begin(); it != timers_.end(); ++it) {
      if (it->first.second == id) {
        timers_.erase(it);
        return true;
      }
    }
    return false;
  }

  void advance(Duration by) {
    std::unique_lock lock(mutex_);
    const Duration end = now_ + by;
    while (!timers_.empty() && timers_.begin()->first.first <= SteadyTime(end)) {
      auto node = timers_.extract(timers_.begin());
      now_ = std::max(now_, node.key().first.time_since_epoch());
      lock.unlock();
      node.mapped()();
      lock.lock();
    }
    now_ = end;
  }
  // A jump of the wall clock alone.
  void jumpWall(Duration by) {
    const std::lock_guard lock(mutex_);
    wallOffset_ += by;
  }
  std::size_t pendingTimers() const {
    const std::lock_guard lock(mutex_);
    return timers_.size();
  }

 private:
  mutable std::mutex mutex_;
  Duration now_ = std::chrono::hours(1);
  Duration wallOffset_{0};
  std::uint64_t lastId_ = 0;
  std::map<std::pair<SteadyTime, std::uint64_t>, std::function<void()>> timers_;
};

}  // namespace slipway
