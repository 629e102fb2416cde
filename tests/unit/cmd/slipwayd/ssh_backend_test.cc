#include "cmd/slipwayd/ssh_backend.h"

#include <gtest/gtest.h>

namespace slipway::daemon {
namespace {

class NamedRunner final : public CommandRunner {
 public:
  explicit NamedRunner(std::string name) : name_(std::move(name)) {}
  std::shared_ptr<RemoteProcess> start(const RemoteTarget&, RemoteCommand, RemoteEvents) override { return nullptr; }
  const std::string& name() const { return name_; }

 private:
  std::string name_;
};

class WarningCounter final : public Logger {
 public:
  void log(LogLevel level, std::string_view, std::initializer_list<LogField>) override {
    warnings += level == LogLevel::Warn ? 1 : 0;
  }
  int warnings = 0;
};

SshMakers::Make makes(const std::string& name) {
  return [name]() -> Result<std::unique_ptr<CommandRunner>> {
    return std::unique_ptr<CommandRunner>(std::make_unique<NamedRunner>(name));
  };
}

SshMakers::Make cannot() {
  return []() -> Result<std::unique_ptr<CommandRunner>> { return Status(Code::Unavailable, "does not work here"); };
}

std::string nameOf(const Result<SshTransport>& made) {
  return made ? static_cast<NamedRunner&>(*made->runner).name() : made.status().toString();
}

TEST(SshBackend, AutoTakesLibsshWhereItWorks) {
  WarningCounter log;
  const auto made = chooseSsh(SshBackend::Auto, {makes("libssh"), makes("openssh")}, log);
  EXPECT_EQ(nameOf(made), "libssh");
  EXPECT_TRUE(made->parallel);
  EXPECT_EQ(log.warnings, 0);
}

TEST(SshBackend, AutoFallsBackToTheSshProgramWithAWarning) {
  WarningCounter log;
  const auto made = chooseSsh(SshBackend::Auto, {cannot(), makes("openssh")}, log);
  EXPECT_EQ(nameOf(made), "openssh");
  EXPECT_TRUE(made->parallel);
  EXPECT_EQ(log.warnings, 1);
}

TEST(SshBackend, ANamedOneIsTakenOrNone) {
  WarningCounter log;
  EXPECT_EQ(nameOf(chooseSsh(SshBackend::OpenSsh, {makes("libssh"), makes("openssh")}, log)), "openssh");
  EXPECT_EQ(nameOf(chooseSsh(SshBackend::Libssh, {cannot(), makes("openssh")}, log)),
            "Unavailable: --ssh-backend libssh: does not work here");
  EXPECT_EQ(nameOf(chooseSsh(SshBackend::OpenSsh, {makes("libssh"), cannot()}, log)),
            "Unavailable: --ssh-backend openssh: does not work here");
  EXPECT_EQ(log.warnings, 0);
}

TEST(SshBackend, SequentialSaysSoAndFallsBackToo) {
  WarningCounter log;
  auto made = chooseSsh(SshBackend::Sequential, {makes("libssh"), makes("openssh")}, log);
  EXPECT_EQ(nameOf(made), "libssh");
  EXPECT_FALSE(made->parallel);
  EXPECT_EQ(log.warnings, 1);
  made = chooseSsh(SshBackend::Sequential, {cannot(), makes("openssh")}, log);
  EXPECT_EQ(nameOf(made), "openssh");
  EXPECT_FALSE(made->parallel);
  EXPECT_EQ(nameOf(chooseSsh(SshBackend::Sequential, {cannot(), cannot()}, log)),
            "Unavailable: no SSH transport: does not work here");
}

}  // namespace
}  // namespace slipway::daemon
