// The server provider where only one command can run at a time: the same ends as side by side.
#include <atomic>
#include <filesystem>

#include <gtest/gtest.h>

#include "providers/vm/ssh_vm_provider.h"
#include "tests/support/fake_artifact.h"
#include "tests/support/fake_clock.h"
#include "tests/support/local_command_runner.h"
#include "tests/support/step_driver.h"
#include "tests/support/temp_dir.h"

namespace slipway {
namespace {

namespace fs = std::filesystem;

// Counts how many commands run at the same time.
class CountingRunner final : public CommandRunner {
 public:
  std::shared_ptr<RemoteProcess> start(const RemoteTarget& target, RemoteCommand command,
                                       RemoteEvents events) override {
    const int now = ++running;
    int seen = most;
    while (now > seen && !most.compare_exchange_weak(seen, now)) {
    }
    events.exit = [this, exit = std::move(events.exit)](Result<int> code) {
      --running;
      exit(std::move(code));
    };
    return inner_.start(target, std::move(command), std::move(events));
  }
  bool parallel() const override { return isParallel; }

  std::atomic<int> running{0};
  std::atomic<int> most{0};
  std::atomic<bool> isParallel{true};

 private:
  LocalCommandRunner inner_;
};

class InTurn : public testing::Test {
 protected:
  PrepareStep prepareStep(const std::string& id, std::vector<BuildStep> build = {}) const {
    return {.releaseId = id,
            .identity = "v1:" + id,
            .artifact = std::make_shared<FakeArtifact>(std::map<std::string, FakeArtifact::File>{{"id", {id}}}),
            .build = std::move(build)};
  }
  // Prepares the release on a, b and c; their digests.
  std::map<std::string, std::string> prepareAll(const std::string& id) {
    std::vector<StepRequest> wave;
    for (const char* name : {"a", "b", "c"}) {
      wave.push_back(driver.request("p" + id + name, prepareStep(id), name));
    }
    std::map<std::string, std::string> digests;
    auto outcome = driver.start(wave)->wait();
    for (auto& [name, result] : outcome.results) {
      EXPECT_TRUE(result.status) << result.status.toString();
      digests[name] = result.digest;
    }
    return digests;
  }
  std::vector<StepRequest> switches(const std::string& id, const std::map<std::string, std::string>& digests) const {
    std::vector<StepRequest> wave;
    for (const auto& [name, digest] : digests) {
      wave.push_back(driver.request("s" + id + name, SwitchStep{id, digest}, name));
    }
    return wave;
  }
  bool isLive(const std::string& name, const std::string& id) const {
    std::error_code missing;
    const fs::path link = fs::read_symlink(driver.root() + "-" + name + "/current-production", missing);
    return link == "releases/production/" + id;
  }

  TempDir dir;
  std::unique_ptr<Clock> clock = newSystemClock();
  NullMetrics metrics;
  NullLogger logger;
  CountingRunner runner;
  std::unique_ptr<Provider> provider = vm::newSshVmProvider(runner, *clock, metrics, logger, false);
  StepDriver driver{*provider, *clock, dir / "app"};
};

TEST_F(InTurn, OneCommandRunsAtATimeAndEveryServerSwitches) {
  EXPECT_FALSE(provider->capabilities().armedSwitch);
  const auto digests = prepareAll("1");
  auto outcome = driver.start(switches("1", digests))->wait();
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_TRUE(outcome.results[name].status) << outcome.results[name].status.toString();
    EXPECT_TRUE(isLive(name, "1")) << name;
  }
  EXPECT_LT(outcome.results["a"].effectAt, outcome.results["b"].effectAt);
  EXPECT_LT(outcome.results["b"].effectAt, outcome.results["c"].effectAt);
  EXPECT_EQ(runner.most, 1);
}

TEST_F(InTurn, NoneFlipsUnlessAllCouldBeArmed) {
  auto digests = prepareAll("1");
  digests["c"] = "sha256:nothing";
  auto outcome = driver.start(switches("1", digests))->wait();
  EXPECT_EQ(outcome.results["c"].status.code(), Code::Conflict) << outcome.results["c"].status.toString();
  for (const char* name : {"a", "b"}) {
    EXPECT_EQ(outcome.results[name].outcome, StepResult::Outcome::Refused);
    EXPECT_NE(outcome.results[name].status.message().find("because c failed"), std::string::npos)
        << outcome.results[name].status.toString();
    EXPECT_FALSE(isLive(name, "1")) << name;
  }
  digests = prepareAll("2");
  outcome = driver.start(switches("2", digests))->wait();
  for (const char* name : {"a", "b", "c"}) EXPECT_TRUE(isLive(name, "2")) << name;
}

TEST_F(InTurn, ARepeatedSwitchIsDoneAlready) {
  const auto digests = prepareAll("1");
  driver.start(switches("1", digests))->wait();
  const auto outcome = driver.start(switches("1", digests))->wait();
  for (const auto& [name, result] : outcome.results) {
    EXPECT_TRUE(result.status) << name << " " << result.status.toString();
    EXPECT_TRUE(result.alreadyDone) << name;
  }
}

TEST_F(InTurn, ACancelledSwitchTakesTheWholeWaveAlong) {
  const auto digests = prepareAll("1");
  BuildStep slow;
  slow.name = "slow";
  slow.run = "echo started; sleep 300";
  const auto holder = driver.start({driver.request("hold", prepareStep("2", {slow}), "x")});
  holder->waitForOutput("x", "started");
  const auto wave = driver.start(switches("1", digests));
  provider->cancel("s1b");
  auto outcome = wave->wait();
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_EQ(outcome.results[name].status.code(), Code::Cancelled) << outcome.results[name].status.toString();
    EXPECT_FALSE(isLive(name, "1")) << name;
  }
  driver.start({driver.request("hold.abort", AbortStep{"hold"}, "x")})->wait();
  holder->wait();
}

TEST_F(InTurn, AnAbortDoesNotWaitForWhatItIsToEnd) {
  BuildStep slow;
  slow.name = "slow";
  slow.run = "echo started; sleep 300";
  const auto held = driver.start({driver.request("hold", prepareStep("1", {slow}), "a")});
  held->waitForOutput("a", "started");
  const auto waiting = driver.start({driver.request("next", prepareStep("1"), "b")});
  const auto abort = driver.start({driver.request("hold.abort", AbortStep{"hold"}, "a")});
  EXPECT_TRUE(abort->wait().results["a"].status);
  EXPECT_NE(held->wait().results["a"].outcome, StepResult::Outcome::Done);
  EXPECT_TRUE(waiting->wait().results["b"].status);
  EXPECT_EQ(runner.most, 1);
}

TEST_F(InTurn, TheEndOfTheProviderEndsWhatWaits) {
  BuildStep slow;
  slow.name = "slow";
  slow.run = "echo started; sleep 300";
  const auto held = driver.start({driver.request("hold", prepareStep("1", {slow}), "a")});
  held->waitForOutput("a", "started");
  const auto waiting = driver.start({driver.request("next", prepareStep("1"), "b")});
  // Not through the provider: it is to go while both are under way.
  auto aborter = vm::newSshVmProvider(runner, *clock, metrics, logger);
  provider.reset();
  EXPECT_EQ(held->wait().results["a"].outcome, StepResult::Outcome::Unknown);
  EXPECT_EQ(waiting->wait().results["b"].status.code(), Code::Cancelled);
  StepDriver after(*aborter, *clock, dir / "app");
  after.start({after.request("hold.abort", AbortStep{"hold"}, "a")})->wait();
}

TEST_F(InTurn, ARunnerThatFindsNoMoreRoomIsNotAskedForMoreThanOne) {
  provider = vm::newSshVmProvider(runner, *clock, metrics, logger);
  StepDriver again(*provider, *clock, dir / "other");
  EXPECT_TRUE(provider->capabilities().armedSwitch);
  runner.isParallel = false;
  EXPECT_FALSE(provider->capabilities().armedSwitch);
  std::vector<StepRequest> wave;
  for (const char* name : {"a", "b", "c"}) {
    wave.push_back(again.request(std::string("p") + name, prepareStep("1"), name));
  }
  again.start(wave)->wait();
  EXPECT_EQ(runner.most, 1);
}

// Keeps what is started, and ends it when told.
class HeldRunner final : public CommandRunner {
 public:
  std::shared_ptr<RemoteProcess> start(const RemoteTarget&, RemoteCommand command, RemoteEvents events) override {
    const std::lock_guard lock(mutex);
    deadlines.push_back(command.deadline);
    exits.push_back(std::move(events.exit));
    changed.notify_all();
    return std::make_shared<Nothing>();
  }
  SteadyTime waitForStart(std::size_t number) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return deadlines.size() >= number; });
    return deadlines[number - 1];
  }
  void end(std::size_t number) { exits[number - 1](Status(Code::Unavailable, "ended by the test")); }

 private:
  struct Nothing final : RemoteProcess {
    void write(std::string) override {}
    void closeInput() override {}
    void cancel() override {}
  };
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<SteadyTime> deadlines;
  std::vector<std::function<void(Result<int>)>> exits;
};

TEST(InTurnTime, DoesNotRunWhileAStepWaitsForItsTurn) {
  FakeClock clock;
  NullMetrics metrics;
  NullLogger logger;
  HeldRunner runner;
  const auto provider = vm::newSshVmProvider(runner, clock, metrics, logger, false);
  StepDriver driver(*provider, clock, "/srv/app");
  const auto wave = driver.start({driver.request("o1", ObserveStep{}, "a"), driver.request("o2", ObserveStep{}, "b")});
  const SteadyTime first = runner.waitForStart(1);
  clock.advance(driver.timeLimit);
  runner.end(1);
  EXPECT_EQ(runner.waitForStart(2), first + driver.timeLimit);
  runner.end(2);
  wave->wait();
}

}  // namespace
}  // namespace slipway
