#include <gtest/gtest.h>

#include "reconciler/base/strings.h"
#include "reconciler/schema/structural_schema.h"
#include "reconciler/schema/yaml.h"

namespace slipway::schema {
namespace {

using Schema = std::shared_ptr<const StructuralSchema>;

Json yaml(std::string_view text) {
  Result<std::vector<YamlDocument>> documents = parseYaml(text);
  EXPECT_TRUE(documents) << documents.status().message();
  return documents && !documents->empty() ? documents->front().value : Json();
}

Result<Schema> compiled(const std::string& spec) {
  return StructuralSchema::compile(yaml("type: object\nproperties:\n  spec: " + spec));
}

// What is wrong with a spec under such a schema.
std::string judge(const std::string& schema, const std::string& spec, const std::string& old = {}) {
  Result<Schema> ready = compiled(schema);
  if (!ready) {
    return ready.status().message();
  }
  const Json now = yaml("{metadata: {name: me}, spec: " + spec + "}");
  const Json before = old.empty() ? Json() : yaml("{spec: " + old + "}");
  return describe((*ready)->validate(now, old.empty() ? nullptr : &before));
}

TEST(Rules, RunAfterEverythingElseIsValid) {
  const std::string schema =
      "{type: object, properties: {min: {type: integer}, max: {type: integer}}, x-kubernetes-validations: [{rule: "
      "self.min <= self.max, message: min must not be over max}]}";
  EXPECT_EQ(judge(schema, "{min: 1, max: 2}"), "");
  EXPECT_EQ(judge(schema, "{min: 3, max: 2}"), "spec: Invalid value: \"object\": min must not be over max");
  EXPECT_EQ(judge(schema, "{min: x, max: 2}"),
            "spec.min: Invalid value: \"string\": spec.min in body must be of type integer: \"string\"");
  EXPECT_EQ(judge(schema, "{min: 1}"),
            "spec: Invalid value: \"object\": no such key: max evaluating rule: min must not be over max");
}

TEST(Rules, UseReasonFieldPathAndMessageExpression) {
  EXPECT_EQ(judge("{type: object, properties: {a: {type: object, properties: {b-c: {type: integer}}}}, "
                  "x-kubernetes-validations: [{rule: self.a.b__dash__c > 1, reason: FieldValueForbidden, fieldPath: "
                  "\".a['b-c']\", messageExpression: \"'must be over 1, is ' + string(self.a.b__dash__c)\"}]}",
                  "{a: {b-c: 1}}"),
            "spec.a.b-c: Forbidden: must be over 1, is 1");
  EXPECT_EQ(judge("{type: integer, x-kubernetes-validations: [{rule: self > 1}]}", "1"),
            "spec: Invalid value: \"integer\": failed rule: self > 1");
}

TEST(Rules, RunOnEveryItemAndMember) {
  EXPECT_EQ(
      judge("{type: object, properties: {l: {type: array, items: {type: object, properties: {w: {type: integer}}, "
            "x-kubernetes-validations: [{rule: self.w > 0, message: too small}]}}, m: {type: object, "
            "additionalProperties: {type: string, x-kubernetes-validations: [{rule: self.size() > 1, message: too "
            "short}]}}}}",
            "{l: [{w: 1}, {w: 0}], m: {k: v, kk: vv}}"),
      "[spec.l[1]: Invalid value: \"object\": too small, spec.m.k: Invalid value: \"string\": too short]");
}

TEST(Rules, TransitionRulesNeedAnOldValue) {
  const std::string schema =
      "{type: object, properties: {id: {type: string, x-kubernetes-validations: [{rule: self == oldSelf, message: "
      "never changes}]}, l: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [name], items: "
      "{type: "
      "object, required: [name], properties: {name: {type: string}, size: {type: integer, x-kubernetes-validations: "
      "[{rule: self >= oldSelf, message: must not shrink}]}}}}}}";
  EXPECT_EQ(judge(schema, "{id: a}"), "");
  EXPECT_EQ(judge(schema, "{id: a}", "{id: a}"), "");
  EXPECT_EQ(judge(schema, "{id: b}", "{id: a}"), "spec.id: Invalid value: \"string\": never changes");
  EXPECT_EQ(judge(schema, "{id: b}", "{l: []}"), "") << "a new field has no past";
  EXPECT_EQ(
      judge(schema, "{l: [{name: q, size: 1}, {name: p, size: 1}]}", "{l: [{name: p, size: 2}, {name: q, size: 1}]}"),
      "spec.l[1].size: Invalid value: \"integer\": must not shrink");
  const std::string optional =
      "{type: integer, x-kubernetes-validations: [{rule: 'self >= oldSelf.orValue(10)', optionalOldSelf: true, "
      "message: low}]}";
  EXPECT_EQ(judge(optional, "9"), "spec: Invalid value: \"integer\": low");
  EXPECT_EQ(judge(optional, "9", "8"), "");
}

TEST(Rules, SeeTypedValues) {
  const std::string schema =
      "{type: object, properties: {at: {type: string, format: date-time}, for: {type: string, format: duration}, port: "
      "{x-kubernetes-int-or-string: true}, ratio: {type: number}, tags: {type: array, items: {type: string}, "
      "x-kubernetes-list-type: set}}, x-kubernetes-validations: [{rule: \"self.at.getFullYear() == 2024 && "
      "self.__for__ "
      "< duration('1h') && (self.port == 80 || self.port == 'http') && self.ratio > 0.5 && self.tags == ['b', "
      "'a']\"}]}";
  EXPECT_EQ(judge(schema, "{at: '2024-01-02T03:04:05Z', for: 30m, port: http, ratio: 1, tags: [a, b]}"), "");
  EXPECT_NE(judge(schema, "{at: '2024-01-02T03:04:05Z', for: 30m, port: 81, ratio: 1, tags: [a, b]}"), "");
  Result<Schema> root =
      StructuralSchema::compile(yaml("{type: object, properties: {spec: {type: object}}, x-kubernetes-validations: "
                                     "[{rule: \"self.metadata.name != 'me'\"}]}"));
  ASSERT_TRUE(root) << root.status().message();
  EXPECT_EQ(describe((*root)->validate(yaml("{metadata: {name: me}}"), nullptr)),
            "<nil>: Invalid value: \"object\": failed rule: self.metadata.name != 'me'");
}

TEST(Rules, AreCheckedWhenTheSchemaIsCompiled) {
  const auto bad = [](const std::string& rule) {
    return judge("{type: object, properties: {a: {type: string}}, x-kubernetes-validations: [" + rule + "]}", "{}");
  };
  EXPECT_NE(bad("{rule: self.b == 1}")
                .find("properties[spec].x-kubernetes-validations[0].rule: Invalid value: \"self.b == 1\": compilation "
                      "failed: ERROR: <input>:1:5: undefined field 'b'"),
            std::string::npos);
  EXPECT_NE(bad("{rule: self.a}").find("must evaluate to a bool"), std::string::npos);
  EXPECT_NE(bad("{message: x}").find(".rule: Required value"), std::string::npos);
  EXPECT_NE(bad("{rule: 'true', reason: Because}").find(".reason: Unsupported value"), std::string::npos);
  EXPECT_NE(bad("{rule: 'true', fieldPath: .b}").find(".fieldPath: Invalid value"), std::string::npos);
  EXPECT_NE(bad("{rule: 'true', messageExpression: '1'}").find("must evaluate to a string"), std::string::npos);
  EXPECT_NE(bad("{rule: 'true', mesage: x}").find("is no field of a rule"), std::string::npos);
  EXPECT_NE(judge("{type: array, items: {type: string, x-kubernetes-validations: [{rule: self == oldSelf}]}}", "[]")
                .find("uncorrelatable"),
            std::string::npos);
}

TEST(Rules, StopWhenTheBudgetIsUsedUp) {
  std::string list = "[1";
  for (int i = 0; i < 3000; ++i) {
    list += ",1";
  }
  const std::string out = judge(
      "{type: array, items: {type: integer}, x-kubernetes-validations: [{rule: 'self.all(a, self.all(b, a + b > "
      "0))'}]}",
      list + "]");
  EXPECT_NE(out.find("call cost exceeds limit for rule"), std::string::npos) << out;
}

}  // namespace
}  // namespace slipway::schema
