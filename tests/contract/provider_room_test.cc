#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "providers/vm/ssh_vm_provider.h"
#include "tests/support/fake_artifact.h"
#include "tests/support/host_shells.h"
#include "tests/support/local_command_runner.h"
#include "tests/support/step_driver.h"
#include "tests/support/temp_dir.h"

namespace slipway {
namespace {

namespace fs = std::filesystem;
using Files = std::map<std::string, FakeArtifact::File>;

class Room : public testing::TestWithParam<HostShell> {
 protected:
  void SetUp() override {
    if (!GetParam().usable()) GTEST_SKIP() << GetParam().name << " is not installed";
  }
  void TearDown() override {
    if (mounted) ::umount2((dir / "disk").c_str(), MNT_DETACH);
  }
  // The servers' disk is a file system of its own, so small that it can be filled. False: a plain user cannot.
  bool smallDisk(const std::string& options) {
    fs::create_directory(dir / "disk");
    mounted = ::mount("tmpfs", (dir / "disk").c_str(), "tmpfs", 0, options.c_str()) == 0;
    return mounted;
  }
  StepResult prepare(const std::string& id, Files files, std::vector<BuildStep> build = {}) {
    const auto artifact = std::make_shared<FakeArtifact>(std::move(files));
    const PrepareStep step{.releaseId = id, .identity = "v1:" + id, .artifact = artifact, .build = std::move(build)};
    return driver.run("prepare-" + id + "-" + std::to_string(++tries), step);
  }
  void flip(const std::string& id) {
    const StepResult ready = prepare(id, {{"id", {id}}});
    ASSERT_TRUE(ready.status) << ready.status.toString();
    ASSERT_TRUE(driver.run("switch-" + id, SwitchStep{id, ready.digest}).status);
  }
  void fill() const {
    // The error is the point: it writes until nothing is left.
    (void)std::system(("head -c 99000000 /dev/zero >" + dir.path() + "/disk/filler 2>/dev/null").c_str());
  }
  std::vector<std::string> releases() {
    std::vector<std::string> ids;
    for (const PreparedRelease& one : driver.run("look-" + std::to_string(++tries), ObserveStep{}).observed.releases) {
      ids.push_back(one.id);
    }
    return ids;
  }

  TempDir dir;
  TempDir programs;
  bool mounted = false;
  std::unique_ptr<Clock> clock = newSystemClock();
  NullMetrics metrics;
  NullLogger logger;
  LocalCommandRunner runner{GetParam().words,
                            programs.path() + ":" + (GetParam().path.empty() ? std::getenv("PATH") : GetParam().path)};
  std::unique_ptr<Provider> provider = vm::newSshVmProvider(runner, *clock, metrics, logger);
  StepDriver driver{*provider, *clock, dir / "disk/app"};
  int tries = 0;
};

TEST_P(Room, IsCheckedBeforeAnythingIsSent) {
  if (GetParam().name == "busybox") GTEST_SKIP() << "BusyBox asks its own df, not the one of the test";
  writeFile(
      programs / "df",
      "#!/bin/sh\necho head\ncase $1 in\n-Pk) echo tmpfs 900 800 ${ROOM:-100} 1% / ;;\n*) echo t 50 40 10 1% / ;;\n"
      "esac\n");
  ::chmod((programs / "df").c_str(), 0755);
  StepResult result = prepare("1", {{"a", {std::string(60U << 10U, 'x')}}});
  EXPECT_TRUE(result.noRoom);
  EXPECT_EQ(result.status.message(), "one: " + driver.root() + " has 100 KiB free, the release needs 120 KiB");
  EXPECT_EQ(result.phase, "space");
  EXPECT_EQ(result.bytesSent, 0U);
  result = prepare("1", {{"a", {"x"}}, {"b", {"y"}}, {"c", {"z"}}, {"d", {"z"}}, {"e", {"z"}}});
  EXPECT_EQ(result.status.message(), "one: " + driver.root() + " has 10 inodes free, the release needs 10");
  EXPECT_TRUE(prepare("1", {{"a", {"x"}}}).status);
}

TEST_P(Room, AFullDiskIsToldWithItsNumbersAndWhatWasBegunIsTakenAway) {
  if (!smallDisk("size=1m")) GTEST_SKIP() << "only root can mount a small disk";
  flip("1");
  BuildStep big;
  big.name = "assets";
  big.run = "head -c 9000000 /dev/zero > big";
  StepResult result = prepare("2", {{"id", {"2"}}}, {big});
  EXPECT_EQ(result.outcome, StepResult::Outcome::Refused) << result.status.toString();
  EXPECT_TRUE(result.noRoom) << result.status.toString();
  EXPECT_EQ(result.phase, "assets");
  EXPECT_NE(result.status.message().find("KiB"), std::string::npos) << result.status.toString();
  EXPECT_TRUE(prepare("3", {{"id", {"3"}}}).status) << "what half a build had filled is free again";
  fill();
  result = prepare("4", {{"id", {"4"}}});
  EXPECT_TRUE(result.noRoom) << result.status.toString();
}

TEST_P(Room, OldReleasesAreRemovedFromAFullDiskAndNeverTheOnesInUse) {
  if (!smallDisk("size=1m")) GTEST_SKIP() << "only root can mount a small disk";
  for (const char* id : {"1", "2", "3", "4"}) flip(id);
  fill();
  const StepResult retired = driver.run("retire", RetireStep{{"2"}});
  ASSERT_TRUE(retired.status) << retired.status.toString();
  EXPECT_EQ(releases(), (std::vector<std::string>{"2", "3", "4"}));
  EXPECT_EQ(readFile(driver.root() + "/current-production/id"), "4");
}

TEST_P(Room, MissingInodesAreARoomErrorToo) {
  if (!smallDisk("size=8m,nr_inodes=120")) GTEST_SKIP() << "only root can mount a small disk";
  flip("1");
  Files many;
  for (int i = 0; i < 60; ++i) many["f" + std::to_string(i)] = {"x"};
  StepResult result = prepare("2", std::move(many));
  EXPECT_TRUE(result.noRoom) << result.status.toString();
  EXPECT_NE(result.status.message().find("inodes free, the release needs 12"), std::string::npos)
      << result.status.toString();
}

TEST_P(Room, WhatPassesByItselfIsNoRoomError) {
  BuildStep failing;
  failing.name = "assets";
  failing.run = "echo no such module; exit 1";
  fs::create_directory(dir / "disk");
  EXPECT_EQ(prepare("1", {{"id", {"1"}}}, {failing}).status.code(), Code::Invalid);
  failing.run = "echo write error: No space left on device; exit 1";
  EXPECT_TRUE(prepare("1", {{"id", {"1"}}}, {failing}).noRoom);
  failing.run = "echo fork: Cannot allocate memory; exit 1";
  EXPECT_TRUE(prepare("1", {{"id", {"1"}}}, {failing}).noRoom);
}

INSTANTIATE_TEST_SUITE_P(Shells, Room, testing::ValuesIn(hostShells()), hostShellName);

}  // namespace
}  // namespace slipway
