// Two instances beside one another: the slots' own links, and which of them is live.
#include <filesystem>

#include <gtest/gtest.h>

#include "tests/support/fake_artifact.h"
#include "tests/support/real/host_stage.h"

namespace slipway {
namespace {

namespace fs = std::filesystem;

class InSlots : public HostStage {
 protected:
  std::string next() { return "op-" + std::to_string(++operations); }
  std::string prepare(const std::string& id) {
    const auto artifact =
        std::make_shared<FakeArtifact>(std::map<std::string, FakeArtifact::File>{{"id", {id + "\n"}}});
    const PrepareStep step{.releaseId = id, .identity = "v1:" + id, .artifact = artifact, .build = {}};
    const StepResult result = driver.run(next(), step);
    EXPECT_TRUE(result.status) << result.status.toString();
    return result.digest;
  }
  StepResult place(const std::string& id, const std::string& slot) {
    return driver.run(next(), PlaceStep{id, prepare(id), slot});
  }
  StepResult goLive(const std::string& id, const std::string& slot) {
    return driver.run(next(), SwitchStep{id, prepare(id), false, slot});
  }
  std::string link(const std::string& name) const {
    std::error_code ignored;
    return fs::read_symlink(driver.root() + "/" + name, ignored).string();
  }
  std::string liveSlot() { return driver.run(next(), ObserveStep{}).observed.slot; }

  int operations = 0;
};

TEST_P(InSlots, TheNewVersionComesUpBesideTheLiveOne) {
  ASSERT_TRUE(place("1", "blue").status);
  EXPECT_EQ(link("current-production-blue"), "releases/production/1");
  EXPECT_EQ(link("current-production"), "") << "not live yet";
  EXPECT_EQ(liveSlot(), "");
  ASSERT_TRUE(goLive("1", "blue").status);
  EXPECT_EQ(liveSlot(), "blue");

  ASSERT_TRUE(place("2", "green").status);
  EXPECT_EQ(link("current-production-green"), "releases/production/2");
  EXPECT_EQ(link("current-production"), "releases/production/1");
  EXPECT_TRUE(place("2", "green").alreadyDone);
  const StepResult gate = driver.run(next(), CheckStep{"2", prepare("2"), {}, {}});
  EXPECT_EQ(gate.observed.slot, "blue");
  EXPECT_EQ(gate.observed.current, "1");
}

TEST_P(InSlots, TheLiveSlotIsNotReplacedUnderItsTraffic) {
  ASSERT_TRUE(place("1", "blue").status);
  ASSERT_TRUE(goLive("1", "blue").status);
  const StepResult refused = place("2", "blue");
  EXPECT_EQ(refused.status.code(), Code::Conflict) << refused.status.toString();
  EXPECT_EQ(link("current-production-blue"), "releases/production/1");
  EXPECT_TRUE(place("1", "blue").status) << "what it has already is no change";
}

TEST_P(InSlots, CommandsSeeTheirSlotItsPortAndItsRelease) {
  ASSERT_TRUE(place("1", "blue").status);
  ASSERT_TRUE(goLive("1", "blue").status);
  ASSERT_TRUE(place("2", "green").status);
  ProcessStep start{"start", "2", "echo $SLOT $PORT $(cat id) $(basename $PWD) >> ../../../seen"};
  start.slot = {"green", 8082};
  const StepResult begun = driver.run(next(), start);
  ASSERT_TRUE(begun.status) << begun.status.toString();
  ProcessStep stop{"stop", "1", "echo $SLOT $PORT $(cat id) >> ../../../seen"};
  stop.slot = {"blue", 8081};
  ASSERT_TRUE(driver.run(next(), stop).status);
  EXPECT_EQ(readFile(driver.root() + "/seen"), "green 8082 2 current-production-green\nblue 8081 1\n");

  VerifyStep verify{"2", ExecCheck{"test \"$(cat id) $SLOT $PORT\" = '2 green 8082'"}};
  verify.slot = {"green", 8082};
  EXPECT_TRUE(driver.run(next(), verify).status) << "privately: it is not live";
  verify.slot = {"blue", 8081};
  EXPECT_EQ(driver.run(next(), verify).status.code(), Code::Conflict);
  EXPECT_EQ(driver.run(next(), ProcessStep{"reload", "1", "test -z \"${SLOT-}${PORT-}\""}).exitCode, -1);
}

TEST_P(InSlots, UndoMakesTheOldSlotTheLiveOneAgain) {
  ASSERT_TRUE(place("1", "blue").status);
  ASSERT_TRUE(goLive("1", "blue").status);
  ASSERT_TRUE(place("2", "green").status);
  ASSERT_TRUE(goLive("2", "green").status);
  EXPECT_EQ(liveSlot(), "green");
  ASSERT_TRUE(driver.run(next(), UndoStep{"2", "1", "blue"}).status);
  EXPECT_EQ(liveSlot(), "blue");
  EXPECT_EQ(link("current-production"), "releases/production/1");
}

TEST_P(InSlots, RetireKeepsWhatASlotNames) {
  ASSERT_TRUE(place("1", "blue").status);
  ASSERT_TRUE(goLive("1", "blue").status);
  ASSERT_TRUE(place("2", "green").status);
  prepare("3");
  ASSERT_TRUE(driver.run(next(), RetireStep{}).status);
  EXPECT_TRUE(fs::exists(driver.root() + "/releases/production/2"));
  EXPECT_FALSE(fs::exists(driver.root() + "/releases/production/3"));
}

TEST_P(InSlots, WhatIsNotPreparedIsNotPlaced) {
  prepare("1");
  EXPECT_EQ(driver.run(next(), PlaceStep{"9", "sha256:x", "blue"}).status.code(), Code::NotFound);
  EXPECT_EQ(driver.run(next(), PlaceStep{"1", "sha256:other", "blue"}).status.code(), Code::Conflict);
  EXPECT_EQ(driver.run(next(), PlaceStep{"1", "sha256:x", "../x"}).status.code(), Code::Invalid);
}

INSTANTIATE_TEST_SUITE_P(Shells, InSlots, testing::ValuesIn(hostShells()), hostShellName);

}  // namespace
}  // namespace slipway
