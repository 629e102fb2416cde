// The real PHP-FPM, by its pid file.
#include <cstdlib>
#include <fstream>

#include <gmock/gmock.h>

#include "tests/contract/managers/managed_host.h"

namespace slipway {
namespace {

using testing::HasSubstr;

std::string fpmProgram() {
  for (const char* version : {"8.4", "8.3", "8.2", "8.1", "7.4"}) {
    const std::string program = std::string("/usr/sbin/php-fpm") + version;
    if (::access(program.c_str(), X_OK) == 0) return program;
  }
  return {};
}

class PhpFpm : public testing::Test {
 protected:
  void SetUp() override {
    if (fpmProgram().empty()) GTEST_SKIP() << "php-fpm is not installed";
    configure("static");
    // Root's own pools are allowed to nobody but who says so on the command line.
    std::ofstream(host.dir / "php-fpm") << "#!/bin/sh\nexec " << fpmProgram() << (::geteuid() == 0 ? " -R" : "")
                                        << " \"$@\"\n";
    std::filesystem::permissions(host.dir / "php-fpm", std::filesystem::perms::owner_all);
    PhpFpmMaster master;
    master.pidFile = host.dir / "fpm.pid";
    master.config = host.dir / "fpm.conf";
    master.binary = host.dir / "php-fpm";
    host.manager = master;
    for (const char* id : {"1", "2"}) host.prepare(id, {{"index.php", {"<?php echo 1;"}}});
    host.switchTo("1");
  }
  void TearDown() override {
    if (const std::string pid = master(); !pid.empty()) ::kill(std::stoi(pid), SIGKILL);
  }
  void configure(const std::string& mode) {
    const std::string account = ::geteuid() == 0 ? "user = root\ngroup = root\n" : "";
    std::ofstream(host.dir / "fpm.conf") << "[global]\nerror_log = " << host.dir / "fpm.log"
                                         << "\npid = " << host.dir / "fpm.pid"
                                         << "\nprocess_control_timeout = 5s\n[pool]\n"
                                         << account << "listen = " << host.dir / "s"
                                         << "\npm = " << mode << "\npm.max_children = 2\n";
  }
  std::string master() {
    std::string pid = readFile(host.dir / "fpm.pid");
    return pid.substr(0, pid.find('\n'));
  }

  ManagedHost host{{"sh", {"/bin/sh"}, {}}, {}};
};

TEST_F(PhpFpm, IsStartedReloadedWithNewWorkersAndStopped) {
  const StepResult first = host.act("reload", "1");
  ASSERT_TRUE(first.status) << explained(first);
  EXPECT_TRUE(host.look("1").status) << explained(host.look("1"));
  host.process = ProcessLook{std::chrono::seconds(100), ""};
  EXPECT_THAT(host.look("1").status.message(), HasSubstr("s, expected 100 s: it has just been started"));
  EXPECT_TRUE(host.lookUntilOld("1").status);
  host.process.reset();
  // Times of processes are known to the second: until the link is younger than that.
  StepResult stale = host.look("1");
  for (int i = 0; i < 100 && stale.status; ++i) {
    host.switchTo("1");
    host.switchTo("2");
    stale = host.look("2");
  }
  EXPECT_THAT(stale.status.message(), HasSubstr("is from before the release"));
  const StepResult second = host.act("reload", "2");
  ASSERT_TRUE(second.status) << explained(second);
  EXPECT_TRUE(host.look("2").status) << explained(host.look("2"));
  EXPECT_TRUE(host.act("stop", "2").status);
  EXPECT_THAT(host.look("2").status.message(), HasSubstr("it does not run"));
  EXPECT_TRUE(host.act("stop", "2").alreadyDone);
}

TEST_F(PhpFpm, AWrongConfigurationIsSeenBeforeTheReload) {
  ASSERT_TRUE(host.act("reload", "1").status);
  configure("sometimes");
  const StepResult result = host.act("reload", "1");
  EXPECT_EQ(result.status.code(), Code::Invalid);
  EXPECT_THAT(result.tail, HasSubstr("process manager"));
  EXPECT_THAT(result.tail, HasSubstr("slipway: runtime: PHP "));
  EXPECT_TRUE(host.look("1").status) << "the one that runs goes on";
}

}  // namespace
}  // namespace slipway
