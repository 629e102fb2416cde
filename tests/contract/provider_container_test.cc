#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "providers/vm/ssh_vm_provider.h"
#include "tests/support/fake_artifact.h"
#include "tests/support/host_shells.h"
#include "tests/support/local_command_runner.h"
#include "tests/support/real/docker_daemon.h"
#include "tests/support/step_driver.h"
#include "tests/support/temp_dir.h"

namespace slipway {
namespace {

namespace fs = std::filesystem;

// A server on which a release is live and `docker` is what the test puts there.
class Host {
 public:
  explicit Host(const HostShell& shell) : shell_(shell) {
    const auto artifact = std::make_shared<FakeArtifact>(std::map<std::string, FakeArtifact::File>{{"ok", {"yes"}}});
    const PrepareStep step{.releaseId = "1", .identity = "v1:1", .artifact = artifact, .build = {}};
    const StepResult prepared = driver.run("prepare", step);
    EXPECT_TRUE(prepared.status) << prepared.status.toString();
    EXPECT_TRUE(driver.run("switch", SwitchStep{"1", prepared.digest}).status);
  }
  std::string programs() { return programs_.path(); }
  void docker(const std::string& script) {
    writeFile(programs() + "/docker", "#!/bin/sh\n" + script);
    ::chmod((programs() + "/docker").c_str(), 0755);
  }
  Status look(const std::string& name, bool ownHealth = true, Duration timeout = std::chrono::seconds(10)) {
    last =
        driver.run("verify-" + std::to_string(++looks_), VerifyStep{"1", {}, ContainerLook{name, timeout, ownHealth}});
    return last.status;
  }

 private:
  TempDir dir_, programs_;
  HostShell shell_;
  std::unique_ptr<Clock> clock_ = newSystemClock();
  NullMetrics metrics_;
  NullLogger logger_;
  LocalCommandRunner runner_{shell_.words,
                             programs_.path() + ":" + (shell_.path.empty() ? std::getenv("PATH") : shell_.path)};
  std::unique_ptr<Provider> provider_ = vm::newSshVmProvider(runner_, *clock_, metrics_, logger_);
  int looks_ = 0;

 public:
  StepDriver driver{*provider_, *clock_, dir_ / "app"};
  StepResult last;
};

class Container : public testing::TestWithParam<HostShell> {
 protected:
  void SetUp() override {
    if (!GetParam().usable()) GTEST_SKIP() << GetParam().name << " is not installed";
  }
};

TEST_P(Container, ARunningOneIsHealthyAndOthersSayHowTheyAre) {
  Host host(GetParam());
  const auto said = [&](const std::string& state) {
    host.docker("echo '" + state + "'\n");
    return host.look("web").message();
  };
  EXPECT_EQ(said("running|0|"), "");
  EXPECT_EQ(said("running|0|healthy"), "");
  EXPECT_EQ(said("running|0|unhealthy"), "one: container web is running, but its own health check says unhealthy");
  EXPECT_EQ(said("running|0|starting"), "one: container web is running, but its own health check says starting");
  EXPECT_EQ(said("exited|1|"), "one: container web is not running (exited, code 1)");
  EXPECT_EQ(said("restarting|137|"), "one: container web is not running (restarting, code 137)");
  EXPECT_EQ(said("created|0|"), "one: container web is not running (created)");
  EXPECT_EQ(said("paused|0|"), "one: container web is not running (paused)");
  EXPECT_EQ(host.last.phase, "container");
  EXPECT_EQ(host.last.status.code(), Code::Unavailable);
}

TEST_P(Container, ItsOwnHealthCheckIsNotAskedWhereHttpDecides) {
  Host host(GetParam());
  host.docker("echo 'running|0|unhealthy'\n");
  EXPECT_TRUE(host.look("web", false));
  host.docker("echo 'exited|0|'\n");
  EXPECT_FALSE(host.look("web", false));
}

TEST_P(Container, WhatCannotBeAskedIsSaidAsItIs) {
  Host host(GetParam());
  host.docker("echo 'Error: No such container: '\"$5\" >&2; exit 1\n");
  EXPECT_EQ(host.look("web").message(), "one: no container web");
  EXPECT_EQ(host.last.status.code(), Code::NotFound);
  host.docker("echo 'dial unix /var/run/docker.sock: connect: no such file or directory' >&2; exit 1\n");
  EXPECT_EQ(host.look("web").message(),
            "one: cannot ask docker about container web: dial unix /var/run/docker.sock: connect: no such file or "
            "directory");
  EXPECT_EQ(host.last.status.code(), Code::Unavailable);
  host.docker("echo 'permission denied while trying to connect' >&2; exit 1\n");
  EXPECT_EQ(host.look("web").code(), Code::Denied);
  host.docker("exec sleep 60\n");
  EXPECT_EQ(host.look("web", true, std::chrono::seconds(1)).message(),
            "one: cannot ask docker about container web: no answer within 1 s");
}

TEST_P(Container, AnOlderEngineWithoutHealthFieldIsAskedAgain) {
  Host host(GetParam());
  host.docker("case $4 in *Health*) echo 'template: no field Health' >&2; exit 1 ;; esac\necho 'running|0|'\n");
  EXPECT_TRUE(host.look("web")) << host.last.status.toString();
}

TEST_P(Container, TheNameIsDataAndNeverAnOption) {
  Host host(GetParam());
  host.docker("printf '%s\\n' \"$@\" >\"${0%/*}/asked\"; echo 'running|0|'\n");
  ASSERT_TRUE(host.look("web_1.a-b"));
  EXPECT_NE(readFile(host.programs() + "/asked").find("\nweb_1.a-b\n"), std::string::npos);
  for (const char* name : {"--help", "a b", "a;reboot", "$(id)", "a\nb"}) {
    EXPECT_EQ(host.look(name).code(), Code::Invalid) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Shells, Container, testing::ValuesIn(hostShells()), hostShellName);

// A server on which there is neither docker nor podman: a folder with BusyBox and nothing else.
TEST(ContainerWithoutDocker, IsSaid) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can chroot into a folder without docker";
  if (::access("/bin/busybox", X_OK) != 0) GTEST_SKIP() << "busybox is not installed";
  TempDir root;
  ASSERT_EQ(std::system(("cd " + root.path() +
                         " && mkdir bin dev tmp && cp /bin/busybox bin/ && mknod dev/null c 1 3 && "
                         "chroot . /bin/busybox --install -s /bin")
                            .c_str()),
            0);
  HostShell bare{"bare", {"/usr/sbin/chroot", root.path(), "/bin/busybox", "sh"}, "/bin"};
  std::unique_ptr<Clock> clock = newSystemClock();
  NullMetrics metrics;
  NullLogger logger;
  LocalCommandRunner runner(bare.words, bare.path);
  const auto provider = vm::newSshVmProvider(runner, *clock, metrics, logger);
  StepDriver driver(*provider, *clock, "/app");
  fs::create_directories(root.path() + "/app/releases/production/1");
  fs::create_symlink("releases/production/1", root.path() + "/app/current-production");
  const StepResult seen = driver.run("verify", VerifyStep{"1", {}, ContainerLook{"web"}});
  EXPECT_EQ(seen.status.message(), "one: docker is not installed, nor podman: container web cannot be looked at");
  EXPECT_EQ(seen.status.code(), Code::Invalid);
}

TEST(ContainerOfDocker, IsSeenAsItIs) {
  DockerDaemon daemon;
  if (const std::string reason = daemon.start(); !reason.empty()) GTEST_SKIP() << reason;
  Host host({"dash", {"/bin/sh"}, {}});
  host.docker("exec " + daemon.client() + " -H " + daemon.address() + " \"$@\"\n");
  EXPECT_EQ(host.look("web").message(), "one: no container web");
  ASSERT_TRUE(daemon.run("run -d --name web --network none slipway-test sleep 1000"));
  EXPECT_TRUE(host.look("web")) << host.last.status.toString();
  ASSERT_TRUE(daemon.run("pause web"));
  EXPECT_EQ(host.look("web").message(), "one: container web is not running (paused)");
  ASSERT_TRUE(daemon.run("unpause web"));
  ASSERT_TRUE(daemon.run("kill web"));
  EXPECT_EQ(host.look("web").message(), "one: container web is not running (exited, code 137)");
  ASSERT_TRUE(daemon.run("create --name idle --network none slipway-test sleep 1000"));
  EXPECT_EQ(host.look("idle").message(), "one: container idle is not running (created)");
  ASSERT_TRUE(
      daemon.run("run -d --name sick --network none --health-cmd false --health-interval 1s --health-retries 1 "
                 "slipway-test sleep 1000"));
  EXPECT_FALSE(host.look("sick"));
  EXPECT_TRUE(host.look("sick", false)) << host.last.status.toString();
  daemon.stop();
  EXPECT_EQ(host.look("web").code(), Code::Unavailable) << host.last.status.toString();
}

}  // namespace
}  // namespace slipway
