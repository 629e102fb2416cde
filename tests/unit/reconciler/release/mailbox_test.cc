#include <string>

#include <gtest/gtest.h>

#include "reconciler/release/active_run.h"
#include "tests/support/fake_clock.h"

namespace slipway::release {
namespace {

class MailboxTest : public testing::Test {
 protected:
  void result(const std::string& operation, StepResult::Outcome outcome = StepResult::Outcome::Done) {
    StepResult result;
    result.outcome = outcome;
    mailbox.put({operation, result, {}});
  }

  FakeClock clock;
  int wakes = 0;
  Mailbox mailbox{clock, [this] { ++wakes; }};
};

TEST_F(MailboxTest, GathersProgressForAMoment) {
  mailbox.expect({"a", "b"});
  mailbox.put({"a", std::nullopt, "fetch"});
  mailbox.put({"b", std::nullopt, "fetch"});
  result("a");
  EXPECT_EQ(wakes, 0);
  EXPECT_TRUE(mailbox.peek().empty());
  clock.advance(Mailbox::kGather);
  EXPECT_EQ(wakes, 1);
  EXPECT_EQ(mailbox.peek().size(), 3U);
}

TEST_F(MailboxTest, IsUrgentWhenTheLastOneEndsOrOneFails) {
  mailbox.expect({"a", "b", "c"});
  result("a");
  result("b", StepResult::Outcome::Refused);
  EXPECT_EQ(wakes, 1);
  EXPECT_EQ(mailbox.peek().size(), 2U);
  mailbox.drop(2);
  result("c");
  EXPECT_EQ(wakes, 2);
  EXPECT_EQ(mailbox.peek().size(), 1U);
}

TEST_F(MailboxTest, IsUrgentWhileOthersWaitForRoom) {
  mailbox.expect({"a", "b"});
  mailbox.setEager(true);
  result("a");
  EXPECT_EQ(wakes, 1);
  EXPECT_EQ(mailbox.peek().size(), 1U);
}

TEST_F(MailboxTest, KeepsWhatWasNotDropped) {
  mailbox.expect({"a", "b"});
  result("a", StepResult::Outcome::Unknown);
  EXPECT_EQ(mailbox.peek().size(), 1U);
  mailbox.put({"b", std::nullopt, "fetch"});
  mailbox.drop(1);
  EXPECT_TRUE(mailbox.peek().empty());
  clock.advance(Mailbox::kGather);
  ASSERT_EQ(mailbox.peek().size(), 1U);
  EXPECT_EQ(mailbox.peek().front().operationId, "b");
}

}  // namespace
}  // namespace slipway::release
