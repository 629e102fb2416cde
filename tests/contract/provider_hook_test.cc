// Hooks on a server: run at most once where they must not be repeated.
#include <filesystem>

#include <gtest/gtest.h>

#include "tests/support/real/host_stage.h"

namespace slipway {
namespace {

class RunHook : public HostStage {
 protected:
  static HookStep hook(std::string run, bool idempotent = false) {
    HookStep step;
    step.name = "migrate";
    step.run = std::move(run);
    step.idempotent = idempotent;
    return step;
  }
  // Begins the hook, cuts the connection and kills everything of it, as a crash of the server would.
  void interrupt(const HookStep& step) {
    const auto wave = driver.start({driver.request("op-1", step)});
    wave->waitForOutput("one", "started");
    runner.cutAll();
    wave->wait();
    killAllIn(at(".state/production/ops/op-1"));
  }
};

TEST_P(RunHook, RunsInTheRootWithItsEnvironment) {
  HookStep step = hook("echo \"$VERSION $ENVIRONMENT $ODD\"; pwd > where");
  step.env = {{"VERSION", "1.0.0"}, {"ODD", "a 'b' \"$c\" \\"}};
  const auto wave = driver.start({driver.request("op-1", step)});
  const auto outcome = wave->wait();
  ASSERT_EQ(outcome.results.at("one").outcome, StepResult::Outcome::Done)
      << outcome.results.at("one").status.toString();
  EXPECT_EQ(outcome.output.at("one"), "1.0.0 production a 'b' \"$c\" \\\n");
  EXPECT_EQ(readFile(at("where")), driver.root() + "\n");
}

TEST_P(RunHook, ASecondCallHearsTheFirstOnesEnd) {
  ASSERT_TRUE(driver.run("op-1", hook("echo one >> ran")).status);
  const StepResult again = driver.run("op-1", hook("echo one >> ran"));
  EXPECT_TRUE(again.status);
  EXPECT_TRUE(again.alreadyDone);
  EXPECT_EQ(readFile(at("ran")), "one\n");
}

TEST_P(RunHook, AFailureIsItsExitCodeAndLastLines) {
  const StepResult result = driver.run("op-1", hook("echo no luck; exit 3"));
  EXPECT_EQ(result.outcome, StepResult::Outcome::Refused);
  EXPECT_EQ(result.exitCode, 3);
  EXPECT_EQ(result.phase, "migrate");
  EXPECT_EQ(result.tail, "no luck");
}

TEST_P(RunHook, IsKilledWithItsChildrenAtItsLimit) {
  HookStep step = hook("(sleep 300; echo late >> ran) & sleep 300");
  step.timeout = std::chrono::seconds(1);
  const StepResult result = driver.run("op-1", step);
  EXPECT_EQ(result.outcome, StepResult::Outcome::Refused);
  EXPECT_EQ(result.status.code(), Code::Timeout) << result.status.toString();
}

TEST_P(RunHook, OneThatWasInterruptedIsNotRunAgain) {
  interrupt(hook("echo one >> ran; echo started; sleep 300"));
  for (int round = 0; round < 2; ++round) {
    const StepResult result = driver.run("op-1", hook("echo one >> ran"));
    EXPECT_EQ(result.outcome, StepResult::Outcome::Unknown) << result.status.toString();
    EXPECT_EQ(result.status.code(), Code::OutcomeUnknown);
  }
  EXPECT_EQ(readFile(at("ran")), "one\n");
  ASSERT_TRUE(driver.run("op-2", hook("echo two >> ran")).status) << "another operation is another decision";
  EXPECT_EQ(readFile(at("ran")), "one\ntwo\n");
}

TEST_P(RunHook, AnIdempotentOneIsRunAgain) {
  interrupt(hook("echo one >> ran; echo started; sleep 300", true));
  ASSERT_TRUE(driver.run("op-1", hook("echo one >> ran", true)).status);
  EXPECT_EQ(readFile(at("ran")), "one\none\n");
}

TEST_P(RunHook, GoesOnWithoutItsConnectionAndIsFoundAgain) {
  const HookStep step = hook("echo one >> ran; echo started; while [ ! -e go ]; do sleep 0.1; done");
  const auto wave = driver.start({driver.request("op-1", step)});
  wave->waitForOutput("one", "started");
  runner.cutAll();
  EXPECT_EQ(wave->wait().results["one"].outcome, StepResult::Outcome::Unknown);
  const auto again = driver.start({driver.request("op-1", step)});
  again->waitForOutput("one", "started");
  writeFile(at("go"), "");
  EXPECT_TRUE(again->wait().results["one"].status);
  EXPECT_EQ(readFile(at("ran")), "one\n");
}

INSTANTIATE_TEST_SUITE_P(Shells, RunHook, testing::ValuesIn(hostShells()), hostShellName);

}  // namespace
}  // namespace slipway
