#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>

#include "reconciler/base/status.h"

namespace slipway {

using Duration = std::chrono::nanoseconds;
using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, Duration>;
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

// The only source of time. Steady time is for deadlines and waits; wall time is only for what people and other systems
// read. Thread-safe. The production clock is SystemClock; FakeClock (tests/support) moves only when told.
class Clock {
 public:
  virtual ~Clock() = default;

  virtual SteadyTime steady() const = 0;
  virtual WallTime wall() const = 0;

  // Runs `action` once, on the clock's own thread, not before `when`. The action must be short and must not block.
  // Returns an id for cancelTimer.
  virtual std::uint64_t startTimer(SteadyTime when, std::function<void()> action) = 0;

  // Prevents a timer from firing. False when it fired, is firing or never existed: the action may still be running.
  virtual bool cancelTimer(std::uint64_t id) = 0;
};

// "2026-01-02T03:04:05Z" in UTC, as Kubernetes writes times.
std::string formatTime(WallTime time);
// The same with six decimals of a second, as Kubernetes writes MicroTime.
std::string formatMicroTime(WallTime time);
// RFC 3339 with Z or an offset, with or without decimals.
Result<WallTime> parseTime(std::string_view text);

// Go's duration grammar: "1h30m", "250ms", "5s", "1.5h". Units ns, us, ms, s, m, h. Negative ones are Invalid.
Result<Duration> parseDuration(std::string_view text);
// The shortest of the same grammar, rounded to milliseconds above one second: "1m30s", "250ms", "0s".
std::string formatDuration(Duration duration);

}  // namespace slipway
