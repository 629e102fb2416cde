// The real docker compose, on a dockerd of the test's own.
#include <filesystem>

#include <gmock/gmock.h>

#include "tests/contract/managers/managed_host.h"
#include "tests/support/real/built_program.h"
#include "tests/support/real/docker_daemon.h"

namespace slipway {
namespace {

using testing::HasSubstr;

// The two forms in which hosts have it.
struct ComposeForm {
  std::string name;
  std::string program;
  std::string reason;  // why it cannot be run here
  friend void PrintTo(const ComposeForm& form, std::ostream* out) { *out << form.name; }
};

ComposeForm plugIn() {
  const std::string program = builtProgram("docker-compose-v2.40.2");
  return {"plugIn", program,
          "not built: tests/support/real/go_program.sh docker-compose does that, where go is installed"};
}

ComposeForm ofItsOwn() {
  return {"dockerCompose", "/usr/bin/docker-compose", "not installed (Debian package docker-compose)"};
}

class Compose : public testing::TestWithParam<ComposeForm> {
 protected:
  void SetUp() override {
    if (!runnable(GetParam().program)) GTEST_SKIP() << GetParam().program << " is " << GetParam().reason;
    if (const std::string reason = daemon.start(); !reason.empty()) GTEST_SKIP() << reason;
    std::filesystem::create_directories(host.dir / "bin");
    installCompose();
    ComposeProject project;
    project.project = "shop";
    project.env = {{"WORDS", "two words"}};
    host.manager = project;
    for (const char* id : {"1", "2"}) release(id, "sleep 1000");
  }
  void TearDown() override {
    if (daemon.client().empty()) return;  // it was skipped before
    daemon.run("rm -f " + containers("com.docker.compose.project"));
    daemon.stop();
  }
  // As the host's PATH has it: the other form is not there.
  void installCompose() {
    const std::filesystem::path config = host.dir / "docker";
    const std::string where = "DOCKER_CONFIG=" + config.string() + " DOCKER_HOST=" + daemon.address() + " exec ";
    program("docker", where + daemon.client() + " \"$@\"\n");
    if (GetParam().name == "plugIn") {
      std::filesystem::create_directories(config / "cli-plugins");
      std::filesystem::create_symlink(GetParam().program, config / "cli-plugins/docker-compose");
    } else {
      program("docker-compose", where + GetParam().program + " \"$@\"\n");
    }
  }
  // For the shell: those with this label.
  std::string containers(const std::string& label) const {
    return "$(" + daemon.client() + " -H " + daemon.address() + " ps -aq --filter label=" + label + ")";
  }
  void program(const std::string& name, const std::string& text) {
    writeFile(host.dir / ("bin/" + name), "#!/bin/sh\n" + text);
    std::filesystem::permissions(host.dir / ("bin/" + name), std::filesystem::perms::owner_all);
  }
  // `web` sees the release's own directory; `store` is the same in all.
  void release(const std::string& id, const std::string& command) {
    const std::string service =
        "    image: slipway-test\n    network_mode: none\n    stop_grace_period: 0s\n    command: ";
    host.prepare(
        id, {{"compose.yaml",
              {"services:\n  web:\n" + service + "sh -c '" + command +
               "'\n    environment: {WORDS: $WORDS, ID: $RELEASE_ID}\n" + "  store:\n" + service + "sleep 1000\n"}}});
  }

  DockerDaemon daemon;
  ManagedHost host{{"sh", {"/bin/sh"}, {}}, {}};
};

TEST_P(Compose, ReplacesWhatChangedAndKeepsWhatDidNot) {
  host.switchTo("1");
  const StepResult first = host.act("reload", "1");
  ASSERT_TRUE(first.status) << explained(first);
  EXPECT_TRUE(host.look("1").status);
  host.process = ProcessLook{std::chrono::seconds(100), ""};
  EXPECT_THAT(host.look("1").status.message(), HasSubstr("s, expected 100 s: it has just been started"));
  EXPECT_TRUE(host.lookUntilOld("1").status);
  host.process.reset();
  host.switchTo("2");
  const StepResult stale = host.look("2");
  EXPECT_THAT(stale.status.message(), HasSubstr("web runs 1")) << explained(stale);
  const StepResult second = host.act("reload", "2");
  ASSERT_TRUE(second.status) << explained(second);
  EXPECT_TRUE(host.look("2").status) << explained(host.look("2"));
  ASSERT_TRUE(daemon.run("kill " + containers("com.docker.compose.service=web")));
  EXPECT_THAT(host.look("2").status.message(), HasSubstr("web is exited"));
  ASSERT_TRUE(host.act("stop", "2").status);
  EXPECT_THAT(host.look("2").status.message(), HasSubstr("it has no containers"));
  EXPECT_TRUE(host.act("stop", "2").alreadyDone);
}

TEST_P(Compose, SlotsAreProjectsOfTheirOwn) {
  host.place("1", "blue");
  host.place("2", "green");
  ASSERT_TRUE(host.act("start", "1", {"blue", 8081}).status);
  const StepResult green = host.act("start", "2", {"green", 8082});
  ASSERT_TRUE(green.status) << explained(green);
  ASSERT_TRUE(host.act("stop", "1", {"blue", 8081}).status);
  EXPECT_FALSE(host.look("1", {"blue", 8081}).status);
  EXPECT_TRUE(host.look("2", {"green", 8082}).status);
}

TEST_P(Compose, WhatDoesNotStartTellsItsLog) {
  release("3", "echo cannot find its settings; exit 3");
  host.switchTo("3");
  const StepResult failed = host.act("reload", "3");
  EXPECT_EQ(failed.status.code(), Code::Unavailable);
  EXPECT_THAT(failed.tail, HasSubstr("cannot find its settings"));
  EXPECT_THAT(failed.tail, testing::ContainsRegex("slipway: runtime: [Dd]ocker.[Cc]ompose version "));
}

TEST_P(Compose, AMissingFileIsNamed) {
  std::get<ComposeProject>(*host.manager).files = {"deploy/compose.yaml"};
  host.switchTo("1");
  EXPECT_THAT(host.act("reload", "1").status.message(), HasSubstr("deploy/compose.yaml does not exist"));
}

INSTANTIATE_TEST_SUITE_P(Forms, Compose, testing::Values(plugIn(), ofItsOwn()),
                         [](const auto& form) { return form.param.name; });

}  // namespace
}  // namespace slipway
