#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/release/hooks/hook_launch.h"
#include "tests/support/run_builder.h"
#include "tests/unit/reconciler/release/release_stage.h"

namespace slipway {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::SizeIs;

Json hooks(const std::string& list) { return Json::object({{"hooks", *parseJson(list)}}); }

const char* const kMigrate = R"([{"name":"migrate","at":"BeforeSwitch","run":"m"}])";
const char* const kCall = R"([{"name":"call","at":"BeforeSwitch","http":{"url":"http://h/{{server}}"}}])";

TEST(RunHooks, RunInOrderAndAreRecorded) {
  ReleaseStage stage(2);
  stage.apply("1.0.0", hooks(R"([{"name":"backup","at":"Backup","run":"b"},
                                 {"name":"after","at":"AfterSwitch","run":"a","scope":"EachServer"}])"));
  stage.settle();
  EXPECT_EQ(stage.ready(), "True");
  EXPECT_EQ(stage.provider.started.front(), "backup web1");
  EXPECT_EQ(stage.provider.count("after web2"), 1U);
  const RunStatus status = stage.run(1).status;
  EXPECT_EQ(status.hooks.at("backup").record.state, StepState::Done);
  EXPECT_EQ(status.hooks.at("after/web2").server, "web2");
}

TEST(RunHooks, ARequestIsRecordedBeforeItIsSentAndNeverSentTwice) {
  ReleaseStage stage(1);
  stage.outbound.held = true;
  stage.apply("1.0.0", hooks(kCall));
  stage.settle(std::chrono::seconds(20));
  ASSERT_THAT(stage.outbound.sent, SizeIs(1));
  EXPECT_EQ(stage.outbound.sent[0].url, "http://h/web1");
  EXPECT_EQ(stage.run(1).status.hooks.at("call").record.state, StepState::Running);

  stage.restart();
  stage.settle();
  EXPECT_THAT(stage.outbound.sent, SizeIs(1));
  EXPECT_EQ(stage.run(1).status.phase, RunPhase::Paused);
  EXPECT_EQ(stage.run(1).status.transitions.back().reason, "HookOutcomeUnknown");
}

TEST(RunHooks, APersonSaysThatItHappenedOrHasItDoneAgain) {
  for (const char* verb : {"promote", "resume"}) {
    ReleaseStage stage(1);
    stage.outbound.held = true;
    stage.apply("1.0.0", hooks(kCall));
    stage.settle(std::chrono::seconds(20));
    stage.restart();
    stage.outbound.held = false;
    stage.settle();
    stage.ask(verb, "1");
    stage.settle();
    EXPECT_EQ(stage.ready(), "True") << verb;
    EXPECT_THAT(stage.outbound.sent, SizeIs(std::string(verb) == "promote" ? 1 : 2)) << verb;
  }
}

// To go on after a pause is not an answer to a question that was never asked.
TEST(RunHooks, AResumedPauseDoesNotRepeatWhatMayHaveHappened) {
  ReleaseStage stage(1);
  stage.outbound.held = true;
  stage.apply("1.0.0", hooks(kCall));
  stage.settle(std::chrono::seconds(20));
  stage.ask("pause", "1");
  stage.settle(std::chrono::seconds(20));
  stage.restart();
  stage.settle();
  stage.ask("resume", "1");
  stage.settle();
  EXPECT_THAT(stage.outbound.sent, SizeIs(1));
  EXPECT_EQ(stage.run(1).status.transitions.back().reason, "HookOutcomeUnknown");
}

TEST(RunHooks, AnIdempotentRequestIsSentAgainUnderItsKey) {
  ReleaseStage stage(1);
  int tries = 0;
  stage.outbound.answer = [&](const HttpClientRequest&) {
    return ++tries < 3 ? Result<HttpClientResponse>(Code::Timeout, "late") : HttpClientResponse{204, ""};
  };
  stage.apply("1.0.0", hooks(R"([{"name":"call","at":"Backup","idempotent":true,"http":{"url":"http://h/"}}])"));
  stage.settle();
  EXPECT_EQ(stage.ready(), "True");
  ASSERT_THAT(stage.outbound.sent, SizeIs(3));
  EXPECT_THAT(stage.outbound.sent[2].headers,
              Contains(Pair("Idempotency-Key", stage.run(1).meta.uid + ".hook.call.web1.1")));
  EXPECT_EQ(stage.outbound.sent[0].headers, stage.outbound.sent[2].headers);
}

TEST(RunHooks, ARequestWithoutAnAnswerIsAQuestionAndOneThatCouldNotBeginIsTriedAgain) {
  ReleaseStage stage(1);
  stage.outbound.answer = [](const HttpClientRequest&) { return Status(Code::Timeout, "late"); };
  stage.apply("1.0.0", hooks(kCall));
  stage.settle();
  EXPECT_THAT(stage.outbound.sent, SizeIs(1));
  EXPECT_EQ(stage.run(1).status.transitions.back().reason, "HookOutcomeUnknown");

  ReleaseStage away(1);
  away.outbound.reachable = Status(Code::Unavailable, "connection refused");
  away.apply("1.0.0", hooks(kCall));
  away.settle();
  EXPECT_THAT(away.outbound.sent, SizeIs(0));
  EXPECT_EQ(away.run(1).status.hooks.at("call").record.tries, 4);
  EXPECT_EQ(away.run(1).status.phase, RunPhase::Failed);
}

TEST(RunHooks, AWrongStatusFailsTheRunBeforeAnythingIsSwitched) {
  ReleaseStage stage(2);
  stage.outbound.answer = [](const HttpClientRequest&) { return HttpClientResponse{500, "no disk"}; };
  stage.apply("1.0.0", hooks(kCall));
  stage.settle();
  EXPECT_EQ(stage.run(1).status.phase, RunPhase::Failed);
  EXPECT_THAT(stage.run(1).status.message, HasSubstr("got status 500, expected 200 to 299"));
  EXPECT_EQ(stage.provider.count("switch web1"), 0U);
}

TEST(RunHooks, ALostCommandIsAskedAboutUnderTheSameId) {
  ReleaseStage stage(1);
  stage.provider.held = {"migrate web1"};
  stage.apply("1.0.0", hooks(kMigrate));
  stage.settle(std::chrono::seconds(20));
  stage.restart();
  stage.provider.held.clear();
  stage.settle();
  EXPECT_EQ(stage.ready(), "True");
  EXPECT_EQ(stage.provider.count("migrate web1"), 2U);
  std::vector<std::string> ids;
  std::copy_if(stage.provider.operations.begin(), stage.provider.operations.end(), std::back_inserter(ids),
               [](const std::string& id) { return id.find(".hook.") != std::string::npos; });
  EXPECT_EQ(ids.front(), ids.back());
}

TEST(RunHooks, AFailureAfterTheSwitchGoesBackAndIsTold) {
  ReleaseStage stage(2);
  stage.apply("1.0.0");
  stage.settle();
  stage.provider.answers["smoke web1"] = [](const StepRequest&) {
    return ScriptedProvider::refused(Code::Invalid, "exit code 3");
  };
  stage.apply("2.0.0", hooks(R"([{"name":"smoke","at":"AfterSwitch","run":"s"},
                                 {"name":"undone","at":"AfterRollback","run":"u"},
                                 {"name":"tell","at":"OnFailure","run":"t"}])"));
  stage.settle();
  EXPECT_EQ(stage.run(2).status.phase, RunPhase::RolledBack);
  EXPECT_EQ(stage.provider.live["web1"], "1.0.0");
  EXPECT_EQ(stage.provider.count("undone web1"), 1U);
  EXPECT_EQ(stage.provider.count("tell web1"), 1U);
}

TEST(RunHooks, AnAbortBeforeTheSwitchKillsACommand) {
  ReleaseStage stage(1);
  stage.provider.held = {"migrate web1"};
  stage.apply("1.0.0", hooks(kMigrate));
  stage.settle(std::chrono::seconds(20));
  stage.ask("abort", "1");
  stage.settle();
  EXPECT_EQ(stage.provider.count("abort web1"), 1U);
  EXPECT_EQ(stage.run(1).status.phase, RunPhase::Cancelled);
}

TEST(RunHooks, ARetryKeepsTheHooksOfTheBuildThatAreDone) {
  ReleaseStage stage(2);
  stage.provider.answers["prepare web2"] = [](const StepRequest&) {
    return ScriptedProvider::refused(Code::Invalid, "exit code 1");
  };
  stage.apply("1.0.0",
              hooks(R"([{"name":"backup","at":"Backup","run":"b"},{"name":"begin","at":"BeforeBuild","run":"x"}])"));
  stage.settle();
  stage.provider.answers.clear();
  stage.ask("retry", "1");
  stage.settle();
  EXPECT_EQ(stage.ready(), "True");
  EXPECT_EQ(stage.provider.count("begin web1"), 1U);
  EXPECT_EQ(stage.provider.count("backup web1"), 2U) << "what is tried again later needs a backup of that time";
}

TEST(HookLaunch, FillsPlaceholdersOnceAndBracketsAddressesInUrls) {
  ReleaseRun run = runOver(1);
  Hook hook;
  hook.name = "call";
  hook.http = HookRequest{.url = "http://{{address}}:80/{{server}}",
                          .body = R"({"v":"{{version}}","p":"{{previousVersion}}"})"};
  run.spec.spec.hooks = {hook};
  run.spec.version = "{{run}}";
  const release::HookLaunch launch{run, {"call", 0, 0, 1, "op"}, 1, "1.0.0"};
  const HttpClientRequest request = release::hookRequest(launch, "fd00::1");
  EXPECT_EQ(request.url, "http://[fd00::1]:80/web1");
  EXPECT_EQ(request.body, R"({"v":"{{run}}","p":"1.0.0"})");
  EXPECT_EQ(request.method, "POST");
}

}  // namespace
}  // namespace slipway
