#include "providers/vm/host_answer.h"

#include <gtest/gtest.h>

#include "tests/support/seeded_random.h"

namespace slipway::vm {
namespace {

TEST(HostAnswer, IgnoresWhatALoginScriptPrintsBeforeTheGreeting) {
  HostAnswer answer;
  answer.takeLine("Welcome!");
  answer.takeLine("outcome done");
  answer.takeLine("end");
  EXPECT_FALSE(answer.greeted());
  answer.takeLine("slipway 1");
  EXPECT_TRUE(answer.greeted());
  EXPECT_FALSE(answer.ended());
}

TEST(HostAnswer, ReadsWhichNumberATargetHasSeen) {
  HostAnswer answer;
  for (const char* line : {"slipway 1", "fenced 29600001", "outcome refused", "code Conflict", "failed gate",
                           "message fencing number 7 is lower", "end"}) {
    answer.takeLine(line);
  }
  const StepResult result = answer.result("web1");
  EXPECT_TRUE(result.fenced);
  EXPECT_EQ(result.observed.fence, 29600001U);
  EXPECT_EQ(result.status.code(), Code::Conflict);
}

TEST(HostAnswer, ReadsAFailure) {
  HostAnswer answer;
  for (const char* line : {"slipway 1", "phase assets", "outcome refused", "code Invalid", "already 0", "failed assets",
                           "exit 7", "tail one", "tail \x1b[2J", "message build step assets failed", "end"}) {
    answer.takeLine(line);
  }
  const StepResult result = answer.result("web1");
  EXPECT_EQ(result.outcome, StepResult::Outcome::Refused);
  EXPECT_EQ(result.status, Status(Code::Invalid, "web1: build step assets failed"));
  EXPECT_EQ(result.phase, "assets");
  EXPECT_EQ(result.exitCode, 7);
  EXPECT_EQ(result.tail, "one\n?[2J");
}

TEST(HostAnswer, AnUnknownCodeOfARefusalIsADefect) {
  HostAnswer answer;
  for (const char* line : {"slipway 1", "outcome refused", "code Wat", "message m", "end"}) answer.takeLine(line);
  EXPECT_EQ(answer.result("a").status.code(), Code::Internal);
}

TEST(HostAnswer, SurvivesAnyBytes) {
  SeededRandom random(3);
  for (int round = 0; round < 200; ++round) {
    HostAnswer answer;
    LineBuffer lines;
    answer.takeLine("slipway 1");
    for (int i = 0; i < 50; ++i) {
      std::string bytes;
      for (std::uint64_t k = random.next() % 100; k > 0; --k) bytes.push_back(static_cast<char>(random.next()));
      lines.take(bytes, [&](std::string_view line) { answer.takeLine(line); });
    }
    answer.result("a");
  }
}

TEST(LineBuffer, GivesWholeLinesAndCutsEndlessOnes) {
  LineBuffer lines;
  std::vector<std::string> seen;
  const auto keep = [&](std::string_view line) { seen.emplace_back(line); };
  lines.take("a\nb", keep);
  lines.take("c\n\nd", keep);
  EXPECT_EQ(seen, (std::vector<std::string>{"a", "bc", ""}));
  EXPECT_EQ(lines.rest(), "d");
  lines.take(std::string(100000, 'x'), keep);
  EXPECT_EQ(seen.size(), 4U);
}

}  // namespace
}  // namespace slipway::vm
