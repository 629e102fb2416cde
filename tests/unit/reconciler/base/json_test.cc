#include "reconciler/base/json.h"

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "reconciler/base/json_part.h"

namespace slipway {
namespace {

TEST(Json, KeepsMemberOrderAndBytes) {
  const std::string text = R"({"b":1,"a":[true,null,"x\n",1.5,-3],"c":{"z":0,"y":""}})";
  Result<Json> parsed = parseJson(text);
  ASSERT_TRUE(parsed) << parsed.status().toString();
  EXPECT_EQ(parsed->dump(), text);
  EXPECT_EQ(parsed->dumpCanonical(), R"({"a":[true,null,"x\n",1.5,-3],"b":1,"c":{"y":"","z":0}})");
}

TEST(Json, NamesDuplicateKeysByPathAndKeepsTheLastValue) {
  std::vector<std::string> duplicates;
  Result<Json> parsed = parseJson(R"({"spec":{"x":1,"l":[{"y":1,"y":2}],"x":2}})", {.duplicates = &duplicates});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(duplicates, (std::vector<std::string>{"spec.l[0].y", "spec.x"}));
  EXPECT_EQ(parsed->at({"spec", "x"})->asInt(), 2);
}

TEST(Json, RefusesTooDeepNesting) {
  EXPECT_TRUE(parseJson(std::string(128, '[') + std::string(128, ']')));
  EXPECT_EQ(parseJson(std::string(129, '[') + std::string(129, ']')).code(), Code::Invalid);
  EXPECT_EQ(parseJson(std::string(100'000, '[')).code(), Code::Invalid);
}

TEST(Json, RefusesMalformedText) {
  for (const char* text : {"", "{", "{\"a\":}", "[1,]", "nul", "\"\xff\"", "1e999", "{} {}"}) {
    EXPECT_EQ(parseJson(text).code(), Code::Invalid) << text;
  }
}

TEST(Json, EqualityIgnoresMemberOrderAndNumberForm) {
  EXPECT_EQ(*parseJson(R"({"a":1,"b":[2.0]})"), *parseJson(R"({"b":[2],"a":1.0})"));
  EXPECT_FALSE(*parseJson(R"({"a":1})") == *parseJson(R"({"a":null})"));
}

TEST(Json, ACopyMayBeChangedWhileOthersReadTheOriginal) {
  const Json original = Json::object({{"spec", Json::object({{"n", 1}})}, {"list", Json::array({Json::object()})}});
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&original, i] {
        for (int round = 0; round < 200; ++round) {
          Json mine = original;
          mine["spec"]["n"] = i;
          mine["list"].asArray()[0]["n"] = round;
          EXPECT_EQ(mine.at({"spec", "n"})->asInt(), i);
          EXPECT_EQ(original.at({"spec", "n"})->asInt(), 1);
        }
      });
    }
  }
  EXPECT_EQ(original.dump(), R"({"spec":{"n":1},"list":[{}]})");
}

TEST(Json, AReferenceTakenBeforeACopyDoesNotChangeTheCopy) {
  Json original = Json::object({{"spec", Json::object({{"n", 1}})}});
  Json& number = original["spec"]["n"];
  const Json copy = original;
  number = 2;
  EXPECT_EQ(copy.at({"spec", "n"})->asInt(), 1);
  EXPECT_EQ(original.at({"spec", "n"})->asInt(), 2);
}

TEST(Json, SharesTheMembersOfAnUntouchedOrSettledObject) {
  Json built;
  built["spec"]["n"] = 1;
  EXPECT_FALSE(Json(built).asObject().sharesWith(std::as_const(built).asObject()));
  built.settle();
  const Json copy = built;
  EXPECT_TRUE(copy.asObject().sharesWith(built.asObject()));
  built["more"] = 2;
  EXPECT_FALSE(copy.asObject().sharesWith(built.asObject()));
  EXPECT_TRUE(copy.find("spec")->asObject().sharesWith(std::as_const(built).find("spec")->asObject()));
}

TEST(Json, TakesAPartOfItself) {
  Json value = Json::object({{"a", Json::object({{"b", "long enough to be on the heap"}})}});
  value = Json(*value.at({"a", "b"}));
  EXPECT_EQ(value.asString(), "long enough to be on the heap");
  Json list = Json::array({Json::array({1, 2})});
  list = list.asArray()[0];
  EXPECT_EQ(list.dump(), "[1,2]");
}

TEST(JsonPart, LeavesOutMembersOfOneNameWhereverTheyAre) {
  const Result<Json> part = parseJsonWithout(R"({"a":1,"b":{"long":[1],"c":2},"long":{"d":3}})", "long");
  ASSERT_TRUE(part);
  EXPECT_EQ(part->dump(), R"({"a":1,"b":{"c":2}})");
  EXPECT_FALSE(parseJsonWithout("{", "long"));
}

// Eight characters are looked at together: every place of a word, every character, and those around a word's end.
TEST(Json, WritesEveryCharacterAsItIsReadWhereverItStands) {
  for (int c = 1; c < 256; ++c) {
    for (std::size_t length = 1; length < 20; ++length) {
      for (std::size_t at = 0; at < length; ++at) {
        std::string text(length, 'x');
        text[at] = static_cast<char>(c);
        std::string quoted;
        appendJsonString(quoted, text);
        const bool plain = c >= 0x20 && c != '"' && c != '\\';
        ASSERT_EQ(quoted.size() == length + 2, plain) << c << " at " << at << " of " << length;
        if (c < 0x80) {
          ASSERT_EQ(parseJson(quoted)->asString(), text);
        }
      }
    }
  }
}

}  // namespace
}  // namespace slipway
