#include "reconciler/runtime/event_expiry.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_objects.h"
#include "tests/support/object_builders.h"

namespace slipway::runtime {
namespace {

using namespace std::chrono_literals;

class EventExpiryTest : public testing::Test {
 protected:
  void write(const std::string& name, std::string_view field, const Json& time) {
    Json event = simpleObject(kEvent, {"ns", name});
    if (!field.empty()) event[field] = time;
    ASSERT_TRUE(api_.create(kEvent, event));
  }
  std::vector<std::string> left() {
    std::vector<std::string> out;
    const auto events = *api_.list(kEvent, "");
    for (const auto& event : events.items) out.push_back(event->find("metadata")->getString("name"));
    return out;
  }
  using Texts = std::vector<std::string>;
  FakeObjects api_;
  FakeClock clock_;  // 2026-01-01T01:00:00Z
};

TEST_F(EventExpiryTest, DeletesWhatWasLastSeenTooLongAgo) {
  EventExpiry expiry(api_, api_, clock_, {.keep = 1h});
  write("fresh", "lastTimestamp", "2026-01-01T00:30:00Z");
  write("old", "lastTimestamp", "2025-12-31T23:59:59Z");
  write("new-form", "eventTime", "2026-01-01T00:59:59.000001Z");
  write("no-time", "", "");
  write("wrong-time", "lastTimestamp", "yesterday");
  EXPECT_EQ(*expiry.reconcile(kEventExpiryKey)->requeueAfter, 10min);
  EXPECT_EQ(left(), (Texts{"fresh", "new-form"}));
  clock_.advance(31min);
  ASSERT_TRUE(expiry.reconcile(kEventExpiryKey));
  EXPECT_EQ(left(), (Texts{"new-form"}));
}

TEST_F(EventExpiryTest, ComesBackSoonWhenThereIsMore) {
  EventExpiry expiry(api_, api_, clock_, {.perTurn = 2});
  for (const char* name : {"a", "b", "c"}) write(name, "lastTimestamp", "2020-01-01T00:00:00Z");
  EXPECT_LT(*expiry.reconcile(kEventExpiryKey)->requeueAfter, 1s);
  EXPECT_EQ(left(), (Texts{"c"}));
  EXPECT_EQ(*expiry.reconcile(kEventExpiryKey)->requeueAfter, 10min);
  EXPECT_EQ(left(), Texts{});
}

TEST_F(EventExpiryTest, TellsWhenTheApiFails) {
  EventExpiry expiry(api_, api_, clock_);
  write("a", "lastTimestamp", "2020-01-01T00:00:00Z");
  api_.failWrites({Code::Unavailable, "down"});
  EXPECT_EQ(expiry.reconcile(kEventExpiryKey).code(), Code::Unavailable);
  api_.failLists({Code::Unavailable, "down"});
  EXPECT_EQ(expiry.reconcile(kEventExpiryKey).code(), Code::Unavailable);
}

}  // namespace
}  // namespace slipway::runtime
