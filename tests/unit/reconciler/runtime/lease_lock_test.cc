#include "reconciler/runtime/lease_lock.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_objects.h"

namespace slipway::runtime {
namespace {

using namespace std::chrono_literals;

class LeaseLockTest : public testing::Test {
 protected:
  const ObjectKey key_{"ns", "shop-web"};
  FakeObjects api_;
  FakeClock clock_;
  NullLogger log_;
  LeaseLock one_{api_, api_, clock_, log_};
  LeaseLock two_{api_, api_, clock_, log_};  // another process
};

TEST_F(LeaseLockTest, TheFirstComerGetsItAndOthersHearWhoHasIt) {
  ASSERT_TRUE(one_.acquire(key_, {"run-1", 15s}));
  const auto refused = two_.acquire(key_, {"run-2", 15s});
  EXPECT_EQ(refused.code(), Code::Conflict);
  EXPECT_NE(refused.status().message().find("held by run-1"), std::string::npos) << refused.status().message();
}

TEST_F(LeaseLockTest, IsAKubernetesLease) {
  ASSERT_TRUE(one_.acquire(key_, {"run-1", 1500ms}));
  const auto object = *api_.get(kLease, key_);
  EXPECT_EQ(object->getString("apiVersion"), "coordination.k8s.io/v1");
  const Json& spec = *object->find("spec");
  EXPECT_EQ(spec.getString("holderIdentity"), "run-1");
  EXPECT_EQ(spec.getInt("leaseDurationSeconds"), 2);
  EXPECT_EQ(spec.getString("acquireTime"), "2026-01-01T01:00:00.000000Z");
  EXPECT_EQ(spec.getString("renewTime"), spec.getString("acquireTime"));
}

TEST_F(LeaseLockTest, TheNumberGrowsOnlyWhenTheLeaseChangesHands) {
  const auto first = one_.acquire(key_, {"run-1", 15s})->fence;
  EXPECT_GE(first, 1U);
  EXPECT_EQ(one_.acquire(key_, {"run-1", 15s})->fence, first);
  ASSERT_TRUE(one_.renew(key_, "run-1"));
  ASSERT_TRUE(one_.release(key_, "run-1"));
  EXPECT_EQ(two_.acquire(key_, {"run-2", 15s})->fence, first + 1);
  ASSERT_TRUE(two_.release(key_, "run-2"));
  EXPECT_EQ(one_.acquire(key_, {"run-1", 15s})->fence, first + 2) << "the same holder after somebody else";
}

TEST_F(LeaseLockTest, ANewRunOfTheSameControllerGetsAHigherNumber) {
  const auto first = one_.acquire(key_, {"run-1", 15s})->fence;
  ASSERT_TRUE(one_.release(key_, "run-1"));
  EXPECT_EQ(one_.acquire(key_, {"run-1b", 15s})->fence, first + 1);
}

TEST_F(LeaseLockTest, TheNumberGoesOnGrowingAfterTheLeaseWasDeleted) {
  const auto first = one_.acquire(key_, {"run-1", 15s})->fence;
  ASSERT_TRUE(one_.release(key_, "run-1"));
  const auto second = one_.acquire(key_, {"run-2", 15s})->fence;
  ASSERT_TRUE(api_.remove(kLease, key_, ""));
  clock_.advance(10min);
  const auto third = one_.acquire(key_, {"run-3", 15s})->fence;
  EXPECT_GT(second, first);
  EXPECT_GT(third, second);
}

TEST_F(LeaseLockTest, ALeaseMadeAgainAfterTheClockWentBackStartsAboveWhatIsKnownToHaveBeenUsed) {
  const auto first = one_.acquire(key_, {"run-1", 15s})->fence;
  ASSERT_TRUE(api_.remove(kLease, key_, ""));
  clock_.jumpWall(-200h);
  EXPECT_EQ(two_.acquire(key_, {"run-2", 15s, first})->fence, first + 1);
}

TEST_F(LeaseLockTest, TheHolderRaisesItsNumberDurably) {
  const auto first = one_.acquire(key_, {"run-1", 15s})->fence;
  EXPECT_EQ(one_.acquire(key_, {"run-1", 15s, first + 100})->fence, first + 100);
  EXPECT_EQ((*api_.get(kLease, key_))->find("spec")->getInt("leaseTransitions"),
            static_cast<std::int64_t>(first + 100));
  EXPECT_EQ(one_.acquire(key_, {"run-1", 15s, first + 50})->fence, first + 100) << "never down";
  ASSERT_TRUE(one_.release(key_, "run-1"));
  EXPECT_EQ(two_.acquire(key_, {"run-2", 15s})->fence, first + 101);
}

TEST_F(LeaseLockTest, WhoLostTheLeaseCannotRaiseItsNumber) {
  const auto first = one_.acquire(key_, {"run-1", 15s})->fence;
  ASSERT_TRUE(api_.remove(kLease, key_, ""));
  ASSERT_TRUE(two_.acquire(key_, {"run-2", 15s, first}));
  EXPECT_EQ(one_.acquire(key_, {"run-1", 15s, first + 100}).code(), Code::Conflict);
  EXPECT_EQ((*api_.get(kLease, key_))->find("spec")->getInt("leaseTransitions"), static_cast<std::int64_t>(first + 1));
}

TEST_F(LeaseLockTest, ANumberThatLeavesNoRoomIsRefused) {
  EXPECT_EQ(one_.acquire(key_, {"run-1", 15s, kHighestFence}).code(), Code::Invalid);
  EXPECT_EQ(api_.get(kLease, key_).code(), Code::NotFound);
}

TEST_F(LeaseLockTest, IsTakenOverOnlyWhenItWasWatchedUnchangedForItsDuration) {
  const auto first = one_.acquire(key_, {"run-1", 15s})->fence;
  clock_.advance(1h);
  EXPECT_EQ(two_.acquire(key_, {"run-2", 15s}).code(), Code::Conflict) << "seen for the first time just now";
  clock_.advance(14s);
  EXPECT_EQ(two_.acquire(key_, {"run-2", 15s}).code(), Code::Conflict);
  clock_.advance(1s);
  EXPECT_EQ(two_.acquire(key_, {"run-2", 15s})->fence, first + 1);
  EXPECT_EQ(one_.renew(key_, "run-1").code(), Code::Conflict);
}

TEST_F(LeaseLockTest, RenewingKeepsOthersOut) {
  ASSERT_TRUE(one_.acquire(key_, {"run-1", 15s}));
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(two_.acquire(key_, {"run-2", 15s}).code(), Code::Conflict);
    clock_.advance(10s);
    ASSERT_TRUE(one_.renew(key_, "run-1"));
  }
}

TEST_F(LeaseLockTest, JumpsOfTheWallClockFreeNoLease) {
  ASSERT_TRUE(one_.acquire(key_, {"run-1", 15s}));
  EXPECT_EQ(two_.acquire(key_, {"run-2", 15s}).code(), Code::Conflict);
  clock_.jumpWall(24h * 365);
  EXPECT_EQ(two_.acquire(key_, {"run-2", 15s}).code(), Code::Conflict);
  clock_.jumpWall(-24h * 730);
  EXPECT_EQ(two_.acquire(key_, {"run-2", 15s}).code(), Code::Conflict);
  clock_.advance(15s);
  EXPECT_TRUE(two_.acquire(key_, {"run-2", 15s}));
}

TEST_F(LeaseLockTest, OfTwoThatTakeAnExpiredLeaseOneLoses) {
  ASSERT_TRUE(one_.acquire(key_, {"run-0", 15s}));
  LeaseLock three(api_, api_, clock_, log_);
  EXPECT_FALSE(two_.acquire(key_, {"run-2", 15s}));
  EXPECT_FALSE(three.acquire(key_, {"run-3", 15s}));
  clock_.advance(15s);
  EXPECT_TRUE(two_.acquire(key_, {"run-2", 15s}));
  EXPECT_EQ(three.acquire(key_, {"run-3", 15s}).code(), Code::Conflict);
}

TEST_F(LeaseLockTest, ReleaseOfSomebodyElsesLeaseDoesNothing) {
  EXPECT_TRUE(one_.release(key_, "run-1")) << "there is none";
  ASSERT_TRUE(one_.acquire(key_, {"run-1", 15s}));
  EXPECT_TRUE(two_.release(key_, "run-2"));
  EXPECT_EQ(two_.acquire(key_, {"run-2", 15s}).code(), Code::Conflict);
}

TEST_F(LeaseLockTest, RenewOfADeletedLeaseSaysThatItIsLost) {
  ASSERT_TRUE(one_.acquire(key_, {"run-1", 15s}));
  ASSERT_TRUE(api_.remove(kLease, key_, ""));
  EXPECT_EQ(one_.renew(key_, "run-1").code(), Code::Conflict);
}

TEST_F(LeaseLockTest, UnlockByForceFencesTheOldHolderOut) {
  const auto first = one_.acquire(key_, {"run-1", 15s})->fence;
  ASSERT_TRUE(two_.unlock(key_, "alice"));
  EXPECT_EQ(one_.renew(key_, "run-1").code(), Code::Conflict);
  EXPECT_EQ(two_.acquire(key_, {"run-2", 15s})->fence, first + 1);
  EXPECT_EQ(two_.unlock({"ns", "none"}, "alice").code(), Code::NotFound);
}

TEST_F(LeaseLockTest, AFailingApiIsNoLostLease) {
  ASSERT_TRUE(one_.acquire(key_, {"run-1", 15s}));
  api_.failWrites({Code::Unavailable, "down"});
  EXPECT_EQ(one_.renew(key_, "run-1").code(), Code::Unavailable);
  api_.failWrites({});
  EXPECT_TRUE(one_.renew(key_, "run-1"));
}

TEST_F(LeaseLockTest, AbsurdDurationsInTheObjectAreBounded) {
  ASSERT_TRUE(one_.acquire(key_, {"run-1", 15s}));
  ASSERT_TRUE(api_.mergePatch(
      kLease, key_,
      Json::object({{"spec", Json::object({{"leaseDurationSeconds", std::int64_t{9000000000000000000}}})}})));
  EXPECT_EQ(two_.acquire(key_, {"run-2", 15s}).code(), Code::Conflict);
  clock_.advance(25h);
  EXPECT_TRUE(two_.acquire(key_, {"run-2", 15s}));
}

}  // namespace
}  // namespace slipway::runtime
