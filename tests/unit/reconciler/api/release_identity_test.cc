#include <gtest/gtest.h>

#include "reconciler/api/release.h"
#include "reconciler/api/run.h"

namespace slipway {
namespace {

ReleaseSpec spec() {
  ReleaseSpec out;
  out.source.directory = DirectorySource{"/src", {}};
  out.destinations = {{"web", {}, {}}};
  out.layout.root = "/srv/shop";
  out.build = {{"deps", "make", std::chrono::seconds(300), true, {}}};
  return out;
}

TEST(ReleaseIdentity, IsTheSameOverReleasesOfTheController) {
  // The literal is the promise: a change of it would start a run of every Release at the next upgrade.
  EXPECT_EQ(releaseIdentity(spec()), "v1:2ba502a1726d44b4e13291baef8bf4f7bcffb5c551fe804e91c10276d98d4680");
}

TEST(ReleaseIdentity, ChangesWithWhatIsBuiltAndNotWithHowItIsRolledOut) {
  const std::string base = releaseIdentity(spec());
  ReleaseSpec other = spec();
  other.health.attempts = 3;
  other.strategy.maxSkew = std::chrono::seconds(1);
  other.maxParallel = 9;
  other.suspend = true;
  other.layout.keepReleases = 9;
  other.strategy.type = StrategyType::Canary;
  other.strategy.canary = CanarySettings{};
  other.strategy.blueGreen = BlueGreenSettings{};
  other.build[0].timeout = std::chrono::seconds(1);
  EXPECT_EQ(releaseIdentity(other), base);
  for (const auto& change : std::vector<void (*)(ReleaseSpec&)>{
           [](ReleaseSpec& s) { s.version = "2"; }, [](ReleaseSpec& s) { s.source.directory->path = "/other"; },
           [](ReleaseSpec& s) { s.build[0].run = "make all"; }, [](ReleaseSpec& s) { s.build[0].env["A"] = "b"; },
           [](ReleaseSpec& s) { s.layout.environment = "staging"; },
           [](ReleaseSpec& s) { s.destinations[0].servers = {"a"}; }, [](ReleaseSpec& s) { s.process = Process{}; },
           [](ReleaseSpec& s) {
             s.slots = Slots{1, 2};
           }}) {
    ReleaseSpec changed = spec();
    change(changed);
    EXPECT_NE(releaseIdentity(changed), base);
  }
}

TEST(ReleaseId, IsCheckedPerEnvironment) {
  EXPECT_TRUE(checkReleaseId("production", "1.4.2"));
  EXPECT_TRUE(checkReleaseId("production", "1.4.2-rc.1"));
  EXPECT_TRUE(checkReleaseId("production", "20250115143022"));
  EXPECT_FALSE(checkReleaseId("production", "v1.4.2"));
  EXPECT_FALSE(checkReleaseId("production", "01.4.2"));
  EXPECT_TRUE(checkReleaseId("staging", "20250115-1430"));
  EXPECT_FALSE(checkReleaseId("staging", "1.4.2"));
  EXPECT_TRUE(checkReleaseId("preview", "branch_x"));
  EXPECT_FALSE(checkReleaseId("preview", "../x"));
  EXPECT_FALSE(checkReleaseId("preview", ".hidden"));
}

TEST(ReleaseId, IsMadeOnceFromTheControllersClockAndNeverTwice) {
  const WallTime now = *parseTime("2025-01-15T14:30:22Z");
  EXPECT_EQ(newReleaseId(spec(), now, {}), "20250115143022");
  EXPECT_EQ(newReleaseId(spec(), now, {"20250115143022", "20250115143023"}), "20250115143024");
  ReleaseSpec tagged = spec();
  tagged.source.git = GitSource{"https://h/r", {"", "v1.4.2", ""}, "", ""};
  EXPECT_EQ(newReleaseId(tagged, now, {}), "1.4.2");
  tagged.version = "9.9.9";
  EXPECT_EQ(newReleaseId(tagged, now, {}), "9.9.9");
}

TEST(RunPhases, RefuseIllegalTransitionsAndCloseRows) {
  RunStatus status;
  const WallTime now = *parseTime("2026-01-01T00:00:00Z");
  ASSERT_TRUE(enterPhase(status, RunPhase::Pending, "Queued", "m", now));
  ASSERT_TRUE(enterPhase(status, RunPhase::Preparing, "Preparing", "m", now + std::chrono::seconds(2)));
  ASSERT_EQ(status.transitions.size(), 2U);
  EXPECT_EQ(status.transitions[0].exitedAt, "2026-01-01T00:00:02Z");
  EXPECT_EQ(status.transitions[1].exitedAt, "");
  EXPECT_EQ(enterPhase(status, RunPhase::Completed, "x", "m", now).code(), Code::Internal);
  EXPECT_FALSE(mayFollow(RunPhase::Completed, RunPhase::Preparing));
  EXPECT_FALSE(mayFollow(RunPhase::Deploying, RunPhase::Cancelled));
}

}  // namespace
}  // namespace slipway
