#include <gtest/gtest.h>

#include "reconciler/base/clock.h"
#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"

namespace slipway {
namespace {

TEST(TimeText, RoundTripsAndReadsOffsets) {
  EXPECT_EQ(formatTime(*parseTime("2026-01-02T03:04:05Z")), "2026-01-02T03:04:05Z");
  EXPECT_EQ(formatTime(*parseTime("2026-01-02T03:04:05.25+02:00")), "2026-01-02T01:04:05Z");
  EXPECT_EQ(formatMicroTime(*parseTime("2026-01-02T03:04:05.000001Z")), "2026-01-02T03:04:05.000001Z");
  for (const char* bad : {"", "2026-01-02", "2026-13-02T03:04:05Z", "2026-02-30T03:04:05Z", "2026-01-02T03:04:05"}) {
    EXPECT_EQ(parseTime(bad).code(), Code::Invalid) << bad;
  }
}

TEST(DurationText, ReadsGoGrammar) {
  using namespace std::chrono_literals;
  EXPECT_EQ(*parseDuration("1h30m"), 90min);
  EXPECT_EQ(*parseDuration("250ms"), 250ms);
  EXPECT_EQ(*parseDuration("1.5s"), 1500ms);
  for (const char* bad : {"", "5", "-1s", "s", "1 s", "1d", "."}) {
    EXPECT_EQ(parseDuration(bad).code(), Code::Invalid) << bad;
  }
  EXPECT_EQ(formatDuration(90min), "1h30m");
  EXPECT_EQ(formatDuration(1500ms), "1.5s");
  EXPECT_EQ(formatDuration(0s), "0s");
}

TEST(Strings, CatJoinsTextNumbersAndTruth) { EXPECT_EQ(cat("a ", std::string("b"), ' ', 3, ' ', true), "a b 3 true"); }

TEST(Strings, Base64RoundTripsAndRefusesOtherText) {
  for (const char* text : {"", "a", "ab", "abc", "\x00\xff"}) {
    std::string back;
    ASSERT_TRUE(base64Decode(base64Encode(text), back));
    EXPECT_EQ(back, text);
  }
  std::string out;
  for (const char* bad : {"a", "***=", "YQ=a", "Y==="}) {
    EXPECT_FALSE(base64Decode(bad, out)) << bad;
  }
}

TEST(Strings, LastLinesIgnoresTheFinalNewline) {
  EXPECT_EQ(lastLines("a\nb\nc\n", 2), "b\nc");
  EXPECT_EQ(lastLines("a", 5), "a");
  EXPECT_EQ(lastLines("", 5), "");
}

TEST(Strings, DnsNames) {
  EXPECT_TRUE(isDnsLabel("a-1"));
  EXPECT_FALSE(isDnsLabel("a.b"));
  EXPECT_FALSE(isDnsLabel("-a"));
  EXPECT_TRUE(isDnsSubdomain("a.b-c.d"));
  EXPECT_FALSE(isDnsSubdomain("a..b"));
  EXPECT_FALSE(isDnsSubdomain("Bad_Name"));
}

TEST(Sha256, MatchesTheStandardVector) {
  EXPECT_EQ(sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Strings, CatKeepsLiteralsAsText) { EXPECT_EQ(cat("port ", 22, ' ', true, std::string("!")), "port 22 true!"); }

}  // namespace
}  // namespace slipway
