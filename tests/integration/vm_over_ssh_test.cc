// The server provider over real sshd servers.
#include <atomic>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "providers/transport/ssh_command_runner.h"
#include "providers/vm/ssh_vm_provider.h"
#include "tests/support/fake_artifact.h"
#include "tests/support/sshd_fixture.h"
#include "tests/support/step_driver.h"

namespace slipway {
namespace {

namespace fs = std::filesystem;

class VmOverSsh : public testing::Test {
 protected:
  void SetUp() override {
    if (!SshdFixture::available()) GTEST_SKIP() << "no sshd or ssh-keygen installed";
    sshd = std::make_unique<SshdFixture>();
    driver = std::make_unique<StepDriver>(*provider, *clock, dir / "app");
    driver->base = sshd->target();
  }
  PrepareStep prepare(const std::string& id, std::vector<BuildStep> build = {}) {
    std::map<std::string, FakeArtifact::File> tree = {
        {"id", {id}}, {"ok", {"yes"}}, {"big", {std::string(3 << 20, 'b')}}};
    return {.releaseId = id,
            .identity = "v1:" + id,
            .artifact = std::make_shared<FakeArtifact>(tree),
            .build = std::move(build)};
  }
  static BuildStep sh(const std::string& name, const std::string& run) {
    BuildStep step;
    step.name = name;
    step.run = run;
    return step;
  }

  TempDir dir;
  std::unique_ptr<SshdFixture> sshd;
  std::unique_ptr<Clock> clock = newSystemClock();
  NullMetrics metrics;
  NullLogger logger;
  std::unique_ptr<CommandRunner> runner = *transport::newSshCommandRunner(*clock, metrics, logger);
  std::unique_ptr<Provider> provider = vm::newSshVmProvider(*runner, *clock, metrics, logger);
  std::unique_ptr<StepDriver> driver;
};

TEST_F(VmOverSsh, ThreeServersArePreparedAndSwitchTogether) {
  const std::vector<std::string> names = {"a", "b", "c"};
  std::vector<StepRequest> wave;
  for (const auto& name : names)
    wave.push_back(driver->request("p", prepare("1", {sh("build", "echo built > b")}), name));
  auto outcome = driver->start(wave)->wait();
  wave.clear();
  for (const auto& name : names) {
    ASSERT_TRUE(outcome.results[name].status) << outcome.results[name].status.toString();
    EXPECT_GT(outcome.results[name].bytesSent, 3U << 20U);
    wave.push_back(driver->request("s", SwitchStep{"1", outcome.results[name].digest}, name));
  }
  outcome = driver->start(wave)->wait();
  SteadyTime first = SteadyTime::max();
  SteadyTime last = SteadyTime::min();
  for (const auto& name : names) {
    ASSERT_TRUE(outcome.results[name].status) << outcome.results[name].status.toString();
    first = std::min(first, outcome.results[name].effectAt);
    last = std::max(last, outcome.results[name].effectAt);
    EXPECT_TRUE(fs::exists(driver->root() + "-" + name + "/current-production/ok"));
  }
  RecordProperty("skew_ms", static_cast<int>((last - first) / std::chrono::milliseconds(1)));
  EXPECT_LT(last - first, std::chrono::seconds(5));
}

TEST_F(VmOverSsh, ACutConnectionIsUnknownAndTheBuildIsFoundAgain) {
  const PrepareStep step = prepare("1", {sh("slow", "echo one >> ../../../ran; echo started; sleep 1")});
  const auto wave = driver->start({driver->request("op-1", step)});
  wave->waitForOutput("one", "started");
  sshd->cutConnections();
  EXPECT_EQ(wave->wait().results["one"].outcome, StepResult::Outcome::Unknown);
  const StepResult again = driver->run("op-1", step);
  EXPECT_TRUE(again.status) << again.status.toString();
  EXPECT_EQ(readFile(driver->root() + "/ran"), "one\n");
}

TEST_F(VmOverSsh, AServerThatStandsStillTimesOutAndNothingFlips) {
  const StepResult ready = driver->run("p", prepare("1"));
  ASSERT_TRUE(ready.status) << ready.status.toString();
  const SshdFixture frozen;
  frozen.freeze();
  StepRequest good = driver->request("s1", SwitchStep{"1", ready.digest});
  StepRequest bad = driver->request("s2", SwitchStep{"1", ready.digest}, "two");
  bad.target = frozen.target("two");
  good.deadline = bad.deadline = clock->steady() + std::chrono::seconds(2);
  const auto outcome = driver->start({good, bad})->wait();
  EXPECT_EQ(outcome.results.at("one").outcome, StepResult::Outcome::Refused);
  EXPECT_EQ(outcome.results.at("two").outcome, StepResult::Outcome::Refused);
  EXPECT_EQ(outcome.results.at("two").status.code(), Code::Timeout) << outcome.results.at("two").status.toString();
  EXPECT_FALSE(fs::is_symlink(driver->root() + "/current-production"));
}

TEST_F(VmOverSsh, AWrongHostKeyRefusesEveryStep) {
  const SshdFixture other;
  driver->base.hostKeys = other.hostKeys();
  const StepResult result = driver->run("op", ObserveStep{});
  EXPECT_EQ(result.outcome, StepResult::Outcome::Refused);
  EXPECT_EQ(result.status.code(), Code::Denied);
}

TEST_F(VmOverSsh, AReaderThroughTheLinkNeverMissesTheFile) {
  const char* full = std::getenv("SLIPWAY_FULL");
  const int flips = full == nullptr ? 50 : 1000;
  const std::string one = driver->run("p1", prepare("1")).digest;
  const std::string two = driver->run("p2", prepare("2")).digest;
  ASSERT_TRUE(driver->run("s0", SwitchStep{"1", one}).status);
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> misses{0};
  std::jthread reader([&, file = driver->root() + "/current-production/ok"] {
    struct stat seen {};
    while (!stop) {
      if (::stat(file.c_str(), &seen) != 0) ++misses;
    }
  });
  for (int i = 0; i < flips; ++i) {
    const bool odd = i % 2 == 1;
    const StepResult result = driver->run("f" + std::to_string(i), SwitchStep{odd ? "1" : "2", odd ? one : two});
    ASSERT_TRUE(result.status) << result.status.toString();
  }
  stop = true;
  reader.join();
  EXPECT_EQ(misses, 0U);
}

}  // namespace
}  // namespace slipway
