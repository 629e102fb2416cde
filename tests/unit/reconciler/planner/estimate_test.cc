#include "reconciler/planner/estimate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slipway::planner {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Units, AreReadStrictly) {
  EXPECT_EQ(*parseCpu("1.5"), 1500);
  EXPECT_EQ(*parseCpu("250m"), 250);
  EXPECT_EQ(*parseCpu("2"), 2000);
  EXPECT_EQ(*parseBytes("512M"), 512'000'000);
  EXPECT_EQ(*parseBytes("1.5Gi"), 1'610'612'736);
  EXPECT_EQ(*parseBytes("1024"), 1024);
  EXPECT_EQ(*parseBytes("3Ki"), 3072);
}

TEST(Units, RefuseWhatIsNone) {
  for (const char* text :
       {"", "x", "1x", "-1", "1.2.3", "1.", ".5M", "5 M", "512m", "512MB", "1e3", "0x10", "9999999999999T"}) {
    EXPECT_FALSE(parseBytes(text)) << text;
  }
  for (const char* text : {"", "1M", "1.5m", "-1", "1,5", "m"}) {
    EXPECT_FALSE(parseCpu(text)) << text;
  }
  EXPECT_EQ(parseBytes("512MB").status().message(),
            "'512MB' is no amount of bytes: use a number with K, M, G, T, Ki, Mi, Gi, Ti or none");
}

TEST(Estimates, HaveAFactorForEachStrategy) {
  const Resources base;
  EXPECT_EQ(estimate(StrategyType::Recreate, base).needs, base);
  EXPECT_EQ(estimate(StrategyType::Atomic, base).instances, 1);
  EXPECT_EQ(estimate(StrategyType::BlueGreen, base).needs, (Resources{2000, 1'024'000'000, 2'000'000'000}));
  EXPECT_EQ(estimate(StrategyType::Canary, base).needs, (Resources{1200, 614'400'000, 1'500'000'000}));
  EXPECT_EQ(estimate(StrategyType::Rolling, base).needs, (Resources{1500, 768'000'000, 1'500'000'000}));
  EXPECT_EQ(estimate(StrategyType::Canary, base).instances, 2);
}

TEST(Estimates, NameAllShortagesTogether) {
  const Resources needs = estimate(StrategyType::BlueGreen, {}).needs;
  EXPECT_THAT(shortages(needs, {4000, 8'000'000'000, 50'000'000'000}), IsEmpty());
  EXPECT_THAT(shortages(needs, {1500, 900'000'000, 50'000'000'000}),
              ElementsAre("cpu: needs 2, there is 1500m", "memory: needs 1G, there is 900M"));
}

TEST(Estimates, NameEveryServerThatLacksSomething) {
  const ServerRoom web1 = roomOf("web1", {.cpuMilli = 1000, .memory = 900'000'000, .diskFree = -1});
  const ServerRoom web2 = roomOf("web2", {});
  const RoomVerdict verdict = judgeRoom(StrategyType::BlueGreen, {}, {web1, web2});
  EXPECT_THAT(verdict.errors, ElementsAre("web1: cpu: needs 2, there is 1", "web1: memory: needs 1G, there is 900M"));
  EXPECT_EQ(verdict.recommendation, "provision more, or use Atomic or Recreate, which run one instance");
  EXPECT_THAT(judgeRoom(StrategyType::Atomic, {}, {web1, web2}).errors, IsEmpty());
}

TEST(Estimates, ReadAllAmountsBeforeTheyComplain) {
  const auto read = readResources({.cpu = "2 cores", .memory = "1Gi", .disk = "1Q"}, "spec.resources.");
  ASSERT_FALSE(read);
  EXPECT_THAT(read.status().message(), HasSubstr("spec.resources.cpu: '2 cores' is no amount"));
  EXPECT_THAT(read.status().message(), HasSubstr("spec.resources.disk: '1Q' is no amount"));
}

}  // namespace
}  // namespace slipway::planner
