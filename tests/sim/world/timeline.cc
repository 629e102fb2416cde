#include "tests/sim/world/timeline.h"

#include <cmath>

namespace slipway::sim {

Duration Dice::between(Duration shortest, Duration longest) {
  const double low = std::log(static_cast<double>(shortest.count()));
  const double high = std::log(static_cast<double>(longest.count()));
  return Duration(static_cast<Duration::rep>(std::exp(low + unit(next()) * (high - low))));
}

bool Timeline::fireNext(SteadyTime limit) {
  if (due_.empty() || due_.begin()->first.first > limit) {
    now_ = std::max(now_, limit);
    return false;
  }
  auto node = due_.extract(due_.begin());
  now_ = std::max(now_, node.key().first);
  ++fired_;
  node.mapped()();
  return true;
}

ProcessClock::~ProcessClock() {
  for (const auto& [id, timer] : timers_) {
    time_.cancel(timer.first);
  }
}

std::uint64_t ProcessClock::startTimer(SteadyTime when, std::function<void()> action) {
  const std::uint64_t id = ++last_;
  timers_[id] = {{}, std::move(action)};
  arm(id, when);
  return id;
}

void ProcessClock::arm(std::uint64_t id, SteadyTime when) {
  timers_[id].first = time_.at(when, [this, id] {
    if (paused()) {
      arm(id, pausedUntil_);
      return;
    }
    auto node = timers_.extract(id);
    node.mapped().second();
  });
}

bool ProcessClock::cancelTimer(std::uint64_t id) {
  const auto found = timers_.find(id);
  if (found == timers_.end()) {
    return false;
  }
  time_.cancel(found->second.first);
  timers_.erase(found);
  return true;
}

}  // namespace slipway::sim
