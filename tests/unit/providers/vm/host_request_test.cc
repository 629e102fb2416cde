#include "providers/vm/host_request.h"

#include <gtest/gtest.h>

#include "reconciler/base/strings.h"
#include "tests/support/command_driver.h"
#include "tests/support/fake_artifact.h"
#include "tests/support/host_shells.h"
#include "tests/support/local_command_runner.h"
#include "tests/support/seeded_random.h"

namespace slipway::vm {
namespace {

using namespace std::chrono_literals;

StepRequest request(StepAction action = ObserveStep{}) {
  StepRequest r;
  r.operationId = "run-1.observe.a.1";
  r.application = "default/shop";
  r.layout.root = "/srv/app";
  r.action = std::move(action);
  return r;
}

std::string refusal(const StepRequest& r) { return encodeRequest(r, 10s).status().message(); }

TEST(HostRequest, WritesPlainTextInlineAndOtherBytesCounted) {
  EXPECT_EQ(hostField("plain text"), "=plain text\n");
  EXPECT_EQ(hostField(""), "=\n");
  EXPECT_EQ(hostField("two\nlines"), "#9\ntwo\nlines");
  EXPECT_EQ(hostField("\xc3\xa9"), "#2\n\xc3\xa9");
}

TEST(HostRequest, TheCommandIsOneLineWithoutAnyData) {
  EXPECT_EQ(hostCommand().find('\n'), std::string_view::npos);
  EXPECT_EQ(hostCommand().find('!'), std::string_view::npos);
  EXPECT_EQ(hostCommand().substr(0, 13), "exec /bin/sh ");
  EXPECT_LT(hostCommand().size(), 1000U);
  EXPECT_LT(hostScript(ObserveStep{}).size(), 60000U);
}

TEST(HostRequest, RefusesWhatCouldLeaveItsPlace) {
  StepRequest r = request();
  r.layout.root = "relative";
  EXPECT_NE(refusal(r).find("layout.root"), std::string::npos);
  r.layout.root = "/";
  EXPECT_NE(refusal(r).find("layout.root"), std::string::npos);
  r.layout.root = "/srv/../etc";
  EXPECT_NE(refusal(r).find("layout.root"), std::string::npos);
  r = request();
  r.layout.environment = "a/b";
  EXPECT_NE(refusal(r).find("layout.environment"), std::string::npos);
  EXPECT_NE(refusal(request(SwitchStep{"../1", "d"})).find("version"), std::string::npos);
  EXPECT_NE(refusal(request(SwitchStep{".hidden", "d"})).find("version"), std::string::npos);
  EXPECT_NE(refusal(request(RetireStep{{"ok", "-rf"}})).find("keep"), std::string::npos);
  EXPECT_NE(refusal(request(ProcessStep{"reload", "1", std::string("a\0b", 3)})).find("NUL"), std::string::npos);
  EXPECT_TRUE(encodeRequest(request(SwitchStep{"1.0.0-rc.1+b5", "sha256:x"}), 10s));
}

TEST(HostRequest, RefusesSharedPathsThatContainOneAnother) {
  PrepareStep step{.releaseId = "1",
                   .identity = "v1:x",
                   .artifact = std::make_shared<FakeArtifact>(std::map<std::string, FakeArtifact::File>{}),
                   .build = {}};
  StepRequest r = request(step);
  r.layout.sharedDirectories = {"var", "var/log"};
  EXPECT_NE(refusal(r).find("var/log"), std::string::npos);
  r.layout.sharedDirectories = {"var", "variable"};
  EXPECT_TRUE(encodeRequest(r, 10s));
  r.layout.sharedFiles = {"../.env"};
  EXPECT_NE(refusal(r).find("../.env"), std::string::npos);
  BuildStep build;
  build.name = "b";
  build.env["A-B"] = "x";
  step.build = {build};
  EXPECT_NE(refusal(request(step)).find("A-B"), std::string::npos);
}

class Framing : public testing::TestWithParam<HostShell> {};

// The script's own reading functions, with a main part that only gives back what it read.
TEST_P(Framing, EveryStringOfBytesComesOutAsItWentIn) {
  if (!GetParam().usable()) GTEST_SKIP() << GetParam().name << " is not installed";
  const std::string& framed = hostScript(ObserveStep{});
  std::string script = framed.substr(framed.find('\n') + 1);
  script.resize(script.find("record=\n"));
  script += framed.substr(framed.find("field() {"), framed.find("fields() {") - framed.find("field() {"));
  script += "field; count=$F\nwhile [ \"$count\" -gt 0 ]; do field; printf %s \"$F\"; count=$((count - 1)); done\n";
  SeededRandom random(7);
  const char* full = std::getenv("SLIPWAY_FULL");
  const int count = full == nullptr ? 400 : 100000;
  RemoteCommand command;
  command.command = hostCommand();
  command.input = cat(script.size(), "\n", script, hostField(std::to_string(count)));
  command.outputLimit = 1U << 30U;
  std::string expected;
  for (int i = 0; i < count; ++i) {
    std::string value;
    const std::uint64_t length = random.next() % (i % 50 == 0 ? 70000 : 60);
    const bool hostile = random.next() % 2 == 0;
    for (std::uint64_t k = 0; k < length; ++k) {
      static constexpr std::string_view kNasty = "'\"\\$`!#=\n\r\t *?[]{}()<>|&;~%\x80\x81\x82\x83\x88\xff\x01\x7f";
      value.push_back(hostile ? kNasty[random.next() % kNasty.size()] : static_cast<char>(1 + random.next() % 255));
    }
    expected += value;
    command.input += hostField(value);
  }
  LocalCommandRunner runner(GetParam().words, GetParam().path);
  const auto running = RunningCommand::start(runner, RemoteTarget{}, command);
  ASSERT_TRUE(running->wait()) << running->error;
  EXPECT_TRUE(running->output == expected) << running->output.size() << " bytes of " << expected.size();
}

INSTANTIATE_TEST_SUITE_P(Shells, Framing, testing::ValuesIn(hostShells()), hostShellName);

}  // namespace
}  // namespace slipway::vm
