#include "reconciler/api/hooks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/api/release.h"
#include "reconciler/base/strings.h"
#include "tests/unit/reconciler/api/release_admission.h"

namespace slipway {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// What admission says about a Release with this hook.
std::string refusal(const std::string& hook, const std::string& strategy = R"({"type":"Rolling"})") {
  return refusalOfSpec(cat(R"("strategy":)", strategy, R"(,"hooks":[{"name":"one",)", hook, "}]"));
}

TEST(HookRules, TakeCommandsAndRequestsAtEveryPoint) {
  for (const char* point : {"Backup", "BeforeBuild", "AfterBuild", "BeforeSwitch", "Drain", "Restore", "AfterSwitch",
                            "AfterRollback", "OnFailure"}) {
    EXPECT_EQ(refusal(cat(R"("at":")", point, R"(","run":"true","env":{"A":"b"})")), "") << point;
    EXPECT_EQ(refusal(cat(R"("at":")", point, R"(","http":{"url":"http://{{address}}:80/x?v={{version}}",
                          "headers":{"X-Run":"{{run}}"},"body":"{\"a\":{\"b\":\"{{previousVersion}}\"}}"})")),
              "")
        << point;
  }
}

TEST(HookRules, RefuseUnknownPlaceholdersWithTheFieldsPath) {
  EXPECT_THAT(refusal(R"("at":"Drain","http":{"url":"http://h/{{host}}"})"),
              AllOf(HasSubstr("spec.hooks[0].http.url"), HasSubstr("unknown placeholder"), HasSubstr("{{server}}")));
  EXPECT_THAT(refusal(R"("at":"Drain","http":{"url":"http://h/","body":"{{ version }}"})"),
              AllOf(HasSubstr("spec.hooks[0].http.body"), HasSubstr("unknown placeholder")));
  EXPECT_THAT(refusal(R"("at":"Drain","http":{"url":"http://h/","headers":{"X-A":"{{secret}}"}})"),
              AllOf(HasSubstr("spec.hooks[0].http.headers"), HasSubstr("unknown placeholder")));
}

TEST(HookRules, RefuseWhatContradictsItself) {
  EXPECT_THAT(refusal(R"("at":"Drain")"), HasSubstr("exactly one of run and http"));
  EXPECT_THAT(refusal(R"("at":"Drain","run":"a","http":{"url":"http://h/"})"), HasSubstr("exactly one of"));
  EXPECT_THAT(refusal(R"("at":"Drain","run":"a","scope":"Once")"), HasSubstr("spec.hooks[0].scope"));
  EXPECT_THAT(refusal(R"("at":"Backup","run":"a","onError":"Ignore")"), HasSubstr("a backup must succeed"));
  EXPECT_THAT(refusal(R"("at":"Sometime","run":"a")"), HasSubstr("spec.hooks[0].at"));
  EXPECT_THAT(refusal(R"("at":"Drain","http":{"url":"ftp://h/"})"), HasSubstr("spec.hooks[0].http.url"));
  EXPECT_THAT(refusal(R"("at":"OnFailure","http":{"url":"http://h/"},"env":{"A":"b"})"),
              HasSubstr("env is for commands"));
  EXPECT_THAT(refusal(R"("at":"Drain","run":"a")", R"({"type":"Atomic"})"),
              AllOf(HasSubstr("spec.hooks"), HasSubstr("Rolling or Recreate")));
}

TEST(Hook, RunsOnceUnlessItIsAboutEachServer) {
  Hook hook;
  hook.at = HookPoint::AfterSwitch;
  EXPECT_FALSE(hook.onEachServer());
  hook.scope = HookScope::EachServer;
  EXPECT_TRUE(hook.onEachServer());
  hook.scope.reset();
  hook.at = HookPoint::Drain;
  EXPECT_TRUE(hook.onEachServer());
}

}  // namespace
}  // namespace slipway
