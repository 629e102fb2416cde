#include <filesystem>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "providers/transport/open_ssh_command_runner.h"
#include "providers/transport/open_ssh_log.h"
#include "tests/support/command_driver.h"
#include "tests/support/sshd_fixture.h"

namespace slipway::transport {
namespace {

RemoteTarget web1() {
  RemoteTarget target;
  target.name = "web1";
  target.address = "203.0.113.10";
  target.user = "deploy";
  target.hostKeys = {"ssh-ed25519 AAAA"};
  return target;
}

Status failureAfter(const std::string& text) {
  OpenSshLog log;
  log.take(text);
  return log.failure(web1());
}

TEST(OpenSshLog, TellsWhatCameBeforeTheCommandFromWhatCameAfter) {
  OpenSshLog log;
  log.take("debug1: Connecting to 203.0.113.10 port 22.\r\nAuthenticated to 203.0.113.10 using \"public");
  EXPECT_FALSE(log.authenticated());
  log.take("key\".\r\n");
  EXPECT_TRUE(log.authenticated());
  EXPECT_FALSE(log.commandSent());
  log.take("debug1: Sending command: exec /bin/sh\r\n");
  EXPECT_TRUE(log.commandSent());
  log.take("debug1: client_input_channel_req: channel 0 rtype exit-status reply 0\r\n");
  EXPECT_TRUE(log.gotExitStatus());
}

TEST(OpenSshLog, MapsEachFailureToItsCode) {
  EXPECT_EQ(failureAfter("ssh: connect to host 203.0.113.10 port 22: Connection refused\n").code(), Code::Unavailable);
  EXPECT_EQ(failureAfter("kex_exchange_identification: Connection closed by remote host\n").code(), Code::Unavailable);
  EXPECT_EQ(failureAfter("deploy@203.0.113.10: Permission denied (publickey).\n").code(), Code::Denied);
  EXPECT_EQ(failureAfter("Unable to negotiate with 203.0.113.10 port 22: no matching host key type found.\n").code(),
            Code::Denied);
  const std::string in = "Authenticated to 203.0.113.10 ([203.0.113.10]:22) using \"publickey\".\n";
  EXPECT_EQ(failureAfter(in + "channel 0: open failed: administratively prohibited: open failed\n").code(),
            Code::Unavailable);
  EXPECT_EQ(failureAfter(in + "exec request failed on channel 0\n").code(), Code::Denied);
  EXPECT_EQ(failureAfter(in + "client_loop: send disconnect: Broken pipe\n").code(), Code::OutcomeUnknown);
  EXPECT_EQ(failureAfter(in).code(), Code::OutcomeUnknown);
}

TEST(OpenSshLog, NamesTheKeyThatTheServerShowed) {
  const Status status =
      failureAfter("debug1: Server host key: ssh-ed25519 SHA256:abc\nHost key verification failed.\n");
  EXPECT_EQ(status.code(), Code::Denied);
  EXPECT_NE(status.message().find("found ssh-ed25519 SHA256:abc"), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("slipway server enrol web1"), std::string::npos) << status.message();
}

TEST(OpenSshLog, BoundsALineAndKeepsControlCharactersFromTheMessage) {
  const std::string message = failureAfter("\x1b[2J" + std::string(1000000, 'x') + "\n").message();
  EXPECT_LT(message.size(), 5000U);
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
}

TEST(OpenSsh, AMissingProgramIsSaidAtTheStart) {
  const TempDir dir;
  NullMetrics metrics;
  NullLogger logger;
  const auto clock = newSystemClock();
  const auto runner = newOpenSshCommandRunner({dir / "ssh", dir / "files"}, *clock, metrics, logger);
  EXPECT_EQ(runner.code(), Code::Invalid);
  EXPECT_NE(runner.status().message().find(dir / "ssh"), std::string::npos);
}

TEST(OpenSsh, EmptiesWhatACrashLeft) {
  if (::access("/usr/bin/ssh", X_OK) != 0) GTEST_SKIP() << "ssh is not installed";
  const TempDir dir;
  NullMetrics metrics;
  NullLogger logger;
  const auto clock = newSystemClock();
  std::filesystem::create_directories(dir / "files/abcdef");
  writeFile(dir / "files/abcdef/key", "secret");
  const auto runner = newOpenSshCommandRunner({"/usr/bin/ssh", dir / "files"}, *clock, metrics, logger);
  ASSERT_TRUE(runner) << runner.status().toString();
  EXPECT_TRUE(std::filesystem::is_empty(dir / "files"));
}

TEST(OpenSsh, WithoutRoomForAnotherProcessItIsNotParallelAnyMore) {
  if (!SshdFixture::available()) GTEST_SKIP() << "no sshd or ssh-keygen installed";
  const SshdFixture sshd;
  const TempDir dir;
  NullMetrics metrics;
  NullLogger logger;
  const auto clock = newSystemClock();
  const auto runner = newOpenSshCommandRunner({"/usr/bin/ssh", dir / "files"}, *clock, metrics, logger);
  ASSERT_TRUE(runner) << runner.status().toString();
  const auto first = RunningCommand::start(**runner, sshd.target(), "echo started; sleep 60");
  first->waitForOutput("started");
  EXPECT_TRUE((*runner)->parallel());
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const int lowest = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const rlimit tight{static_cast<rlim_t>(lowest) + 3, before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &tight);
  const auto second = RunningCommand::start(**runner, sshd.target(), "true");
  EXPECT_EQ(second->wait().code(), Code::Unavailable) << second->wait().status().toString();
  ::setrlimit(RLIMIT_NOFILE, &before);
  ::close(lowest);
  EXPECT_FALSE((*runner)->parallel());
  EXPECT_FALSE(second->started);
  first->process->cancel();
  EXPECT_EQ(first->wait().code(), Code::Cancelled);
  EXPECT_TRUE(RunningCommand::start(**runner, sshd.target(), "true")->wait());
}

}  // namespace
}  // namespace slipway::transport
