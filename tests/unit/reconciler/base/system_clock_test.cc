#include <atomic>
#include <future>
#include <memory>

#include <gtest/gtest.h>

#include "reconciler/base/system.h"

namespace slipway {
namespace {

// Uses the clock when the last action that holds it is destroyed.
struct UsesClockAtEnd {
  Clock& clock;
  std::promise<void>& ended;
  UsesClockAtEnd(Clock& time, std::promise<void>& promise) : clock(time), ended(promise) {}
  ~UsesClockAtEnd() {
    clock.cancelTimer(0);
    ended.set_value();
  }
  UsesClockAtEnd(const UsesClockAtEnd&) = delete;
  UsesClockAtEnd& operator=(const UsesClockAtEnd&) = delete;
};

TEST(SystemClock, FiresTimersInTheOrderOfTheirTimes) {
  std::promise<int> first;
  std::promise<void> second;
  const auto clock = newSystemClock();
  const SteadyTime now = clock->steady();
  std::atomic<int> fired = 0;
  clock->startTimer(now + std::chrono::milliseconds(2), [&] {
    ++fired;
    second.set_value();
  });
  clock->startTimer(now, [&] { first.set_value(fired); });
  EXPECT_EQ(0, first.get_future().get());
  second.get_future().wait();
  EXPECT_EQ(1, fired);
}

TEST(SystemClock, LetsWhatAFiredActionHoldsUseTheClockAtItsEnd) {
  std::promise<void> ended;
  const auto clock = newSystemClock();
  auto held = std::make_shared<UsesClockAtEnd>(*clock, ended);
  clock->startTimer(clock->steady(), [held = std::move(held)] {});
  ended.get_future().wait();
}

TEST(SystemClock, LetsWhatACancelledActionHoldsUseTheClockAtItsEnd) {
  std::promise<void> ended;
  const auto clock = newSystemClock();
  auto held = std::make_shared<UsesClockAtEnd>(*clock, ended);
  const auto timer = clock->startTimer(clock->steady() + std::chrono::hours(1), [held = std::move(held)] {});
  EXPECT_TRUE(clock->cancelTimer(timer));
  EXPECT_EQ(std::future_status::ready, ended.get_future().wait_for(std::chrono::seconds(0)));
  EXPECT_FALSE(clock->cancelTimer(timer));
}

}  // namespace
}  // namespace slipway
