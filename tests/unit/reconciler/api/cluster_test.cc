#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/base/strings.h"
#include "tests/unit/reconciler/api/release_admission.h"

namespace slipway {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// What admission says about a Release with this cluster.
std::string refusal(const std::string& cluster, const std::string& strategy = R"({"type":"Rolling"})") {
  return refusalOfSpec(cat(R"("strategy":)", strategy, R"(,"cluster":)", cluster));
}

TEST(ClusterRules, TakeAProbeWithNoMoreThanWhereToAsk) {
  EXPECT_EQ(refusal(R"({"roleProbe":{"http":{}}})"), "");
  EXPECT_EQ(refusal(R"({"roleProbe":{"exec":{"run":"role"}},"tieBreaker":{"zone":"c"},
                        "quorum":{"members":{"matchLabels":{"vote":"yes"}},"minAvailable":3}})"),
            "");
}

TEST(ClusterRules, RefuseStrategiesThatTakeAllMembersAtOnce) {
  for (const char* strategy : {R"({"type":"Atomic"})", R"({"type":"Recreate"})"}) {
    EXPECT_THAT(refusal(R"({"roleProbe":{"http":{}}})", strategy),
                AllOf(HasSubstr("spec.cluster"), HasSubstr("strategy.type Rolling, without slots")));
  }
}

TEST(ClusterRules, RefuseWhatContradictsItself) {
  EXPECT_THAT(refusal(R"({"roleProbe":{}})"), HasSubstr("exactly one of http and exec"));
  EXPECT_THAT(refusal(R"({"roleProbe":{"http":{},"exec":{"run":"a"}}})"), HasSubstr("exactly one of http and exec"));
  EXPECT_THAT(refusal(R"({"roleProbe":{"http":{},"followerValues":["leader"]}})"),
              AllOf(HasSubstr("followerValues"), HasSubstr("cannot mean leader and follower")));
  EXPECT_THAT(refusal(R"({"roleProbe":{"http":{}},"tieBreaker":{}})"),
              HasSubstr("exactly one of zone and matchLabels"));
  EXPECT_THAT(refusal(R"({"roleProbe":{"http":{"field":"raft..role"}}})"),
              HasSubstr("spec.cluster.roleProbe.http.field"));
}

}  // namespace
}  // namespace slipway
