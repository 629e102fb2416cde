#include "reconciler/planner/cluster/quorum.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slipway::planner {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// "L" leads, "f" follows, "-" is down; each with its zone: "La fa fb".
Quorum quorumOver(const std::string& members, std::size_t minAvailable = 0, const std::string& breakerZone = "") {
  std::vector<Member> out;
  for (std::size_t i = 0; i + 1 < members.size(); i += 3) {
    Member member;
    member.name = "m" + std::to_string(out.size() + 1);
    member.zone = members.substr(i + 1, 1);
    member.up = members[i] != '-';
    member.leader = members[i] == 'L';
    member.tieBreaker = member.zone == breakerZone;
    out.push_back(std::move(member));
  }
  return {std::move(out), minAvailable};
}

TEST(Quorum, IsMoreThanHalfOrMoreWhereTheSpecAsksForIt) {
  EXPECT_EQ(quorumOf(3, 0), 2U);
  EXPECT_EQ(quorumOf(4, 0), 3U);
  EXPECT_EQ(quorumOf(5, 4), 4U);
  EXPECT_EQ(quorumOf(5, 1), 3U);
}

TEST(Quorum, AdvisesThreeFiveOrSevenMembers) {
  for (std::size_t good : {3U, 5U, 7U}) {
    EXPECT_EQ(sizeWarning(good), "");
  }
  for (std::size_t bad : {1U, 2U, 4U, 6U, 8U, 9U}) {
    EXPECT_NE(sizeWarning(bad), "") << bad;
  }
}

TEST(Quorum, NeverLetsMoreGoThanThoseThatAreUpCanSpare) {
  const Quorum five = quorumOver("La fa fb fb fc");
  EXPECT_EQ(five.objection({1}), "");
  EXPECT_EQ(five.objection({1, 2}), "");
  EXPECT_THAT(five.objection({1, 2, 3}), HasSubstr("of 5 members 3 must stay up, and 2 would be"));
  const Quorum three = quorumOver("La fa -b");
  EXPECT_THAT(three.objection({1}), HasSubstr("(down are m3)"));
  EXPECT_EQ(three.objection({2}), "") << "it is down already";
  EXPECT_NE(quorumOver("La fa fa", 3).objection({1}), "");
}

TEST(Quorum, NeverTakesAZoneTogetherWithTheTieBreaker) {
  const Quorum regions = quorumOver("La fa fb fb fc", 0, "c");
  EXPECT_EQ(regions.objection({2, 3}), "") << "a whole region alone";
  EXPECT_THAT(quorumOver("La fa -b -b fc", 0, "c").objection({4}), HasSubstr("must stay up"));
  EXPECT_THAT(quorumOver("fa La fa fb fb fb -b -c", 0, "c").objection({0, 1, 2}), HasSubstr("must stay up"));
  const Quorum small = quorumOver("La fa fa fb fc", 0, "c");
  EXPECT_THAT(small.objection({3, 4}), HasSubstr("zone b and the tie-breaker m5"));
  EXPECT_EQ(small.objection({1, 4}), "");
}

TEST(Quorum, TakesTheLeaderLastAndAlone) {
  const Quorum five = quorumOver("La fa fb fb fc");
  EXPECT_THAT(five.next({0, 1, 2, 3, 4}, {1, true, false}), ElementsAre(1));
  EXPECT_THAT(five.next({0, 1, 2, 3, 4}, {2, true, false}), ElementsAre(1, 2));
  EXPECT_THAT(five.next({0, 4}, {2, true, false}), ElementsAre(4)) << "the last follower, not with the leader";
  EXPECT_THAT(five.next({0}, {2, true, false}), ElementsAre(0));
  EXPECT_THAT(five.next({0, 1, 2}, {2, false, false}), ElementsAre(0, 1)) << "where it does not matter";
}

TEST(Quorum, TakesOnesThatAreDownFirstAndNobodyWhereNobodyCanBeSpared) {
  EXPECT_THAT(quorumOver("La fa fb -b fc").next({0, 1, 2, 3, 4}, {2, true, false}), ElementsAre(3));
  EXPECT_THAT(quorumOver("La fa -b").next({0, 1}, {1, true, false}), IsEmpty());
  EXPECT_THAT(quorumOver("La fa -b").next({0, 1, 2}, {1, true, false}), ElementsAre(2));
}

TEST(Quorum, TakesOneZoneAtATimeWhereTheStrategySaysSo) {
  EXPECT_THAT(quorumOver("La fa fb fb fc").next({1, 2, 3, 4}, {3, true, true}), ElementsAre(1));
  EXPECT_THAT(quorumOver("La fa fb fb fc").next({2, 3, 4}, {3, true, true}), ElementsAre(2, 3));
}

TEST(Quorum, DoesNotCountThoseWithoutAVote) {
  std::vector<Member> members;
  for (int i = 0; i < 5; ++i) {
    members.push_back({"m" + std::to_string(i), "", i < 3, false, true, i == 0});
  }
  const Quorum three(members, 0);
  EXPECT_EQ(three.voters(), 3U);
  EXPECT_THAT(three.next({1, 2, 3, 4}, {4, true, false}), ElementsAre(1, 3, 4)) << "one voter, and both learners";
}

}  // namespace
}  // namespace slipway::planner
