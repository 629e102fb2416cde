#include "cmd/slipway/views/release_tree.h"

#include <gtest/gtest.h>

#include "reconciler/base/strings.h"

namespace slipway::cli {
namespace {

constexpr TreeStyle kPlain{.unicode = false, .color = false, .ticking = true, .everyStep = false};

Json json(std::string_view text) {
  auto parsed = parseJson(text);
  EXPECT_TRUE(parsed) << parsed.status().toString();
  return parsed.valueOr(Json());
}

WallTime at(std::string_view time) { return *parseTime(time); }

const Json& release() {
  static const Json kRelease = json(R"({"metadata":{"namespace":"default","name":"shop","generation":2},
    "status":{"phase":"Preparing","message":"preparing","versions":{"desired":"2","applied":"1","stable":"1"},
      "conditions":[{"type":"Ready","status":"False"}]}})");
  return kRelease;
}

const Json& run() {
  static const Json kRun = json(R"({"metadata":{"name":"shop-7"},"spec":{"reason":"Apply","version":"2"},
    "status":{"phase":"Preparing","step":"prepared 1/3","message":"preparing","revisionDisplay":"v2 abc",
      "transitions":[{"phase":"Pending","enteredAt":"2026-01-01T00:00:00Z","exitedAt":"2026-01-01T00:00:01Z"},
                     {"phase":"Preparing","enteredAt":"2026-01-01T00:00:01Z"}],
      "targets":[
        {"name":"web1","destination":"web","steps":{"prepare":{"state":"Done","durationMs":4200}}},
        {"name":"web2","destination":"web","steps":{"prepare":{"state":"Failed","durationMs":900,"phase":"dependencies",
          "message":"dependencies: exit code 1","exitCode":1,"tail":"line one\nline two\n"}}},
        {"name":"web3","destination":"web","steps":{"prepare":{"state":"Running","startedAt":"2026-01-01T00:00:05Z","phase":"fetch"}}}]
}
})");
  return kRun;
}

std::string render(const Json& object, const Json* current, const TreeStyle& style) {
  return join(renderRelease(object, current, at("2026-01-01T00:00:10Z"), style), "\n");
}

TEST(ReleaseTree, ShowsRunTargetsAndStepsWithReasonsAndDurations) {
  EXPECT_EQ(render(release(), &run(), kPlain),
            "Release default/shop  Preparing  ready: False\n"
            "|- versions  desired 2, applied 1, stable 1\n"
            "`- Run shop-7  Apply of version 2  Preparing, prepared 1/3\n"
            "   |- phases   Pending 1.0s, Preparing 9.0s\n"
            "   |- source   v2 abc\n"
            "   |- message  preparing\n"
            "   |- web/web1  ok prepare 4.2s\n"
            "   |- web/web2  FAILED prepare 900ms\n"
            "   |  `- FAILED prepare 900ms  dependencies: exit code 1\n"
            "   |     |- line one\n"
            "   |     `- line two\n"
            "   `- web/web3  ... prepare 5.0s (fetch)");
}

TEST(ReleaseTree, IsTheSameLineWhileNothingButTimePasses) {
  TreeStyle still = kPlain;
  still.ticking = false;
  EXPECT_EQ(renderRelease(release(), &run(), at("2026-01-01T00:00:10Z"), still),
            renderRelease(release(), &run(), at("2026-01-01T00:00:20Z"), still));
}

TEST(ReleaseTree, ShowsWhatTheMembersOfAClusterSaid) {
  Json current = run();
  current["status"]["cluster"] = json(R"({"members":{"web1":{"role":"Follower"},"web2":{"role":"Leader"},
      "web3":{"role":"Unknown","message":"got status 503"}}})");
  EXPECT_NE(
      render(release(), &current, kPlain).find("|- cluster  web1 follows, web2 leads, web3 is down (got status 503)\n"),
      std::string::npos);
}

TEST(ReleaseTree, ShowsEveryStepWhenAsked) {
  TreeStyle all = kPlain;
  all.everyStep = true;
  EXPECT_NE(render(release(), &run(), all).find("|- web/web1\n   |  `- ok prepare 4.2s"), std::string::npos);
}

TEST(ReleaseTree, DrawsWithUnicodeAndColourWhereTheTerminalCan) {
  const std::string text = render(release(), &run(), {.unicode = true, .color = true});
  EXPECT_NE(text.find("│  └─ "), std::string::npos);
  EXPECT_NE(text.find("\x1b[31m✘\x1b[0m"), std::string::npos);
}

TEST(ReleaseTree, LetsNoServerDriveTheTerminal) {
  const Json evil = json(R"({"metadata":{"namespace":"n","name":"x"},
    "status":{"phase":"\u001b[2JFailed","message":"a\u001b]0;title\u0007b\nsecond"}})");
  const std::string text = render(evil, nullptr, kPlain);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\x07'), std::string::npos);
  EXPECT_EQ(split(text, '\n').size(), 2U);
}

TEST(ReleaseTree, StandsAnEmptyOrOddObject) {
  EXPECT_EQ(renderRelease(Json::object(), nullptr, WallTime{}, kPlain).size(), 1U);
  const Json odd = json(R"({"status":{"conditions":5,"versions":[]}})");
  const Json oddRun =
      json(R"({"metadata":{"name":"r"},"status":{"targets":[{},5,{"steps":{"prepare":7}}],"transitions":[1]}})");
  EXPECT_FALSE(renderRelease(odd, &oddRun, WallTime{}, kPlain).empty());
}

}  // namespace
}  // namespace slipway::cli
