#include "reconciler/release/step_launcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_metrics.h"
#include "tests/support/fakes/fake_http_client.h"
#include "tests/support/fakes/fake_provider.h"
#include "tests/support/fakes/fleet_objects.h"
#include "tests/support/run_builder.h"

namespace slipway::release {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Launching : public testing::Test {
 protected:
  void start(StepKind kind) {
    launcher.start({run, nullptr, [](const RunTarget&) { return 1; }, keep}, {{{0, kind}, 1, "op"}},
                   {[this](const std::string&, const StepResult& result) { results.push_back(result); },
                    [](const std::string&, const std::string&) {}, [](const std::string&, const std::string&) {}});
  }
  void SetUp() override { addServer(objects, "web1"); }

  FakeObjects objects;
  FakeProvider provider;
  FakeHttpClient http;
  FakeClock clock;
  FakeMetrics metrics;
  StepLauncher launcher{objects, provider, http, metrics, clock};
  ReleaseRun run = runOver(1);
  std::vector<std::string> keep;
  std::vector<StepResult> results;
};

TEST_F(Launching, ARunningContainerIsHealthyWhereNoUrlIsGiven) {
  run.spec.spec.health.container = ContainerCheck{"web"};
  start(StepKind::Verify);
  const auto look = std::get<VerifyStep>(provider.request().action).container;
  ASSERT_TRUE(look.has_value());
  EXPECT_EQ(look->name, "web");
  EXPECT_TRUE(look->ownHealth);
  EXPECT_EQ(look->timeout, run.spec.spec.health.timeout);
  provider.answer();
  ASSERT_EQ(results.size(), 1U);
  EXPECT_TRUE(results[0].status);
  EXPECT_THAT(http.asked, IsEmpty());
}

TEST_F(Launching, TheHttpCheckDecidesForARunningContainer) {
  run.spec.spec.health.container = ContainerCheck{"web"};
  run.spec.spec.health.http = HttpCheck{};
  http.status = 503;
  start(StepKind::Verify);
  EXPECT_FALSE(std::get<VerifyStep>(provider.request().action).container->ownHealth);
  provider.answer();
  EXPECT_THAT(http.asked, ElementsAre("http://192.0.2.1:80/"));
  ASSERT_EQ(results.size(), 1U);
  EXPECT_NE(results[0].status.message().find("got status 503"), std::string::npos);

  start(StepKind::Verify);
  provider.refuse(Code::Unavailable, "web1: container web is not running (exited, code 1)", "container");
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[1].status.message(), "web1: container web is not running (exited, code 1)");
  EXPECT_EQ(http.asked.size(), 1U);
  EXPECT_EQ(metrics.value("slipway_health_checks_total", {{"type", "container"}, {"result", "ok"}}), 1);
  EXPECT_EQ(metrics.value("slipway_health_checks_total", {{"type", "container"}, {"result", "failed"}}), 1);
  EXPECT_EQ(metrics.value("slipway_health_checks_total", {{"type", "http"}, {"result", "failed"}}), 1);
  EXPECT_EQ(metrics.total("slipway_health_checks_total"), 3);
}

TEST_F(Launching, AManagerGetsTheReleasesNameAndSeesWhatRuns) {
  run.spec.spec.process = Process{.timeout = std::chrono::seconds(9), .servers = {"web1"}, .manager = SystemdUnit{}};
  start(StepKind::Start);
  const auto started = std::get<ProcessStep>(provider.request().action);
  EXPECT_EQ(started.action, "reload");
  EXPECT_EQ(std::get<SystemdUnit>(started.manager.value()).unit, run.spec.release);
  EXPECT_FALSE(started.goingBack);
  provider.answer();
  start(StepKind::Verify);
  EXPECT_TRUE(std::get<VerifyStep>(provider.request().action).manager.has_value());
  provider.answer();
  start(StepKind::Restart);
  const auto back = std::get<ProcessStep>(provider.request().action);
  EXPECT_EQ(back.action, "stop") << "there was no version before";
  EXPECT_TRUE(back.goingBack);
  provider.answer();
  run.spec.spec.process->servers = {"another"};
  start(StepKind::Verify);
  EXPECT_FALSE(std::get<VerifyStep>(provider.request().action).manager.has_value());
}

TEST_F(Launching, TheProcessCheckIsMadeWhereTheReleaseRunsItsProcess) {
  run.spec.spec.health.process = ProcessCheck{std::chrono::seconds(7), "shop.pid"};
  run.spec.spec.process = Process{.reload = "./reload", .servers = {"web1"}};
  start(StepKind::Verify);
  const auto look = std::get<VerifyStep>(provider.request().action).process;
  ASSERT_TRUE(look.has_value());
  EXPECT_EQ(look->minUptime, std::chrono::seconds(7));
  EXPECT_EQ(look->pidFile, "shop.pid");
  provider.refuse(Code::Unavailable, "process 4 has run for 1 s, expected 7 s", "process");
  ASSERT_EQ(results.size(), 1U);
  EXPECT_FALSE(results[0].status);
  EXPECT_EQ(metrics.value("slipway_health_checks_total", {{"type", "process"}, {"result", "failed"}}), 1);
  run.spec.spec.process->servers = {"another"};
  start(StepKind::Verify);
  EXPECT_FALSE(std::get<VerifyStep>(provider.request().action).process.has_value());
  provider.answer();
}

}  // namespace
}  // namespace slipway::release
