// What every CommandRunner owes, against a real sshd.
#include <filesystem>

#include <gtest/gtest.h>

#include "providers/transport/host_keys.h"
#include "providers/transport/open_ssh_command_runner.h"
#include "providers/transport/ssh_command_runner.h"
#include "tests/support/command_driver.h"
#include "tests/support/sshd_fixture.h"

namespace slipway {
namespace {

struct RunnerKind {
  const char* name;
  const char* program;  // that it needs; empty: none
  std::unique_ptr<CommandRunner> (*make)(const std::string& directory, Clock&, Metrics&, Logger&);
};

const RunnerKind kLibssh{"libssh", "", [](const std::string&, Clock& clock, Metrics& metrics, Logger& logger) {
                           auto runner = transport::newSshCommandRunner(clock, metrics, logger);
                           EXPECT_TRUE(runner) << runner.status().toString();
                           return runner ? std::move(*runner) : nullptr;
                         }};
const RunnerKind kOpenSsh{
    "openssh", "/usr/bin/ssh", [](const std::string& directory, Clock& clock, Metrics& metrics, Logger& logger) {
      auto runner = transport::newOpenSshCommandRunner({"/usr/bin/ssh", directory}, clock, metrics, logger);
      EXPECT_TRUE(runner) << runner.status().toString();
      return runner ? std::move(*runner) : nullptr;
    }};

class Runner : public testing::TestWithParam<RunnerKind> {
 protected:
  void SetUp() override {
    if (!SshdFixture::available()) GTEST_SKIP() << "no sshd or ssh-keygen installed";
    sshd = std::make_unique<SshdFixture>(std::vector<std::string>{"ed25519"});
    if (*GetParam().program != '\0' && ::access(GetParam().program, X_OK) != 0) {
      GTEST_SKIP() << GetParam().program << " is not installed";
    }
    runner = GetParam().make(dir / "connections", *clock, metrics, logger);
    ASSERT_NE(runner, nullptr);
  }
  void TearDown() override {
    runner.reset();
    if (std::filesystem::exists(dir / "connections")) {
      EXPECT_TRUE(std::filesystem::is_empty(dir / "connections")) << "files of a connection were left behind";
    }
  }
  std::string writtenFile(const std::string& name, const std::string& text) const {
    writeFile(dir / name, text);
    return dir / name;
  }
  std::shared_ptr<RunningCommand> run(const std::string& command) {
    return RunningCommand::start(*runner, sshd->target(), command);
  }

  std::unique_ptr<Clock> clock = newSystemClock();
  NullMetrics metrics;
  NullLogger logger;
  TempDir dir;
  std::unique_ptr<SshdFixture> sshd;
  std::unique_ptr<CommandRunner> runner;
};

TEST_P(Runner, AnswersOutputErrorAndExitCode) {
  const auto command = run("echo out; echo err >&2; exit 7");
  const Result<int> exit = command->wait();
  ASSERT_TRUE(exit) << exit.status().toString();
  EXPECT_EQ(*exit, 7);
  EXPECT_EQ(command->output, "out\n");
  EXPECT_EQ(command->error, "err\n");
  EXPECT_TRUE(command->started);
  EXPECT_EQ(command->exits, 1);
}

TEST_P(Runner, GivesTheInputByteForByteAndEndsIt) {
  RemoteCommand command;
  command.command = "cat";
  command.outputLimit = 16U << 20U;
  for (int i = 0; i < 3 * 1024 * 1024; ++i) command.input.push_back(static_cast<char>(i * 7 + i / 251));
  const auto running = RunningCommand::start(*runner, sshd->target(), command);
  const Result<int> exit = running->wait();
  ASSERT_TRUE(exit) << exit.status().toString();
  EXPECT_TRUE(running->output == command.input);
}

TEST_P(Runner, TakesMoreInputWhileTheCommandRuns) {
  RemoteCommand command;
  command.command = "while read -r line; do echo \"got $line\"; done";
  command.closeInput = false;
  const auto running = RunningCommand::start(*runner, sshd->target(), command);
  running->process->write("one\n");
  running->waitForOutput("got one\n");
  running->process->write("two\n");
  running->waitForOutput("got two\n");
  EXPECT_GE(running->drained, 1);
  running->process->closeInput();
  EXPECT_EQ(running->wait().valueOr(-1), 0);
}

TEST_P(Runner, ManyCommandsRunSideBySide) {
  std::vector<std::shared_ptr<RunningCommand>> all;
  for (int i = 0; i < 20; ++i) all.push_back(run("echo " + std::to_string(i)));
  for (int i = 0; i < 20; ++i) {
    const Result<int> exit = all[i]->wait();
    EXPECT_TRUE(exit) << exit.status().toString();
    EXPECT_EQ(all[i]->output, std::to_string(i) + "\n");
  }
}

TEST_P(Runner, RefusesAServerWithoutPinnedKey) {
  RemoteTarget target = sshd->target("web1");
  target.hostKeys.clear();
  const auto command = RunningCommand::start(*runner, target, "true");
  const Result<int> exit = command->wait();
  EXPECT_EQ(exit.code(), Code::Denied);
  EXPECT_NE(exit.status().message().find("slipway server enrol web1"), std::string::npos);
  EXPECT_FALSE(command->started);
}

TEST_P(Runner, RefusesAnotherHostKeyThanThePinnedNamingBoth) {
  const SshdFixture other;
  RemoteTarget target = sshd->target();
  target.hostKeys = other.hostKeys();
  const auto command = RunningCommand::start(*runner, target, "true");
  const Result<int> exit = command->wait();
  EXPECT_EQ(exit.code(), Code::Denied) << exit.status().toString();
  EXPECT_NE(exit.status().message().find(transport::fingerprint(other.hostKeys()[0])), std::string::npos)
      << exit.status().message();
  EXPECT_NE(exit.status().message().find(transport::fingerprint(sshd->hostKeys()[0])), std::string::npos)
      << exit.status().message();
  EXPECT_FALSE(command->started);
}

TEST_P(Runner, DoesNotTryAnotherTypeOfHostKey) {
  const SshdFixture other({"ecdsa"});
  RemoteTarget target = sshd->target();
  target.hostKeys = other.hostKeys();
  const Result<int> exit = RunningCommand::start(*runner, target, "true")->wait();
  EXPECT_EQ(exit.code(), Code::Denied) << exit.status().toString();
}

TEST_P(Runner, AWrongKeyIsDeniedWithoutShowingIt) {
  RemoteTarget target = sshd->target();
  target.privateKey = sshd->newKey("stranger");
  Result<int> exit = RunningCommand::start(*runner, target, "true")->wait();
  EXPECT_EQ(exit.code(), Code::Denied) << exit.status().toString();
  EXPECT_EQ(exit.status().message().find("PRIVATE"), std::string::npos);
  target.privateKey = "nonsense";
  exit = RunningCommand::start(*runner, target, "true")->wait();
  EXPECT_EQ(exit.code(), Code::Denied) << exit.status().toString();
}

TEST_P(Runner, AClosedPortIsUnavailable) {
  RemoteTarget target = sshd->target();
  target.port = unusedPort();
  const auto command = RunningCommand::start(*runner, target, "true");
  EXPECT_EQ(command->wait().code(), Code::Unavailable) << command->wait().status().toString();
  EXPECT_FALSE(command->started);
}

TEST_P(Runner, AnUnknownNameIsUnavailable) {
  RemoteTarget target = sshd->target();
  target.address = "no-such-host.invalid";
  EXPECT_EQ(RunningCommand::start(*runner, target, "true")->wait().code(), Code::Unavailable);
}

TEST_P(Runner, AServerThatDoesNotAnswerTimesOut) {
  sshd->freeze();
  RemoteCommand command;
  command.command = "true";
  command.deadline = clock->steady() + std::chrono::milliseconds(500);
  const auto running = RunningCommand::start(*runner, sshd->target(), command);
  EXPECT_EQ(running->wait().code(), Code::Timeout) << running->wait().status().toString();
  EXPECT_FALSE(running->started);
  sshd->thaw();
}

TEST_P(Runner, ACommandThatRunsTooLongTimesOut) {
  RemoteCommand command;
  command.command = "echo started; sleep 60";
  command.deadline = clock->steady() + std::chrono::seconds(2);
  const auto running = RunningCommand::start(*runner, sshd->target(), command);
  EXPECT_EQ(running->wait().code(), Code::Timeout);
  EXPECT_TRUE(running->started);
}

TEST_P(Runner, ALostChannelLeavesTheOutcomeUnknown) {
  const auto running = run("echo started; sleep 60");
  running->waitForOutput("started");
  sshd->cutConnections();
  EXPECT_EQ(running->wait().code(), Code::OutcomeUnknown) << running->wait().status().toString();
  EXPECT_EQ(run("exit 3")->wait().valueOr(-1), 3);
}

TEST_P(Runner, AFloodOfOutputIsCutOff) {
  RemoteCommand command;
  command.command = "yes";
  command.outputLimit = 100000;
  const auto running = RunningCommand::start(*runner, sshd->target(), command);
  EXPECT_EQ(running->wait().code(), Code::Invalid);
  EXPECT_LE(running->output.size(), command.outputLimit);
}

TEST_P(Runner, CancelEndsIt) {
  const auto running = run("echo started; sleep 60");
  running->waitForOutput("started");
  running->process->cancel();
  EXPECT_EQ(running->wait().code(), Code::Cancelled);
  running->process->cancel();
  EXPECT_EQ(running->exits, 1);
}

TEST_P(Runner, ItsEndCancelsWhatRuns) {
  const auto running = run("echo started; sleep 60");
  running->waitForOutput("started");
  runner.reset();
  EXPECT_EQ(running->wait().code(), Code::Cancelled);
}

TEST_P(Runner, TakesEncryptedAndOtherKeys) {
  RemoteTarget target = sshd->target();
  target.privateKey = sshd->newKey("locked", "ed25519", "open sesame");
  sshd->authorize("locked");
  target.passphrase = "open sesame";
  EXPECT_TRUE(RunningCommand::start(*runner, target, "true")->wait());
  target.passphrase.clear();
  EXPECT_EQ(RunningCommand::start(*runner, target, "true")->wait().code(), Code::Denied);
  for (const char* type : {"rsa", "ecdsa"}) {
    target.privateKey = sshd->newKey(type, type);
    sshd->authorize(type);
    EXPECT_TRUE(RunningCommand::start(*runner, target, "true")->wait()) << type;
  }
}

TEST_P(Runner, ABannerOfTheServerIsNoneOfTheCommandsOutput) {
  const SshdFixture greeting({"ed25519"}, "Banner " + writtenFile("banner", "Welcome, and keep out\n"));
  const auto running = RunningCommand::start(*runner, greeting.target(), "echo err >&2");
  EXPECT_EQ(running->wait().valueOr(-1), 0);
  EXPECT_EQ(running->error, "err\n");
}

TEST_P(Runner, TellsACommandThatEndsWith255FromAConnectionThatDoes) {
  EXPECT_EQ(run("exit 255")->wait().valueOr(-1), 255);
  EXPECT_GE(run("kill -KILL $$")->wait().valueOr(-1), 128);
}

TEST_P(Runner, AServerThatHasNoSessionLeftIsUnavailable) {
  const SshdFixture strict({"ed25519"}, "MaxSessions 0");
  const auto running = RunningCommand::start(*runner, strict.target(), "true");
  EXPECT_EQ(running->wait().code(), Code::Unavailable) << running->wait().status().toString();
}

TEST_P(Runner, AnAddressThatIsAnOptionOfAProgramIsUnavailable) {
  RemoteTarget target = sshd->target();
  target.address = "-oProxyCommand=touch " + (dir / "owned");
  EXPECT_EQ(RunningCommand::start(*runner, target, "true")->wait().code(), Code::Unavailable);
  target.address = "ssh://127.0.0.1";
  EXPECT_EQ(RunningCommand::start(*runner, target, "true")->wait().code(), Code::Unavailable);
  EXPECT_FALSE(std::filesystem::exists(dir / "owned"));
}

INSTANTIATE_TEST_SUITE_P(Kinds, Runner, testing::Values(kLibssh, kOpenSsh),
                         [](const testing::TestParamInfo<RunnerKind>& kind) { return std::string(kind.param.name); });

}  // namespace
}  // namespace slipway
