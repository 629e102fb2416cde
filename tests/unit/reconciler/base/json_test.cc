#include "reconciler/base/json.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace slipway
