// Processes that commands started, as health.process sees them: in every shell, with real processes.
#include <csignal>

#include <gmock/gmock.h>

#include "tests/contract/managers/managed_host.h"

namespace slipway {
namespace {

using testing::HasSubstr;

constexpr const char* kStart = "setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo $! >shop.pid";

class Commands : public testing::TestWithParam<HostShell> {
 protected:
  void SetUp() override {
    if (!GetParam().usable()) GTEST_SKIP() << GetParam().name << " is not installed";
    host.manager.reset();
    for (const char* id : {"1", "2"}) {
      host.prepare(id, {{"file", {id}}});
      host.switchTo(id);
    }
    host.switchTo("1");
  }
  void TearDown() override {
    for (const char* id : {"1", "2"}) end(id);
  }
  std::string pidFile(const std::string& id) const { return releaseOf(id) + "/shop.pid"; }
  std::string releaseOf(const std::string& id) const { return host.driver.root() + "/releases/production/" + id; }
  void end(const std::string& id) {
    const std::string pid = readFile(pidFile(id));
    if (pid.empty()) return;
    ::kill(std::stoi(pid), SIGKILL);
    while (isRunning(std::stoi(pid))) {
    }
  }
  StepResult look(const std::string& id, std::chrono::seconds minUptime, const std::string& file) {
    host.process = ProcessLook{minUptime, file};
    return host.look(id);
  }

  ManagedHost host{GetParam(), {}};
};

TEST_P(Commands, AProcessOfTheReleaseIsFoundByWhatItRuns) {
  EXPECT_THAT(look("1", std::chrono::seconds(1), "").status.message(),
              HasSubstr("no process runs in " + releaseOf("1")));
  host.run("start", "1", kStart);
  const StepResult young = look("1", std::chrono::seconds(100), "");
  EXPECT_EQ(young.phase, "process");
  EXPECT_THAT(young.status.message(), HasSubstr("s, expected 100 s: it has just been started, or is again and again"));
  EXPECT_TRUE(host.lookUntilOld("1").status);
  host.switchTo("2");
  EXPECT_THAT(host.look("2").status.message(), HasSubstr("runs 1"));
  end("1");
  EXPECT_THAT(host.look("2").status.message(), HasSubstr("no process runs in " + releaseOf("2")));
}

TEST_P(Commands, APidFileNamesTheOneThatCounts) {
  EXPECT_THAT(look("1", std::chrono::seconds(1), "shop.pid").status.message(),
              HasSubstr("there is no process id in " + pidFile("1")));
  host.run("start", "1", kStart);
  EXPECT_TRUE(host.lookUntilOld("1").status);
  host.switchTo("2");
  EXPECT_THAT(look("2", std::chrono::seconds(1), pidFile("1")).status.message(), HasSubstr(" runs 1, expected 2"));
  host.switchTo("1");
  end("1");
  EXPECT_THAT(look("1", std::chrono::seconds(1), "shop.pid").status.message(), HasSubstr("has ended"));
}

TEST_P(Commands, TheCommandIsRunAfterTheLookAtTheProcess) {
  host.run("start", "1", kStart);
  VerifyStep step{"1", ExecCheck{"exit 4"}};
  step.process = ProcessLook{std::chrono::seconds(100), ""};
  EXPECT_EQ(host.driver.run("look-1", step).phase, "process");
  EXPECT_TRUE(host.lookUntilOld("1").status);
  step.process = host.process;
  const StepResult failed = host.driver.run("look-2", step);
  EXPECT_EQ(failed.phase, "check");
  EXPECT_EQ(failed.exitCode, 4);
}

INSTANTIATE_TEST_SUITE_P(Shells, Commands, testing::ValuesIn(hostShells()), hostShellName);

}  // namespace
}  // namespace slipway
