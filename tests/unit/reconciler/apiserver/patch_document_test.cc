#include "reconciler/apiserver/patch_document.h"

#include <gtest/gtest.h>

namespace slipway::apiserver {
namespace {

Json json(std::string_view text) { return parseJson(text).valueOr(Json("not JSON")); }

std::string jsonPatched(std::string_view document, std::string_view operations) {
  auto patched = applyJsonPatch(json(document), json(operations));
  return patched ? patched->dump() : std::to_string(patched.error().code);
}

std::string strategic(std::string_view document, std::string_view patch) {
  auto patched = applyStrategicMergePatch(json(document), json(patch));
  return patched ? patched->dump() : std::to_string(patched.error().code);
}

TEST(JsonPatch, DoesWhatRfc6902Says) {
  EXPECT_EQ(jsonPatched(R"({"a":{"b":1}})", R"([{"op":"add","path":"/a/c","value":2}])"), R"({"a":{"b":1,"c":2}})");
  EXPECT_EQ(jsonPatched(R"({"l":[1,3]})", R"([{"op":"add","path":"/l/1","value":2}])"), R"({"l":[1,2,3]})");
  EXPECT_EQ(jsonPatched(R"({"l":[1]})", R"([{"op":"add","path":"/l/-","value":2}])"), R"({"l":[1,2]})");
  EXPECT_EQ(jsonPatched(R"({"a~/b":1})", R"([{"op":"replace","path":"/a~0~1b","value":2}])"), R"({"a~/b":2})");
  EXPECT_EQ(jsonPatched(R"({"a":1,"b":2})", R"([{"op":"move","from":"/a","path":"/c"}])"), R"({"b":2,"c":1})");
  EXPECT_EQ(jsonPatched(R"({"a":[1]})", R"([{"op":"copy","from":"/a/0","path":"/b"}])"), R"({"a":[1],"b":1})");
  EXPECT_EQ(jsonPatched(R"({"a":1})", R"([{"op":"test","path":"/a","value":1},{"op":"remove","path":"/a"}])"), "{}");
}

TEST(JsonPatch, FailsAsAWholeWhenOneOperationCannotBeDone) {
  for (const char* operations :
       {R"([{"op":"test","path":"/a","value":2}])", R"([{"op":"remove","path":"/x"}])",
        R"([{"op":"replace","path":"/x","value":1}])", R"([{"op":"add","path":"/x/y","value":1}])",
        R"([{"op":"add","path":"/l/9","value":1}])", R"([{"op":"move","from":"/a","path":"/a/b"}])",
        R"([{"op":"nonsense","path":"/a"}])", R"([{"op":"add"}])", R"([{"op":"add","path":"a","value":1}])"}) {
    EXPECT_EQ(jsonPatched(R"({"a":1,"l":[]})", operations), "422") << operations;
  }
  EXPECT_EQ(jsonPatched("{}", "{}"), "400");
}

TEST(JsonPatch, TakesABoundedNumberOfOperations) {
  Json operations = Json::array();
  for (int i = 0; i <= 10'000; ++i) {
    operations.push(json(R"({"op":"test","path":"/a","value":1})"));
  }
  EXPECT_EQ(jsonPatched(R"({"a":1})", operations.dump()), "413");
}

TEST(MergePatch, MergesObjectsReplacesListsAndDeletesByNull) {
  const Json target = json(R"({"a":{"b":1,"c":[1,2]},"d":1})");
  EXPECT_EQ(applyMergePatch(target, json(R"({"a":{"c":[3],"b":null},"e":{"f":null}})")).dump(),
            R"({"a":{"c":[3]},"d":1,"e":{}})");
}

TEST(StrategicMergePatch, MergesFinalizersOwnersAndConditionsByTheirKeys) {
  EXPECT_EQ(strategic(R"({"metadata":{"finalizers":["a","b"]}})", R"({"metadata":{"finalizers":["c","b"]}})"),
            R"({"metadata":{"finalizers":["a","b","c"]}})");
  EXPECT_EQ(
      strategic(R"({"metadata":{"finalizers":["a","b"]}})",
                R"({"metadata":{"$deleteFromPrimitiveList/finalizers":["a"],"$setElementOrder/finalizers":["b"]}})"),
      R"({"metadata":{"finalizers":["b"]}})");
  EXPECT_EQ(strategic(R"({"status":{"conditions":[{"type":"A","status":"x","m":1},{"type":"B"}]}})",
                      R"({"status":{"conditions":[{"type":"A","status":"y"},{"type":"B","$patch":"delete"}]}})"),
            R"({"status":{"conditions":[{"type":"A","status":"y","m":1}]}})");
  EXPECT_EQ(strategic(R"({"l":[1,2]})", R"({"l":[3]})"), R"({"l":[3]})");
}

TEST(StrategicMergePatch, KnowsTheDirectives) {
  EXPECT_EQ(strategic(R"({"data":{"a":"1","b":"2"}})", R"({"data":{"$patch":"replace","c":"3"}})"),
            R"({"data":{"c":"3"}})");
  EXPECT_EQ(strategic(R"({"data":{"a":"1"},"x":1})", R"({"data":{"$patch":"delete"}})"), R"({"x":1})");
  EXPECT_EQ(strategic(R"({"s":{"a":1,"b":2}})", R"({"s":{"$retainKeys":["b","c"],"c":3}})"), R"({"s":{"b":2,"c":3}})");
  EXPECT_EQ(strategic(R"({"data":{"a":"1","b":"2"}})", R"({"data":{"a":null}})"), R"({"data":{"b":"2"}})");
  EXPECT_EQ(strategic("{}", R"({"a":{"$patch":"twist"}})"), "400");
}

}  // namespace
}  // namespace slipway::apiserver
