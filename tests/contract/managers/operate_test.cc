// What operators ask of a server outside of runs, in every shell.
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <sched.h>

#include "providers/vm/ssh_server_operator.h"
#include "tests/support/fake_artifact.h"
#include "tests/support/real/host_stage.h"
#include "tests/support/real/operation_driver.h"

namespace slipway {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

class Operate : public HostStage {
 protected:
  void SetUp() override {
    HostStage::SetUp();
    if (IsSkipped()) return;
    for (const char* id : {"1", "2", "3"}) {
      const auto artifact = std::make_shared<FakeArtifact>(std::map<std::string, FakeArtifact::File>{
          {"main", {id}}, {"run.sh", {"#!/bin/sh\n", ArtifactFile::Type::Executable}}});
      const StepResult prepared =
          driver.run(std::string("prepare-") + id,
                     PrepareStep{.releaseId = id, .identity = id, .artifact = artifact, .build = {}});
      ASSERT_TRUE(prepared.status) << prepared.status.toString();
      ASSERT_TRUE(driver.run(std::string("switch-") + id, SwitchStep{id, prepared.digest}).status);
    }
  }
  // What came of it; what was seen is in `facts`.
  StepResult ask(const std::string& verb, std::vector<std::string> words = {}) {
    return ask(serverOperation(verb, std::move(words)));
  }
  StepResult ask(ServerOperation operation) {
    operation.releaseId = "3";
    const auto ended = operations.run(std::move(operation));
    output = ended->output;
    facts = ended->facts;
    return ended->result;
  }
  std::string inRelease(const std::string& id, const std::string& path) const {
    return at("releases/production/" + id + "/" + path);
  }
  bool isThere(const std::string& id) const { return fs::exists(at("releases/production/" + id)); }

  std::string output;
  std::vector<std::string> facts;
  std::unique_ptr<ServerOperator> servers = vm::newSshServerOperator(runner, *clock);
  OperationDriver operations{*servers, *clock, driver};
};

TEST_P(Operate, ProcessesOfAReleaseAreSeenByTheirDirectory) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::chdir(at("current-production").c_str()) == 0) ::execl("/bin/sleep", "sleep", "100", nullptr);
    ::_exit(1);
  }
  const std::string exe = "/proc/" + std::to_string(child) + "/exe";
  while (fs::read_symlink(exe).filename() != fs::canonical("/bin/sleep").filename()) ::sched_yield();
  const StepResult seen = ask("processes");
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ASSERT_TRUE(seen.status) << seen.status.toString();
  EXPECT_THAT(facts, Contains(HasSubstr("Process\tpid=" + std::to_string(child) + "\trelease=3\tsince=")));
  EXPECT_THAT(facts, Contains(HasSubstr("command=sleep 100")));
  EXPECT_THAT((ask("processes"), facts), Not(Contains(HasSubstr("pid="))));
}

TEST_P(Operate, TheMachineAndItsReleasesAreMeasured) {
  const StepResult seen = ask("system");
  ASSERT_TRUE(seen.status) << seen.status.toString();
  EXPECT_THAT(facts, Contains(HasSubstr("Disk\tpath=" + driver.root() + "\tmount=")));
  EXPECT_THAT(facts, Contains(HasSubstr("Memory\ttotal=")));
  EXPECT_THAT(facts, Contains(HasSubstr("Load\tone=")));
  EXPECT_THAT(facts, Contains(testing::AllOf(HasSubstr("Release\tname=3\t"), HasSubstr("link=current\tready=yes"))));
  EXPECT_THAT(facts, Contains(testing::AllOf(HasSubstr("Release\tname=2\t"), HasSubstr("link=previous"))));
  ASSERT_TRUE(ask("system", {"machine"}).status);
  EXPECT_THAT(facts, Not(Contains(HasSubstr("Release"))));
}

TEST_P(Operate, ViewsMakeNothing) {
  driver.layout.environment = "staging";
  ASSERT_TRUE(ask("processes").status);
  ASSERT_TRUE(ask("system").status);
  ASSERT_TRUE(ask("permissions").status);
  EXPECT_FALSE(fs::exists(at("releases/staging")));
  EXPECT_FALSE(fs::exists(at(".state/staging")));
}

TEST_P(Operate, LogsAreTheLastLinesOfTheFilesBelowTheRoot) {
  EXPECT_THAT(ask("logs", {"Combined", "2"}).status.message(),
              HasSubstr("where this application keeps its log is not known"));
  fs::create_directories(at("logs/production"));
  std::ofstream(at("logs/production/out.log")) << "one\ntwo\nthree\n";
  std::ofstream(at("logs/production/error.log")) << "bad\n";
  ASSERT_TRUE(ask("logs", {"Out", "2"}).status);
  EXPECT_EQ(output, "two\nthree\n");
  ASSERT_TRUE(ask("logs", {"Error", "2"}).status);
  EXPECT_EQ(output, "bad\n");
  ASSERT_TRUE(ask("logs", {"Combined", "1"}).status);
  EXPECT_THAT(output, testing::AllOf(HasSubstr("three\n"), HasSubstr("bad\n"), Not(HasSubstr("two"))));
}

TEST_P(Operate, AFollowedLogGoesOnUntilItIsCancelled) {
  fs::create_directories(at("logs/production"));
  std::ofstream(at("logs/production/out.log")) << "one\n";
  ServerOperation log = serverOperation("logs", {"Out", "5"});
  log.follow = true;
  const auto running = operations.start(log, "follow");
  running->waitForOutput("one\n");
  std::ofstream(at("logs/production/out.log"), std::ios::app) << "two\n";
  running->waitForOutput("two\n");
  servers->cancel("follow");
  running->wait();
  EXPECT_EQ(running->result.status.code(), Code::Cancelled) << running->result.status.toString();
}

TEST_P(Operate, AFollowedLogEndsAtItsDeadlineAndThatIsNoFailure) {
  fs::create_directories(at("logs/production"));
  std::ofstream(at("logs/production/out.log")) << "one\n";
  driver.timeLimit = std::chrono::seconds(2);
  ServerOperation log = serverOperation("logs", {"Out", "5"});
  log.follow = true;
  const StepResult ended = ask(log);
  EXPECT_TRUE(ended.status) << ended.status.toString();
  EXPECT_EQ(output, "one\n");
}

TEST_P(Operate, ModesThatDeviateAreToldAndPutRight) {
  fs::permissions(inRelease("3", "main"), fs::perms(0600));
  fs::permissions(inRelease("3", "run.sh"), fs::perms(0644));
  fs::permissions(inRelease("2", ""), fs::perms(0700));
  const StepResult seen = ask("permissions");
  ASSERT_TRUE(seen.status) << seen.status.toString();
  EXPECT_THAT(facts,
              testing::UnorderedElementsAre("Deviation\tpath=releases/production/3/main\tmode=600\texpected=644",
                                            "Deviation\tpath=releases/production/3/run.sh\tmode=644\texpected=755",
                                            "Deviation\tpath=releases/production/2\tmode=700\texpected=755"));
  ASSERT_TRUE(ask("permissions", {"fix"}).status);
  ASSERT_TRUE(ask("permissions").status);
  EXPECT_TRUE(facts.empty());
  EXPECT_EQ(fs::status(inRelease("3", "run.sh")).permissions(), fs::perms(0755));
}

TEST_P(Operate, ACleanUpNeverRemovesWhatLinksName) {
  ASSERT_TRUE(ask("cleanup", {"usual", "1"}).status);
  EXPECT_TRUE(isThere("1"));
  fs::create_directories(at("logs/production"));
  std::ofstream(at("logs/production/out.log")) << "much\n";
  const StepResult done = ask("cleanup", {"emergency"});
  ASSERT_TRUE(done.status) << done.status.toString();
  EXPECT_FALSE(isThere("1"));
  EXPECT_TRUE(isThere("2")) << "previous";
  EXPECT_TRUE(isThere("3")) << "current";
  EXPECT_EQ(fs::file_size(at("logs/production/out.log")), 0U);
  EXPECT_THAT(facts, Contains(HasSubstr("Freed\treleases=1\tbytes=")));
}

TEST_P(Operate, FallsBackToAFolderAndReturns) {
  fs::create_directories(dir / "old");
  const auto back = [&](const std::string& way, const std::string& folder) {
    return ask("fallback",
               {way, folder, "echo \"down $(pwd -P)\" >>" + at("seen"), "echo \"up $(pwd -P)\" >>" + at("seen"), "20"});
  };
  const auto link = [&](const std::string& name) { return fs::read_symlink(at(name + "-production")).string(); };
  EXPECT_TRUE(back("back", "").alreadyDone);
  const StepResult there = back("to", dir / "old");
  ASSERT_TRUE(there.status) << there.status.toString() << there.tail;
  EXPECT_EQ(link("current"), dir / "old");
  EXPECT_EQ(link("previous"), "releases/production/3") << "so that nothing removes it";
  EXPECT_EQ(readFile(at("seen")),
            "down " + inRelease("3", "").substr(0, inRelease("3", "").size() - 1) + "\nup " + (dir / "old") + "\n");
  ASSERT_TRUE(back("to", dir / "old").status) << "again is no harm";
  ASSERT_TRUE(back("back", "").status);
  EXPECT_EQ(link("current"), "releases/production/3");
  EXPECT_EQ(link("previous"), "releases/production/2");
  EXPECT_THAT(back("to", dir / "nowhere").status.message(), HasSubstr("is no directory on this server"));
  EXPECT_THAT(back("to", at("releases/production/2")).status.message(), HasSubstr("slipway rollback leads there"));
  EXPECT_EQ(link("current"), "releases/production/3");
}

TEST_P(Operate, AChangeOfAControllerThatWasReplacedIsRefused) {
  driver.fence = 5;
  ASSERT_TRUE(ask("cleanup", {"usual", "1", "2", "3"}).status);
  driver.fence = 4;
  const StepResult refused = ask("cleanup", {"usual", "1", "2", "3"});
  EXPECT_EQ(refused.status.code(), Code::Conflict);
  EXPECT_TRUE(refused.fenced);
}

INSTANTIATE_TEST_SUITE_P(Shells, Operate, testing::ValuesIn(hostShells()), hostShellName);

}  // namespace
}  // namespace slipway
