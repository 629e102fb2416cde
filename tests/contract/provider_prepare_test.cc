#include <filesystem>

#include <gtest/gtest.h>

#include "tests/support/fake_artifact.h"
#include "tests/support/real/host_stage.h"

namespace slipway {
namespace {

namespace fs = std::filesystem;

class Prepare : public HostStage {
 protected:
  PrepareStep step(const std::string& id, std::vector<BuildStep> build = {}) const {
    return {.releaseId = id, .identity = "v1:" + id, .artifact = artifact, .build = std::move(build)};
  }
  static BuildStep sh(std::string name, std::string run) {
    BuildStep step;
    step.name = std::move(name);
    step.run = std::move(run);
    return step;
  }

  std::shared_ptr<const Artifact> artifact = std::make_shared<FakeArtifact>(
      std::map<std::string, FakeArtifact::File>{{"index.html", {"hello"}},
                                                {"bin/run", {"#!/bin/sh\necho run\n", ArtifactFile::Type::Executable}},
                                                {"lib/link", {"../index.html", ArtifactFile::Type::Symlink}},
                                                {"with space/f", {"x"}}});
};

TEST_P(Prepare, BringsTheFilesAndMarksThemReady) {
  const StepResult result = driver.run("op-1", step("1.0.0"));
  ASSERT_EQ(result.outcome, StepResult::Outcome::Done) << result.status.toString() << result.tail;
  EXPECT_FALSE(result.alreadyDone);
  EXPECT_GT(result.bytesSent, 0U);
  EXPECT_EQ(readFile(at("releases/production/1.0.0/index.html")), "hello");
  EXPECT_EQ(readFile(at("releases/production/1.0.0/lib/link")), "hello");
  EXPECT_TRUE((fs::status(at("releases/production/1.0.0/bin/run")).permissions() & fs::perms::owner_exec) !=
              fs::perms::none);
  EXPECT_FALSE(fs::exists(at("current-production")));
  const StepResult seen = driver.run("op-2", ObserveStep{});
  ASSERT_EQ(seen.observed.releases.size(), 1U);
  EXPECT_EQ(seen.observed.releases[0].id, "1.0.0");
  EXPECT_EQ(seen.observed.releases[0].identity, "v1:1.0.0");
  EXPECT_EQ(seen.observed.releases[0].digest, result.digest);
  EXPECT_TRUE(seen.observed.releases[0].ready);
  EXPECT_EQ(seen.observed.fence, 1U);
  EXPECT_GT(seen.observed.freeBytes, 0);
}

TEST_P(Prepare, SendsNothingThatIsThereAlready) {
  ASSERT_TRUE(driver.run("op-1", step("1")).status);
  const StepResult again = driver.run("op-2", step("1"));
  EXPECT_TRUE(again.alreadyDone);
  EXPECT_EQ(again.bytesSent, 0U);
  const StepResult other = driver.run("op-3", step("2"));
  EXPECT_TRUE(other.status) << other.status.toString();
  EXPECT_EQ(other.bytesSent, 0U);
  EXPECT_EQ(readFile(at("releases/production/2/index.html")), "hello");
}

TEST_P(Prepare, SendsOnlyChangedFilesWhenAnEarlierArtifactIsThere) {
  ASSERT_TRUE(driver.run("op-1", step("1")).status);
  artifact = std::make_shared<FakeArtifact>(
      std::map<std::string, FakeArtifact::File>{{"index.html", {"changed"}},
                                                {"bin/run", {"#!/bin/sh\necho run\n", ArtifactFile::Type::Executable}},
                                                {"lib", {"now a file"}}});
  const StepResult result = driver.run("op-2", step("2"));
  ASSERT_TRUE(result.status) << result.status.toString();
  EXPECT_EQ(result.bytesSent, 2 * 1024 + 1024U);
  EXPECT_EQ(readFile(at("releases/production/2/index.html")), "changed");
  EXPECT_EQ(readFile(at("releases/production/2/lib")), "now a file");
  EXPECT_TRUE(fs::exists(at("releases/production/2/bin/run")));
  EXPECT_FALSE(fs::exists(at("releases/production/2/with space")));
}

TEST_P(Prepare, RunsBuildStepsWithTheirEnvironment) {
  BuildStep build = sh("assets", "echo \"$GREETING $RELEASE_ID $ENVIRONMENT\" > built; pwd > where; echo done");
  build.env["GREETING"] = "it's \"quoted\" $HOME `x`\nsecond\xc3\xa9\x81\x88";
  const auto wave = driver.start({driver.request("op-1", step("1", {build}))});
  const auto outcome = wave->wait();
  ASSERT_TRUE(outcome.results.at("one").status) << outcome.results.at("one").status.toString();
  EXPECT_EQ(readFile(at("releases/production/1/built")),
            "it's \"quoted\" $HOME `x`\nsecond\xc3\xa9\x81\x88 1 production\n");
  EXPECT_EQ(readFile(at("releases/production/1/where")), at("releases/production/1\n"));
  EXPECT_EQ(outcome.output.at("one"), "done\n");
  EXPECT_EQ(outcome.phases.at("one"),
            (std::vector<std::string>{"fetch", "link-shared", "assets", "required-files", "ready"}));
}

TEST_P(Prepare, AFailedBuildStepGivesItsCodeAndLastLines) {
  const StepResult result = driver.run(
      "op-1", step("1", {sh("first", "echo not this"),
                         sh("second", "i=0; while [ $i -lt 60 ]; do echo line $i; i=$((i+1)); done; exit 7")}));
  EXPECT_EQ(result.outcome, StepResult::Outcome::Refused);
  EXPECT_EQ(result.status.code(), Code::Invalid);
  EXPECT_EQ(result.status.message(), "one: build step second failed with exit code 7");
  EXPECT_EQ(result.exitCode, 7);
  EXPECT_EQ(result.phase, "second");
  EXPECT_TRUE(result.tail.starts_with("line 10\n")) << result.tail;
  EXPECT_TRUE(result.tail.ends_with("line 59")) << result.tail;
  const StepResult seen = driver.run("op-2", ObserveStep{});
  ASSERT_EQ(seen.observed.releases.size(), 1U);
  EXPECT_FALSE(seen.observed.releases[0].ready);
  // The same operation answers what was recorded; a new one tries again.
  EXPECT_EQ(driver.run("op-1", step("1")).exitCode, 7);
  EXPECT_TRUE(driver.run("op-3", step("1")).status);
}

TEST_P(Prepare, ABuildStepThatRunsTooLongIsKilledWithItsChildren) {
  BuildStep slow = sh("slow", "sleep 300 & echo $! > ../../../child; echo $$; wait");
  slow.timeout = std::chrono::seconds(1);
  const StepResult result = driver.run("op-1", step("1", {slow}));
  EXPECT_EQ(result.outcome, StepResult::Outcome::Refused);
  EXPECT_EQ(result.status.code(), Code::Timeout) << result.status.toString();
  EXPECT_EQ(result.phase, "slow");
  const int child = std::stoi(readFile(at("child")));
  EXPECT_FALSE(isRunning(child));
}

TEST_P(Prepare, TheDeadlineOfTheWholeStepIsKeptOnTheHost) {
  driver.timeLimit = std::chrono::seconds(2);
  const StepResult result = driver.run("op-1", step("1", {sh("slow", "sleep 300")}));
  EXPECT_EQ(result.status.code(), Code::Timeout) << result.status.toString();
  EXPECT_EQ(result.phase, "slow");
}

TEST_P(Prepare, LinksSharedPaths) {
  driver.layout.sharedDirectories = {"var/log", "uploads"};
  driver.layout.sharedFiles = {".env"};
  StepResult result = driver.run("op-1", step("1"));
  EXPECT_EQ(result.status.code(), Code::Invalid);
  EXPECT_NE(result.status.message().find(at("shared/.env")), std::string::npos) << result.status.message();
  writeFile(at("shared/.env"), "KEY=1");
  result = driver.run("op-2", step("1", {sh("use", "cat .env; echo hi > var/log/app")}));
  ASSERT_TRUE(result.status) << result.status.toString() << result.tail;
  EXPECT_EQ(readFile(at("shared/var/log/app")), "hi\n");
  EXPECT_EQ(fs::read_symlink(at("releases/production/1/var/log")), "../../../../shared/var/log");
}

TEST_P(Prepare, RequiredFilesMustBeThere) {
  driver.layout.requiredFiles = {"server/server.mjs"};
  const StepResult result = driver.run("op-1", step("1"));
  EXPECT_EQ(result.status.code(), Code::Invalid);
  EXPECT_EQ(result.phase, "required-files");
  EXPECT_NE(result.status.message().find("server/server.mjs"), std::string::npos);
}

TEST_P(Prepare, AnotherWorkUnderTheSameIdReplacesWhatIsNotLive) {
  ASSERT_TRUE(driver.run("op-1", step("1")).status);
  PrepareStep other = step("1", {sh("mark", "echo new > mark")});
  other.identity = "v1:other";
  const StepResult result = driver.run("op-2", other);
  ASSERT_TRUE(result.status) << result.status.toString();
  EXPECT_FALSE(result.alreadyDone);
  EXPECT_EQ(readFile(at("releases/production/1/mark")), "new\n");
  ASSERT_TRUE(driver.run("op-3", SwitchStep{"1", result.digest}).status);
  const StepResult refused = driver.run("op-4", step("1"));
  EXPECT_EQ(refused.status.code(), Code::Conflict);
  EXPECT_NE(refused.status.message().find("current-production"), std::string::npos) << refused.status.message();
}

TEST_P(Prepare, DamagedContentIsPreparedAgain) {
  ASSERT_TRUE(driver.run("op-1", step("1")).status);
  writeFile(at("releases/production/1/index.html"), "edited");
  const StepResult result = driver.run("op-2", step("1"));
  ASSERT_TRUE(result.status) << result.status.toString();
  EXPECT_FALSE(result.alreadyDone);
  EXPECT_EQ(readFile(at("releases/production/1/index.html")), "hello");
}

TEST_P(Prepare, StoredFilesAreNotTrustedAndSentAgainWhenDamaged) {
  ASSERT_TRUE(driver.run("op-1", step("1")).status);
  for (const auto& stored : fs::directory_iterator(at(".state/production/artifacts"))) {
    writeFile(stored.path().string() + "/tree/index.html", "edited");
  }
  EXPECT_EQ(driver.run("op-2", step("2")).status.code(), Code::Unavailable);
  const StepResult again = driver.run("op-3", step("2"));
  ASSERT_TRUE(again.status) << again.status.toString();
  EXPECT_GT(again.bytesSent, 0U);
  EXPECT_EQ(readFile(at("releases/production/2/index.html")), "hello");
  EXPECT_EQ(readFile(at("releases/production/1/index.html")), "hello");
}

TEST_P(Prepare, ARecordThatACrashCutShortIsNoResult) {
  const auto build = std::vector{sh("count", "echo one >> ../../../ran")};
  ASSERT_TRUE(driver.run("op-1", step("1", build)).status);
  writeFile(at(".state/production/ops/op-1/code"), "outcome done\ncode Ok\n");
  const StepResult again = driver.run("op-1", step("1", build));
  ASSERT_TRUE(again.status) << again.status.toString();
  EXPECT_FALSE(again.digest.empty());
  EXPECT_EQ(readFile(at("ran")), "one\n");
}

TEST_P(Prepare, GoesOnWithoutTheConnectionAndIsFoundAgain) {
  const auto build = std::vector{sh("slow", "echo one >> ../../../ran; echo started; sleep 1; echo finished")};
  const auto wave = driver.start({driver.request("op-1", step("1", build))});
  wave->waitForOutput("one", "started");
  runner.cutAll();
  EXPECT_EQ(wave->wait().results.at("one").outcome, StepResult::Outcome::Unknown);
  const StepResult attached = driver.run("op-1", step("1", build));
  EXPECT_TRUE(attached.status) << attached.status.toString();
  const StepResult recorded = driver.run("op-1", step("1", build));
  EXPECT_TRUE(recorded.status);
  EXPECT_TRUE(recorded.alreadyDone);
  EXPECT_EQ(recorded.digest, attached.digest);
  EXPECT_EQ(readFile(at("ran")), "one\n");
}

TEST_P(Prepare, AStepThatMayRunOnceIsNotRunAgainAfterAnInterruption) {
  BuildStep migrate = sh("migrate", "echo one >> ../../../ran; echo started; sleep 300");
  migrate.idempotent = false;
  const auto wave =
      driver.start({driver.request("op-1", step("1", {sh("before", "echo b >> ../../../ran"), migrate}))});
  wave->waitForOutput("one", "started");
  runner.cutAll();
  wave->wait();
  killAllIn(at(".state/production/ops/op-1"));
  const StepResult result = driver.run("op-1", step("1", {sh("before", "echo b >> ../../../ran"), migrate}));
  EXPECT_EQ(result.outcome, StepResult::Outcome::Unknown) << result.status.toString();
  EXPECT_EQ(result.status.code(), Code::OutcomeUnknown);
  EXPECT_EQ(result.phase, "migrate");
  EXPECT_EQ(readFile(at("ran")), "b\none\n");
}

TEST_P(Prepare, AnInterruptedIdempotentStepIsRunAgainButWhatEndedIsNot) {
  BuildStep migrate = sh("migrate", "echo m >> ../../../ran");
  migrate.idempotent = false;
  const auto steps =
      std::vector{migrate, sh("slow", "echo s >> ../../../ran; echo started; [ -e ../../../go ] || sleep 300")};
  const auto wave = driver.start({driver.request("op-1", step("1", steps))});
  wave->waitForOutput("one", "started");
  runner.cutAll();
  wave->wait();
  killAllIn(at(".state/production/ops/op-1"));
  writeFile(at("go"), "");
  const StepResult result = driver.run("op-1", step("1", steps));
  EXPECT_TRUE(result.status) << result.status.toString();
  EXPECT_EQ(readFile(at("ran")), "m\ns\ns\n");
}

TEST_P(Prepare, AbortKillsWhatRuns) {
  const auto wave = driver.start({driver.request("op-1", step("1", {sh("slow", "echo started; sleep 300")}))});
  wave->waitForOutput("one", "started");
  const StepResult aborted = driver.run("op-2", AbortStep{"op-1"});
  EXPECT_TRUE(aborted.status) << aborted.status.toString();
  const StepResult result = wave->wait().results.at("one");
  EXPECT_EQ(result.outcome, StepResult::Outcome::Refused);
  EXPECT_EQ(result.status.code(), Code::Cancelled) << result.status.toString();
  EXPECT_TRUE(driver.run("op-3", AbortStep{"op-1"}).alreadyDone);
}

TEST_P(Prepare, WhileOneRunsAnotherIsRefusedNamingTheHolder) {
  const auto wave = driver.start({driver.request("op-1", step("1", {sh("slow", "echo started; sleep 300")}))});
  wave->waitForOutput("one", "started");
  driver.timeLimit = std::chrono::seconds(1);
  const StepResult refused = driver.run("op-2", step("2"));
  EXPECT_EQ(refused.status.code(), Code::Conflict);
  EXPECT_NE(refused.status.message().find("default/shop (operation op-1"), std::string::npos)
      << refused.status.message();
  driver.timeLimit = std::chrono::seconds(60);
  EXPECT_TRUE(driver.run("op-3", AbortStep{"op-1"}).status);
  wave->wait();
}

TEST_P(Prepare, ALowerFencingNumberIsRefused) {
  driver.fence = 7;
  ASSERT_TRUE(driver.run("op-1", step("1")).status);
  driver.fence = 6;
  const StepResult refused = driver.run("op-2", step("2"));
  EXPECT_EQ(refused.status.code(), Code::Conflict);
  EXPECT_NE(refused.status.message().find("fencing number 6 is lower than 7"), std::string::npos);
  EXPECT_TRUE(refused.fenced);
  EXPECT_EQ(refused.observed.fence, 7U);
  driver.fence = 8;
  EXPECT_TRUE(driver.run("op-2", step("2")).status) << "the same operation with a number above";
}

TEST_P(Prepare, EnvironmentsAreApart) {
  const StepResult one = driver.run("op-1", step("1"));
  driver.layout.environment = "staging";
  ASSERT_TRUE(driver.run("op-1", step("1")).status);
  ASSERT_TRUE(driver.run("op-2", SwitchStep{"1", one.digest}).status);
  EXPECT_TRUE(fs::is_symlink(at("current-staging")));
  EXPECT_FALSE(fs::exists(at("current-production")));
}

TEST_P(Prepare, ALinkThatLeavesTheTreeIsRefusedBeforeItIsSent) {
  artifact = std::make_shared<FakeArtifact>(
      std::map<std::string, FakeArtifact::File>{{"a/evil", {"../../etc", ArtifactFile::Type::Symlink}}});
  const StepResult result = driver.run("op-1", step("1"));
  EXPECT_EQ(result.outcome, StepResult::Outcome::Refused);
  EXPECT_NE(result.status.message().find("leaves the tree"), std::string::npos) << result.status.message();
  EXPECT_EQ(result.bytesSent, 0U);
}

TEST_P(Prepare, ARootThatCannotBeMadeIsNamed) {
  writeFile(driver.root(), "a file");
  const StepResult result = driver.run("op-1", step("1"));
  EXPECT_EQ(result.outcome, StepResult::Outcome::Refused);
  EXPECT_NE(result.status.message().find(driver.root()), std::string::npos) << result.status.message();
}

INSTANTIATE_TEST_SUITE_P(Shells, Prepare, testing::ValuesIn(hostShells()), hostShellName);

}  // namespace
}  // namespace slipway
