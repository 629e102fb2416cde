#include "reconciler/apiserver/forms/shared_parts.h"

#include <gtest/gtest.h>

namespace slipway::apiserver {
namespace {

Json parsed(const char* text) { return parseJson(text).value(); }

TEST(SharedParts, SharesWhatIsEqualAtTheSamePlace) {
  const Json older = parsed(R"({"spec":{"a":[1,{"b":2}]},"status":{"x":{"n":1},"y":{"n":1}}})");
  const Json value = parsed(R"({"spec":{"a":[1,{"b":2}]},"status":{"x":{"n":2},"y":{"n":1}}})");
  const Json shared = sharingWith(older, value);
  EXPECT_EQ(shared.dump(), value.dump());
  EXPECT_TRUE(shared.find("spec")->sharesWith(*older.find("spec")));
  EXPECT_TRUE(shared.at({"status", "y"})->sharesWith(*older.at({"status", "y"})));
  EXPECT_FALSE(shared.at({"status", "x"})->sharesWith(*older.at({"status", "x"})));
}

TEST(SharedParts, KeepsOrderNumberFormsAndLengths) {
  const Json older = parsed(R"({"a":1,"b":{"c":1},"l":[{"x":1},{"y":1}]})");
  for (const char* text :
       {R"({"b":{"c":1},"a":1,"l":[{"x":1},{"y":1}]})", R"({"a":1.5,"b":{"c":1},"l":[{"x":1}]})",
        R"({"a":1,"b":{"c":1},"l":[{"x":1},{"y":1},{"z":1}],"n":null})", R"({"a":1,"b":[],"l":{}})", R"({})", R"([1])",
        R"({"a":1,"b":{"c":1},"l":[{"y":1},{"x":1}]})", R"({"a":1,"l":[{"x":1},{"y":1}]})", R"({"a":null})"}) {
    EXPECT_EQ(sharingWith(older, parsed(text)).dump(), parsed(text).dump());
  }
  EXPECT_TRUE(sharingWith(older, parsed(older.dump().c_str())).sharesWith(older));
  EXPECT_TRUE(sharingWith(parsed("{\"a\":1}"), Json::object({{"a", 1.0}})).find("a")->isDouble());
}

}  // namespace
}  // namespace slipway::apiserver
