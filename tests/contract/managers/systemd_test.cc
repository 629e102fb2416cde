// What is asked of systemd, in every shell; tests/e2e/stories has the real one. Here systemctl is a script that starts
// a unit's process in the unit's working directory.
#include <fstream>

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/contract/managers/managed_host.h"

namespace slipway {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kSystemctl = R"sh(#!/bin/sh
echo "$@" >>"$FAKE/calls"
[ "$1" = --user ] && shift
verb=$1 unit=$2 pid=0
file=$XDG_CONFIG_HOME/systemd/user/$unit
[ ! -s "$FAKE/$unit" ] || pid=$(cat "$FAKE/$unit")
[ "$pid" = 0 ] || kill -0 "$pid" 2>/dev/null || pid=0
end() {
  [ "$pid" = 0 ] || kill -9 "$pid"
  : >"$FAKE/$unit"
}
case $verb in
  show)
    if [ -e "$file" ]; then echo LoadState=loaded; else echo LoadState=not-found; fi
    if [ "$pid" != 0 ]; then echo ActiveState=active; else echo ActiveState=inactive; fi
    echo SubState=x
    echo Result=exit-code
    echo "MainPID=$pid"
    echo ExecMainStatus=3 ;;
  restart)
    end
    cd "$(sed -n 's/^WorkingDirectory=//p' "$file")" || exit 1
    [ ! -e broken ] || exit 1
    sleep 1000 >/dev/null 2>&1 &
    echo $! >"$FAKE/$unit" ;;
  stop) end ;;
  is-enabled) exit 1 ;;
esac
)sh";

class Systemd : public testing::TestWithParam<HostShell> {
 protected:
  void SetUp() override {
    if (!GetParam().usable()) GTEST_SKIP() << GetParam().name << " is not installed";
    for (const char* folder : {"bin", "run/systemd", "config", "fake"}) {
      std::filesystem::create_directories(host.dir / folder);
    }
    for (const auto& [name, text] : std::map<std::string, std::string>{
             {"systemctl", kSystemctl}, {"journalctl", "#!/bin/sh\necho \"the journal of $3\"\n"}}) {
      std::ofstream(host.dir / ("bin/" + name)) << text;
      std::filesystem::permissions(host.dir / ("bin/" + name), std::filesystem::perms::owner_all);
    }
    listen(host.dir / "run/systemd/private");
    SystemdUnit unit;
    unit.unit = "shop";
    unit.scope = SystemdScope::User;
    unit.execStart = "./shop";
    host.manager = unit;
    for (const char* id : {"1", "2"}) host.prepare(id, {{"shop", {"#!/bin/sh\n"}}});
  }
  void TearDown() override {
    for (const char* unit : {"shop", "shop@blue", "shop@green"}) {
      if (const std::string pid = readFile(host.dir / ("fake/" + std::string(unit) + ".service")); !pid.empty()) {
        ::kill(std::stoi(pid), SIGKILL);
      }
    }
    ::close(socket_);
  }
  void listen(const std::string& path) {
    socket_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    ASSERT_LT(path.size(), sizeof address.sun_path);
    path.copy(address.sun_path, path.size());
    ASSERT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  std::string unitFile(const std::string& unit) {
    return readFile(host.dir / ("config/systemd/user/" + unit + ".service"));
  }
  std::string calls() {
    std::string out = readFile(host.dir / "fake/calls");
    std::filesystem::remove(host.dir / "fake/calls");
    return out;
  }
  SystemdUnit& unit() { return std::get<SystemdUnit>(*host.manager); }

  ManagedHost host{GetParam(), {"XDG_RUNTIME_DIR=@/run", "XDG_CONFIG_HOME=@/config", "FAKE=@/fake"}};
  int socket_ = -1;
};

TEST_P(Systemd, TheMainProcessMustHaveRunForAWhile) {
  host.switchTo("1");
  ASSERT_TRUE(host.act("reload", "1").status);
  host.process = ProcessLook{std::chrono::seconds(100), ""};
  const StepResult young = host.look("1");
  EXPECT_EQ(young.status.code(), Code::Unavailable);
  EXPECT_EQ(young.phase, "process");
  EXPECT_THAT(young.status.message(), HasSubstr(" s, expected 100 s: it has just been started"));
  EXPECT_TRUE(host.lookUntilOld("1").status);
}

TEST_P(Systemd, AUnitIsWrittenOnceAndItsProcessIsOfTheRelease) {
  host.switchTo("1");
  const StepResult first = host.act("reload", "1");
  ASSERT_TRUE(first.status) << explained(first);
  EXPECT_THAT(unitFile("shop"), HasSubstr("WorkingDirectory=" + host.driver.root() + "/current-production\n"));
  EXPECT_THAT(calls(), HasSubstr("--user daemon-reload\n"));
  host.switchTo("2");
  const StepResult stale = host.look("2");
  EXPECT_THAT(stale.status.message(), HasSubstr("it does not run 2: process "));
  EXPECT_THAT(stale.tail, HasSubstr("the journal of shop.service"));
  ASSERT_TRUE(host.act("reload", "2").status);
  EXPECT_TRUE(host.look("2").status);
  EXPECT_THAT(calls(), Not(HasSubstr("daemon-reload")));
}

TEST_P(Systemd, SlotsAreInstancesOfTheirOwn) {
  host.place("1", "blue");
  host.place("2", "green");
  ASSERT_TRUE(host.act("start", "1", {"blue", 8081}).status);
  const StepResult green = host.act("start", "2", {"green", 8082});
  ASSERT_TRUE(green.status) << explained(green);
  EXPECT_THAT(unitFile("shop@green"), HasSubstr("/current-production-green\n"));
  EXPECT_THAT(unitFile("shop@green"), HasSubstr("Environment=\"PORT=8082\"\n"));
  EXPECT_TRUE(host.act("start", "2", {"green", 8082}).alreadyDone);
  calls();
  ASSERT_TRUE(host.act("stop", "1", {"blue", 8081}).status);
  EXPECT_THAT(calls(), HasSubstr("--user disable shop@blue.service\n"));
  EXPECT_FALSE(host.look("1", {"blue", 8081}).status);
  EXPECT_TRUE(host.look("2", {"green", 8082}).status);
}

TEST_P(Systemd, TheWayBackIsToTheUnitAsItWas) {
  host.switchTo("1");
  ASSERT_TRUE(host.act("reload", "1").status);
  const std::string before = unitFile("shop");
  unit().execStart = "./shop --new";
  host.switchTo("2");
  ASSERT_TRUE(host.act("reload", "2").status);
  EXPECT_NE(unitFile("shop"), before);
  host.switchTo("1");
  const StepResult back = host.act("reload", "1", {}, true);
  ASSERT_TRUE(back.status) << explained(back);
  EXPECT_EQ(unitFile("shop"), before);
}

TEST_P(Systemd, AUnitOfAnotherHandIsNotReplaced) {
  std::filesystem::create_directories(host.dir / "config/systemd/user");
  std::ofstream(host.dir / "config/systemd/user/shop.service") << "[Service]\nExecStart=/bin/true\n";
  host.switchTo("1");
  const StepResult refused = host.act("reload", "1");
  EXPECT_EQ(refused.status.code(), Code::Conflict);
  EXPECT_THAT(refused.status.message(), HasSubstr("render"));
  EXPECT_EQ(unitFile("shop"), "[Service]\nExecStart=/bin/true\n");
}

TEST_P(Systemd, WhatDoesNotStartSaysHowItIs) {
  host.prepare("3", {{"broken", {""}}, {"composer.json", {"{}"}}});
  host.switchTo("3");
  const StepResult failed = host.act("reload", "3");
  EXPECT_EQ(failed.status.code(), Code::Unavailable);
  EXPECT_THAT(failed.status.message(), HasSubstr("Result exit-code, ExecMainStatus 3"));
  EXPECT_THAT(failed.tail, HasSubstr("composer.json is there, vendor/autoload.php is not"));
}

TEST_P(Systemd, OperatorsSeeItsProcessesAndItsLogAndLeaveItForAFolder) {
  host.switchTo("1");
  ASSERT_TRUE(host.act("reload", "1").status);
  const std::string before = unitFile("shop");
  const StepResult seen = host.operate("processes", {}, "1");
  ASSERT_TRUE(seen.status) << explained(seen);
  ASSERT_EQ(host.facts.size(), 2U);
  EXPECT_EQ(host.facts[0], "Manager\tname=systemd\tunit=shop.service\tstate=loaded/active/x\trestarts=0");
  EXPECT_THAT(host.facts[1], HasSubstr("\trelease=1\tsince="));
  EXPECT_THAT(host.facts[1], HasSubstr("\tcommand=sleep 1000"));
  ASSERT_TRUE(host.operate("logs", {"Combined", "50"}, "1").status);
  EXPECT_EQ(host.printed, "the journal of shop.service\n");

  std::filesystem::create_directories(host.dir / "old");
  const StepResult there = host.operate("fallback", {"to", host.dir / "old", "", "", "40"}, "1");
  ASSERT_TRUE(there.status) << explained(there);
  const std::string pid = readFile(host.dir / "fake/shop.service");
  EXPECT_EQ(std::filesystem::read_symlink("/proc/" + pid.substr(0, pid.size() - 1) + "/cwd"), host.dir / "old");
  const StepResult back = host.operate("fallback", {"back", "", "", "", "40"}, "");
  ASSERT_TRUE(back.status) << explained(back);
  EXPECT_TRUE(host.look("1").status) << explained(host.look("1"));
  EXPECT_EQ(unitFile("shop"), before);
}

INSTANTIATE_TEST_SUITE_P(Shells, Systemd, testing::ValuesIn(hostShells()), hostShellName);

}  // namespace
}  // namespace slipway
