#include <atomic>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/fake_artifact.h"
#include "tests/support/real/host_stage.h"

namespace slipway {
namespace {

namespace fs = std::filesystem;

class Switch : public HostStage {
 protected:
  std::string next() { return run + ".op-" + std::to_string(++operations); }
  // Prepares the release on one target and answers its digest.
  std::string prepare(const std::string& id, const std::string& target = "one") {
    const auto artifact =
        std::make_shared<FakeArtifact>(std::map<std::string, FakeArtifact::File>{{"id", {id + "\n"}}, {"ok", {"yes"}}});
    const PrepareStep step{.releaseId = id, .identity = "v1:" + id, .artifact = artifact, .build = {}};
    const StepResult result = driver.start({driver.request(next(), step, target)})->wait().results[target];
    EXPECT_TRUE(result.status) << result.status.toString();
    return result.digest;
  }
  StepResult flip(const std::string& id) { return driver.run(next(), SwitchStep{id, prepare(id)}); }
  std::string link(const std::string& name) const {
    std::error_code ignored;
    return fs::read_symlink(driver.root() + "/" + name + "-production", ignored).string();
  }

  std::string run = "run-1";  // whose operations these are
  int operations = 0;
};

TEST_P(Switch, MovesCurrentAndKeepsWhatWasLiveAsPrevious) {
  const StepResult first = flip("1");
  ASSERT_TRUE(first.status) << first.status.toString();
  EXPECT_EQ(link("current"), "releases/production/1");
  EXPECT_EQ(link("previous"), "");
  ASSERT_TRUE(flip("2").status);
  EXPECT_EQ(link("current"), "releases/production/2");
  EXPECT_EQ(link("previous"), "releases/production/1");
  const StepResult again = flip("2");
  EXPECT_TRUE(again.alreadyDone);
  EXPECT_EQ(link("previous"), "releases/production/1");
  ASSERT_TRUE(flip("1").status);  // back: the links change places
  EXPECT_EQ(link("current"), "releases/production/1");
  EXPECT_EQ(link("previous"), "releases/production/2");
  const StepResult seen = driver.run(next(), ObserveStep{});
  EXPECT_EQ(seen.observed.current, "1");
  EXPECT_EQ(seen.observed.previous, "2");
  EXPECT_EQ(seen.observed.problem, "");
}

TEST_P(Switch, UndoPutsBothLinksBack) {
  ASSERT_TRUE(flip("1").status);
  ASSERT_TRUE(flip("2").status);
  ASSERT_TRUE(flip("3").status);
  const StepResult undone = driver.run(next(), UndoStep{"3", "2"});
  ASSERT_TRUE(undone.status) << undone.status.toString();
  EXPECT_EQ(link("current"), "releases/production/2");
  EXPECT_EQ(link("previous"), "releases/production/1");
  EXPECT_TRUE(driver.run(next(), UndoStep{"3", "2"}).alreadyDone);
  const StepResult foreign = driver.run(next(), UndoStep{"1", "3"});
  EXPECT_EQ(foreign.status.code(), Code::Conflict) << foreign.status.toString();
}

TEST_P(Switch, UndoOfTheFirstReleaseRemovesTheLink) {
  ASSERT_TRUE(flip("1").status);
  ASSERT_TRUE(driver.run(next(), UndoStep{"1", ""}).status);
  EXPECT_EQ(link("current"), "");
  EXPECT_TRUE(driver.run(next(), UndoStep{"1", ""}).alreadyDone);
}

TEST_P(Switch, ASwitchCutBetweenItsTwoRenamesIsTakenBackByTheJournal) {
  ASSERT_TRUE(flip("1").status);
  ASSERT_TRUE(flip("2").status);
  const std::string digest = prepare("3");
  // What a crash there leaves: the intent, and `previous` moved already.
  const std::string journal = driver.root() + "/.state/production/journal";
  writeFile(journal, readFile(journal) + "t\tintent\trun-1.op-x\t3\treleases/production/2\treleases/production/1\n");
  fs::remove(driver.root() + "/previous-production");
  fs::create_symlink("releases/production/2", driver.root() + "/previous-production");
  ASSERT_TRUE(driver.run("run-1.op-x", SwitchStep{"3", digest}).status);
  ASSERT_TRUE(driver.run(next(), UndoStep{"3", "2"}).status);
  EXPECT_EQ(link("current"), "releases/production/2");
  EXPECT_EQ(link("previous"), "releases/production/1");
}

// The first version went live over nothing; a later run that was to bring it back ended before its switch.
TEST_P(Switch, UndoOfARunThatDidNotSwitchLeavesTheLinksWhateverAnEarlierRunDid) {
  ASSERT_TRUE(flip("1").status);
  ASSERT_TRUE(flip("2").status);
  run = "run-2";
  const StepResult undone = driver.run(next(), UndoStep{"1", "2"});
  ASSERT_TRUE(undone.status) << undone.status.toString();
  EXPECT_TRUE(undone.alreadyDone);
  EXPECT_EQ(link("current"), "releases/production/2");
  EXPECT_EQ(link("previous"), "releases/production/1");
}

// One server of a mixed fleet had the version already: it keeps it, though it once came there from nothing.
TEST_P(Switch, UndoKeepsWhatWasLiveBeforeTheRunThoughItIsTheSameVersion) {
  ASSERT_TRUE(flip("1").status);
  run = "run-2";
  ASSERT_TRUE(flip("1").alreadyDone);
  const StepResult undone = driver.run(next(), UndoStep{"1", "1"});
  ASSERT_TRUE(undone.status) << undone.status.toString();
  EXPECT_EQ(link("current"), "releases/production/1");
}

// An intent that came to nothing says nothing of a later switch to the same version.
TEST_P(Switch, AnOldIntentDoesNotSpeakForALaterSwitch) {
  ASSERT_TRUE(flip("1").status);
  ASSERT_TRUE(flip("2").status);
  const std::string digest = prepare("3");
  const std::string journal = driver.root() + "/.state/production/journal";
  writeFile(journal, readFile(journal) + "t\tintent\trun-0.op-x\t3\treleases/production/2\treleases/production/0\n");
  run = "run-2";
  ASSERT_TRUE(driver.run(next(), SwitchStep{"3", digest}).status);
  ASSERT_TRUE(driver.run(next(), UndoStep{"3", "2"}).status);
  EXPECT_EQ(link("current"), "releases/production/2");
  EXPECT_EQ(link("previous"), "releases/production/1");
}

TEST_P(Switch, NoneFlipsUnlessAllAreArmed) {
  const std::string a = prepare("1", "a");
  const std::string b = prepare("1", "b");
  auto outcome =
      driver
          .start({driver.request("s1", SwitchStep{"1", a}, "a"), driver.request("s2", SwitchStep{"1", b}, "b"),
                  driver.request("s3", SwitchStep{"1", "sha256:nothing"}, "c")})
          ->wait();
  EXPECT_EQ(outcome.results["c"].status.code(), Code::NotFound) << outcome.results["c"].status.toString();
  for (const char* name : {"a", "b"}) {
    EXPECT_EQ(outcome.results[name].outcome, StepResult::Outcome::Refused);
    EXPECT_EQ(outcome.results[name].status.code(), Code::Cancelled) << outcome.results[name].status.toString();
    EXPECT_NE(outcome.results[name].status.message().find("because c failed"), std::string::npos);
    EXPECT_FALSE(fs::is_symlink(driver.root() + "-" + name + "/current-production"));
  }
  outcome =
      driver.start({driver.request("s4", SwitchStep{"1", a}, "a"), driver.request("s5", SwitchStep{"1", b}, "b")})
          ->wait();
  for (const char* name : {"a", "b"}) {
    EXPECT_TRUE(outcome.results[name].status) << outcome.results[name].status.toString();
    EXPECT_TRUE(fs::is_symlink(driver.root() + "-" + name + "/current-production"));
  }
}

TEST_P(Switch, OneAfterAnotherStopsAtTheFirstFailure) {
  std::vector<StepRequest> wave;
  for (const char* name : {"a", "b", "c"}) {
    wave.push_back(driver.request(std::string("s-") + name, SwitchStep{"1", prepare("1", name), true}, name));
  }
  auto outcome = driver.start(wave)->wait();
  EXPECT_LT(outcome.results["a"].effectAt, outcome.results["b"].effectAt);
  EXPECT_LT(outcome.results["b"].effectAt, outcome.results["c"].effectAt);
}

TEST_P(Switch, AWaveThatIsNotArmedInTimeDoesNotFlip) {
  const std::string digest = prepare("1", "a");
  std::vector<StepRequest> wave = {driver.request("s1", SwitchStep{"1", digest}, "a"),
                                   driver.request("s2", SwitchStep{"1", digest}, "b")};
  // The lock of b is taken, so it cannot arm.
  driver.base.name = "b";
  prepare("1", "b");
  BuildStep slow;
  slow.name = "slow";
  slow.run = "echo started; sleep 300";
  const auto holder = driver.start({driver.request(
      "hold",
      PrepareStep{.releaseId = "2",
                  .identity = "v1:2",
                  .artifact = std::make_shared<FakeArtifact>(std::map<std::string, FakeArtifact::File>{{"f", {"x"}}}),
                  .build = {slow}},
      "b")});
  holder->waitForOutput("b", "started");
  for (StepRequest& request : wave) request.deadline = clock->steady() + std::chrono::seconds(1);
  const auto outcome = driver.start(wave)->wait();
  EXPECT_NE(outcome.results.at("a").outcome, StepResult::Outcome::Done);
  EXPECT_FALSE(fs::is_symlink(driver.root() + "-a/current-production"));
  EXPECT_TRUE(driver.start({driver.request("k", AbortStep{"hold"}, "b")})->wait().results["b"].status);
  holder->wait();
}

TEST_P(Switch, RefusesARealDirectoryInPlaceOfTheLink) {
  const std::string digest = prepare("1");
  fs::create_directories(driver.root() + "/current-production/precious");
  const StepResult refused = driver.run(next(), SwitchStep{"1", digest});
  EXPECT_EQ(refused.status.code(), Code::Conflict);
  EXPECT_TRUE(fs::exists(driver.root() + "/current-production/precious"));
  EXPECT_NE(driver.run(next(), ObserveStep{}).observed.problem, "");
}

TEST_P(Switch, ObserveTellsALinkThatLeadsNowhere) {
  ASSERT_TRUE(flip("1").status);
  fs::remove_all(driver.root() + "/releases/production/1");
  EXPECT_NE(driver.run(next(), ObserveStep{}).observed.problem.find("does not exist"), std::string::npos);
  fs::remove(driver.root() + "/current-production");
  fs::create_symlink("/etc", driver.root() + "/current-production");
  EXPECT_NE(driver.run(next(), ObserveStep{}).observed.problem.find("/etc"), std::string::npos);
}

TEST_P(Switch, CheckRecomputesTheDigestAndRunsTheCheckInTheRelease) {
  const std::string digest = prepare("1");
  StepResult result = driver.run(next(), CheckStep{"1", digest, {"ok"}, ExecCheck{"cat id; : > cache; exit 0"}});
  ASSERT_TRUE(result.status) << result.status.toString();
  EXPECT_EQ(result.digest, digest);
  EXPECT_EQ(result.observed.current, "");
  result = driver.run(next(), CheckStep{"1", digest, {"ok"}, ExecCheck{"echo broken; exit 3"}});
  EXPECT_EQ(result.exitCode, 3);
  EXPECT_EQ(result.tail, "broken");
  EXPECT_EQ(driver.run(next(), CheckStep{"1", digest, {"missing"}, {}}).phase, "required-files");
  writeFile(driver.root() + "/releases/production/1/id", "edited");
  result = driver.run(next(), CheckStep{"1", digest, {}, {}});
  EXPECT_EQ(result.status.code(), Code::Conflict);
  EXPECT_EQ(result.phase, "digest");
  EXPECT_EQ(driver.run(next(), CheckStep{"9", digest, {}, {}}).status.code(), Code::NotFound);
}

TEST_P(Switch, CheckTellsWhatIsLive) {
  ASSERT_TRUE(flip("1").status);
  const std::string digest = prepare("2");
  EXPECT_EQ(driver.run(next(), CheckStep{"2", digest, {}, {}}).observed.current, "1");
  EXPECT_EQ(driver.run(next(), CheckStep{"2", digest, {}, ExecCheck{"true"}}).observed.current, "1");
}

TEST_P(Switch, VerifyAndProcessLookThroughTheLink) {
  ASSERT_TRUE(flip("1").status);
  EXPECT_TRUE(driver.run(next(), VerifyStep{"1", ExecCheck{"test \"$(cat id)\" = 1"}}).status);
  EXPECT_EQ(driver.run(next(), VerifyStep{"2", {}}).status.code(), Code::Conflict);
  const StepResult failed = driver.run(next(), VerifyStep{"1", ExecCheck{"exit 4"}});
  EXPECT_EQ(failed.exitCode, 4);
  EXPECT_EQ(failed.phase, "check");
  ExecCheck slow{"sleep 300"};
  slow.timeout = std::chrono::seconds(1);
  EXPECT_EQ(driver.run(next(), VerifyStep{"1", slow}).status.code(), Code::Timeout);
  const StepResult reload = driver.run("reload-1", ProcessStep{"reload", "1", "cat id; echo x >> ../../../reloads"});
  EXPECT_TRUE(reload.status) << reload.status.toString();
  EXPECT_TRUE(driver.run("reload-1", ProcessStep{"reload", "1", "cat id; echo x >> ../../../reloads"}).alreadyDone);
  EXPECT_EQ(readFile(driver.root() + "/reloads"), "x\n");
}

TEST_P(Switch, AProcessThatStaysIsNotWaitedFor) {
  ASSERT_TRUE(flip("1").status);
  const SteadyTime before = clock->steady();
  const StepResult result = driver.run(next(), ProcessStep{"start", "1", "sleep 20 & echo $! > ../../../daemon"});
  EXPECT_TRUE(result.status) << result.status.toString();
  EXPECT_LT(clock->steady() - before, std::chrono::seconds(10));
  const int daemon = std::stoi(readFile(driver.root() + "/daemon"));
  EXPECT_TRUE(isRunning(daemon));
  EXPECT_TRUE(flip("2").status);  // it holds no lock
  ::kill(daemon, SIGKILL);
}

TEST_P(Switch, RetireKeepsWhatIsNamedOrLive) {
  for (const char* id : {"1", "2", "3", "4", "5"}) ASSERT_TRUE(flip(id).status);
  const StepResult result = driver.run(next(), RetireStep{{"2", "nonesuch"}});
  ASSERT_TRUE(result.status) << result.status.toString();
  const StepResult seen = driver.run(next(), ObserveStep{});
  std::vector<std::string> ids;
  for (const PreparedRelease& release : seen.observed.releases) ids.push_back(release.id);
  EXPECT_EQ(ids, (std::vector<std::string>{"2", "4", "5"}));
  std::size_t artifacts = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(driver.root() + "/.state/production/artifacts")) {
    ++artifacts;
  }
  EXPECT_EQ(artifacts, 3U);
}

TEST_P(Switch, AReaderThroughTheLinkNeverMissesTheFile) {
  ASSERT_TRUE(flip("1").status);
  const std::string one = prepare("1");
  const std::string two = prepare("2");
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> misses{0};
  std::atomic<std::uint64_t> looks{0};
  const std::string file = driver.root() + "/current-production/ok";
  std::jthread reader([&] {
    struct stat seen {};
    while (!stop) {
      ++looks;
      if (::stat(file.c_str(), &seen) != 0) ++misses;
    }
  });
  const int flips = GetParam().name == "dash" ? 100 : 20;
  for (int i = 0; i < flips; ++i) {
    const bool odd = i % 2 == 1;
    ASSERT_TRUE(driver.run(next(), SwitchStep{odd ? "1" : "2", odd ? one : two}).status);
  }
  stop = true;
  reader.join();
  EXPECT_EQ(misses, 0U) << "of " << looks;
  EXPECT_GT(looks, 1000U);
}

INSTANTIATE_TEST_SUITE_P(Shells, Switch, testing::ValuesIn(hostShells()), hostShellName);

}  // namespace
}  // namespace slipway
