// The real PM2 with real node processes.
#include <gmock/gmock.h>

#include "tests/contract/managers/managed_host.h"

namespace slipway {
namespace {

using testing::HasSubstr;

// Where tests/support/real/pm2.sh puts it.
std::string pm2Program() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const std::string folder = cache != nullptr ? cache : std::string(home != nullptr ? home : "") + "/.cache";
  const std::string program = folder + "/slipway/programs/pm2-7.0.4/node_modules/.bin/pm2";
  return ::access(program.c_str(), X_OK) == 0 ? program : std::string();
}

// Says what it is in a file, and stays.
constexpr const char* kMain =
    "require('fs').appendFileSync(process.env.SEEN, "
    "require('./version') + ' ' + (process.env.PORT || '-') + ' ' + process.env.ENVIRONMENT + '\\n');\n"
    "setInterval(() => {}, 1000);\n";

class Pm2 : public testing::Test {
 protected:
  void SetUp() override {
    if (pm2Program().empty())
      GTEST_SKIP() << "not installed: tests/support/real/pm2.sh does that, where node and npm are";
    Pm2App app;
    app.app = "shop";
    app.script = "main.js";
    app.instances = 2;
    app.bin = pm2Program();
    app.env["SEEN"] = host.dir / "seen";
    set(app);
    for (const char* id : {"1", "2"}) release(id, kMain);
  }
  void TearDown() override {
    if (pm2Program().empty()) return;
    EXPECT_EQ(std::system(("PM2_HOME=" + home() + " " + pm2Program() + " kill >/dev/null 2>&1").c_str()), 0);
  }
  void set(Pm2App app) { host.manager = std::move(app); }
  Pm2App& app() { return std::get<Pm2App>(*host.manager); }
  void release(const std::string& id, const std::string& main) {
    host.prepare(id,
                 {{"main.js", {main}}, {"version.js", {"module.exports = '" + id + "';\n"}}, {"package.json", {"{}"}}});
  }
  std::string home() const { return host.dir / "pm2"; }
  std::string seen() {
    std::string out = readFile(host.dir / "seen");
    std::filesystem::remove(host.dir / "seen");
    return out;
  }

  ManagedHost host{{"sh", {"/bin/sh"}, {}}, {"PM2_HOME=@/pm2"}};
};

TEST_F(Pm2, RunsTheReleaseThatTheLinkNamesAfterEachSwitch) {
  for (const Pm2Mode mode : {Pm2Mode::Cluster, Pm2Mode::Fork}) {
    app().mode = mode;
    host.switchTo("1");
    const StepResult first = host.act("reload", "1");
    ASSERT_TRUE(first.status) << explained(first);
    EXPECT_EQ(seen(), "1 - production\n1 - production\n");
    EXPECT_TRUE(host.look("1").status);
    host.process = ProcessLook{std::chrono::seconds(100), ""};
    EXPECT_THAT(host.look("1").status.message(), HasSubstr("s, expected 100 s: it has just been started"));
    EXPECT_TRUE(host.lookUntilOld("1").status);
    host.process.reset();
    host.switchTo("2");
    const StepResult stale = host.look("2");
    EXPECT_EQ(stale.status.code(), Code::Unavailable);
    EXPECT_THAT(stale.status.message(), HasSubstr("does not run 2: process "));
    EXPECT_THAT(stale.status.message(), HasSubstr(" runs 1"));
    const StepResult second = host.act("reload", "2");
    ASSERT_TRUE(second.status) << explained(second);
    EXPECT_EQ(seen(), "2 - production\n2 - production\n");
    EXPECT_TRUE(host.look("2").status);
    ASSERT_TRUE(host.act("stop", "2").status);
    EXPECT_FALSE(host.look("2").status);
    EXPECT_TRUE(host.act("stop", "2").alreadyDone);
  }
}

// Started by somebody by the release's own path, it would go on with it over every reload.
TEST_F(Pm2, WhatKeepsTheOldPathIsDeletedAndStarted) {
  host.switchTo("1");
  const std::string start = "cd " + host.driver.root() + "/releases/production/1 && PM2_HOME=" + home() +
                            " SEEN=" + (host.dir / "seen") + " " + pm2Program() +
                            " start main.js --name shop -i 2 >/dev/null 2>&1";
  ASSERT_EQ(std::system(start.c_str()), 0);
  host.switchTo("2");
  const StepResult result = host.act("reload", "2");
  ASSERT_TRUE(result.status) << explained(result);
  EXPECT_TRUE(host.look("2").status) << explained(host.look("2"));
}

TEST_F(Pm2, SlotsAreApplicationsOfTheirOwn) {
  app().instances = 1;
  host.place("1", "blue");
  host.place("2", "green");
  ASSERT_TRUE(host.act("start", "1", {"blue", 8081}).status);
  EXPECT_EQ(seen(), "1 8081 production\n");
  const StepResult green = host.act("start", "2", {"green", 8082});
  ASSERT_TRUE(green.status) << explained(green);
  EXPECT_EQ(seen(), "2 8082 production\n");
  EXPECT_TRUE(host.act("start", "2", {"green", 8082}).alreadyDone);
  ASSERT_TRUE(host.act("stop", "1", {"blue", 8081}).status);
  EXPECT_FALSE(host.look("1", {"blue", 8081}).status);
  EXPECT_TRUE(host.look("2", {"green", 8082}).status);
}

TEST_F(Pm2, WhatDoesNotStartTellsItsLogItsRuntimeAndItsDependencies) {
  release("3", "console.log('looking for', 'left-pad'); require('left-pad');\n");
  host.switchTo("3");
  const StepResult result = host.act("reload", "3");
  EXPECT_EQ(result.status.code(), Code::Unavailable) << explained(result);
  EXPECT_EQ(result.phase, "reload");
  EXPECT_THAT(result.tail, HasSubstr("Cannot find module 'left-pad'"));
  EXPECT_THAT(result.tail, HasSubstr("slipway: runtime: node: v"));
  EXPECT_THAT(result.tail, HasSubstr("slipway: dependencies: package.json is there, node_modules is not"));
}

TEST_F(Pm2, OperatorsSeeItsProcessesAndItsLogAndLeaveItForAFolder) {
  host.switchTo("1");
  ASSERT_TRUE(host.act("reload", "1").status);
  const StepResult seen = host.operate("processes", {}, "1");
  ASSERT_TRUE(seen.status) << explained(seen);
  ASSERT_EQ(host.facts.size(), 3U);
  EXPECT_EQ(host.facts[0], "Manager\tname=pm2\tunit=shop\twanted=2");
  EXPECT_THAT(host.facts[2], HasSubstr("\trelease=1\tsince="));
  EXPECT_THAT(host.facts[2], HasSubstr("\trestarts=0\tstate=online"));
  release("3", "console.log('here I am'); setInterval(() => {}, 1000);\n");
  host.switchTo("3");
  ASSERT_TRUE(host.act("reload", "3").status);
  ASSERT_TRUE(host.operate("logs", {"Out", "5"}, "3").status);
  EXPECT_THAT(host.printed, HasSubstr("here I am\n"));

  std::filesystem::create_directories(host.dir / "old");
  std::filesystem::copy(host.driver.root() + "/releases/production/2/main.js", host.dir / "old/main.js");
  std::filesystem::copy(host.driver.root() + "/releases/production/2/version.js", host.dir / "old/version.js");
  this->seen();
  const StepResult there = host.operate("fallback", {"to", host.dir / "old", "", "", "40"}, "3");
  ASSERT_TRUE(there.status) << explained(there);
  EXPECT_EQ(this->seen(), "2 - production\n2 - production\n");
  ASSERT_TRUE(host.operate("fallback", {"back", "", "", "", "40"}, "").status);
  EXPECT_TRUE(host.look("3").status) << explained(host.look("3"));
}

TEST_F(Pm2, ItsAbsenceIsSaid) {
  app().bin = "/nowhere/pm2";
  host.switchTo("1");
  EXPECT_THAT(host.act("reload", "1").status.message(), HasSubstr("pm2 is not there: /nowhere/pm2"));
}

}  // namespace
}  // namespace slipway
