#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <utility>

#include "reconciler/base/clock.h"
#include "tests/sim/host/sim_host.h"

namespace slipway::sim {

// A small, fast generator whose numbers depend on nothing but its seed.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() { return mix(state_ += 0x9e3779b97f4a7c15ULL); }
  std::uint64_t below(std::uint64_t limit) { return limit == 0 ? 0 : next() % limit; }
  bool chance(double probability) { return unit(next()) < probability; }
  // Evenly spread over the logarithm.
  Duration between(Duration shortest, Duration longest);

  static std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31U);
  }
  static double unit(std::uint64_t x) { return static_cast<double>(x >> 11U) * 0x1.0p-53; }

 private:
  std::uint64_t state_;
};

// What happened, in order, as one number: two runs with the same hash did the same.
class TraceHash {
 public:
  void add(std::string_view text) {
    for (; text.size() >= sizeof(std::uint64_t); text.remove_prefix(sizeof(std::uint64_t))) {
      std::uint64_t word = 0;
      std::memcpy(&word, text.data(), sizeof word);
      value_ = (value_ ^ word) * 0x9e3779b97f4a7c15ULL;
      value_ ^= value_ >> 32U;
    }
    for (const char c : text) {
      value_ = (value_ ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    }
  }
  void add(std::uint64_t number) { value_ = Dice::mix(value_ ^ number); }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325ULL;
};

// Virtual time and what will happen in it. Moves only in fireNext().
class Timeline final : public HostWorld {
 public:
  explicit Timeline(std::uint64_t seed) : dice_(seed) {}

  SteadyTime now() const override { return now_; }
  WallTime wall() const override { return kEpoch + now_.time_since_epoch() + wallOffset_; }
  void after(Duration delay, std::function<void()> action) override { at(now_ + delay, std::move(action)); }
  std::uint64_t dice() override { return dice_.next(); }

  using Id = std::pair<SteadyTime, std::uint64_t>;
  Id at(SteadyTime when, std::function<void()> action) {
    const Id id{std::max(when, now_), ++last_};
    due_.emplace(id, std::move(action));
    return id;
  }
  bool cancel(const Id& id) { return due_.erase(id) > 0; }
  // Moves to the next event and runs it; false when there is none before `limit`, and time is then there.
  bool fireNext(SteadyTime limit);
  // Runs what is due now.
  bool fireDue() { return !due_.empty() && due_.begin()->first.first <= now_ && fireNext(now_); }
  void jumpWall(Duration by) { wallOffset_ += by; }
  std::uint64_t fired() const { return fired_; }

 private:
  static constexpr WallTime kEpoch{std::chrono::sys_days(std::chrono::year(2026) / 1 / 1)};

  Dice dice_;
  SteadyTime now_{std::chrono::hours(1)};
  Duration wallOffset_{0};
  std::uint64_t last_ = 0;
  std::uint64_t fired_ = 0;
  std::map<Id, std::function<void()>> due_;
};

// The clock of one process: its timers end with it, and while it is paused none fires.
class ProcessClock final : public Clock {
 public:
  explicit ProcessClock(Timeline& time) : time_(time) {}
  ~ProcessClock() override;

  SteadyTime steady() const override { return time_.now(); }
  WallTime wall() const override { return time_.wall(); }
  std::uint64_t startTimer(SteadyTime when, std::function<void()> action) override;
  bool cancelTimer(std::uint64_t id) override;
  // As SIGSTOP: timers that come due wait for the end of the pause.
  void pauseUntil(SteadyTime when) { pausedUntil_ = when; }
  bool paused() const { return time_.now() < pausedUntil_; }

 private:
  void arm(std::uint64_t id, SteadyTime when);

  Timeline& time_;
  SteadyTime pausedUntil_{};
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, std::pair<Timeline::Id, std::function<void()>>> timers_;
};

}  // namespace slipway::sim
