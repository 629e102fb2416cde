#include "reconciler/schema/structural_schema.h"

#include <chrono>

#include <gtest/gtest.h>

#include "reconciler/base/strings.h"
#include "reconciler/schema/yaml.h"

namespace slipway::schema {
namespace {

using Schema = std::shared_ptr<const StructuralSchema>;

Json yaml(std::string_view text) {
  Result<std::vector<YamlDocument>> documents = parseYaml(text);
  EXPECT_TRUE(documents) << documents.status().message();
  return documents && !documents->empty() ? documents->front().value : Json();
}

// A schema whose spec has these properties.
Schema specOf(const std::string& properties, const std::string& more = {}) {
  Result<Schema> compiled = StructuralSchema::compile(
      yaml("{type: object, properties: {spec: {type: object, properties: {" + properties + "}" + more + "}}}"));
  EXPECT_TRUE(compiled) << compiled.status().message();
  return compiled ? *compiled : nullptr;
}

std::string errorsOf(const Schema& schema, const std::string& spec) {
  return describe(schema->validate(yaml("{spec: " + spec + "}"), nullptr));
}

std::string compileError(const std::string& text) {
  Result<Schema> compiled = StructuralSchema::compile(yaml(text));
  return compiled ? "" : compiled.status().message();
}

TEST(StructuralSchema, ReportsWrongTypesAsKubernetesDoes) {
  const Schema schema = specOf(
      "i: {type: integer}, num: {type: number}, s: {type: string}, b: {type: boolean}, "
      "l: {type: array, items: {type: string}}, o: {type: object}, "
      "p: {x-kubernetes-int-or-string: true}");
  EXPECT_EQ(errorsOf(schema, "{i: 1, num: 1.5, s: x, b: true, l: [a], o: {}, p: http}"), "");
  EXPECT_EQ(errorsOf(schema, "{num: 2, p: 80}"), "");
  EXPECT_EQ(errorsOf(schema, "{i: x}"),
            "spec.i: Invalid value: \"string\": spec.i in body must be of type integer: \"string\"");
  EXPECT_EQ(errorsOf(schema, "{i: 1.5}"),
            "spec.i: Invalid value: \"number\": spec.i in body must be of type integer: \"number\"");
  EXPECT_EQ(errorsOf(schema, "{s: null}"),
            "spec.s: Invalid value: \"null\": spec.s in body must be of type string: \"null\"");
  EXPECT_EQ(errorsOf(schema, "{p: true}"),
            "spec.p: Invalid value: \"boolean\": spec.p in body must be of type integer,string: \"boolean\"");
  EXPECT_EQ(errorsOf(schema, "{l: [a, 2]}"),
            "spec.l[1]: Invalid value: \"integer\": spec.l[1] in body must be of type string: \"integer\"");
  const std::vector<FieldError> errors = schema->validate(yaml("{spec: {i: x}}"), nullptr);
  EXPECT_EQ(errors.at(0).reason, "FieldValueTypeInvalid");
}

TEST(StructuralSchema, ChecksBoundsEnumsAndPatterns) {
  const Schema schema = specOf(
      "i: {type: integer, format: int32, minimum: 0, maximum: 100}, x: {type: number, minimum: 0, exclusiveMinimum: "
      "true,"
      "multipleOf: 0.5}, s: {type: string, minLength: 1, maxLength: 3}, e: {type: string, enum: [stable, beta]},"
      "r: {type: string, pattern: '^[a-z]+$'}, l: {type: array, minItems: 1, maxItems: 2, items: {type: integer}},"
      "m: {type: object, minProperties: 1, maxProperties: 1, additionalProperties: {type: string}}");
  EXPECT_EQ(errorsOf(schema, "{i: 101}"),
            "spec.i: Invalid value: 101: spec.i in body should be less than or equal to 100");
  EXPECT_EQ(errorsOf(schema, "{i: -1}"),
            "spec.i: Invalid value: -1: spec.i in body should be greater than or equal to 0");
  EXPECT_NE(errorsOf(schema, "{i: 3000000000}").find("must be of type int32"), std::string::npos);
  EXPECT_EQ(errorsOf(schema, "{x: 0}"), "spec.x: Invalid value: 0: spec.x in body should be greater than 0");
  EXPECT_EQ(errorsOf(schema, "{x: 0.7}"), "spec.x: Invalid value: 0.7: spec.x in body should be a multiple of 0.5");
  EXPECT_EQ(errorsOf(schema, "{s: ''}"), "spec.s: Invalid value: \"\": spec.s in body should be at least 1 chars long");
  EXPECT_EQ(errorsOf(schema, "{s: abcd}"), "spec.s: Too long: may not be more than 3 bytes");
  EXPECT_EQ(errorsOf(schema, "{s: äöü}"), "") << "length counts characters";
  EXPECT_EQ(errorsOf(schema, "{e: zz}"), "spec.e: Unsupported value: \"zz\": supported values: \"stable\", \"beta\"");
  EXPECT_EQ(errorsOf(schema, "{r: A}"), "spec.r: Invalid value: \"A\": spec.r in body should match '^[a-z]+$'");
  EXPECT_EQ(errorsOf(schema, "{l: []}"), "spec.l: Invalid value: 0: spec.l in body should have at least 1 items");
  EXPECT_EQ(errorsOf(schema, "{l: [1, 2, 3]}"), "spec.l: Too many: 3: must have at most 2 items");
  EXPECT_EQ(errorsOf(schema, "{m: {}}"), "spec.m: Invalid value: 0: spec.m in body should have at least 1 properties");
  EXPECT_EQ(errorsOf(schema, "{m: {a: b, c: d}}"), "spec.m: Too many: 2: must have at most 1 item");
}

TEST(StructuralSchema, ListsSeveralErrorsInDocumentOrder) {
  const Schema schema = specOf("a: {type: string}, b: {type: integer}, c: {type: string}", ", required: [c]");
  EXPECT_EQ(errorsOf(schema, "{b: x, a: 1}"),
            "[spec.c: Required value, spec.b: Invalid value: \"string\": spec.b in body must be of type integer: "
            "\"string\", spec.a: Invalid value: \"integer\": spec.a in body must be of type string: \"integer\"]");
}

TEST(StructuralSchema, FindsDuplicatesInSetsAndMaps) {
  const Schema schema = specOf(
      "tags: {type: array, items: {type: string}, x-kubernetes-list-type: set}, targets: {type: array, "
      "x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [name, port], items: {type: object, required: [name], "
      "properties: {name: {type: string}, port: {type: integer, default: 1}}}}");
  EXPECT_EQ(errorsOf(schema, "{tags: [a, b, a]}"), "spec.tags[2]: Duplicate value: \"a\"");
  EXPECT_EQ(errorsOf(schema, "{targets: [{name: a}, {name: a, port: 2}, {name: a}]}"),
            "spec.targets[2]: Duplicate value: map[string]interface {}{\"name\":\"a\"}");
}

TEST(StructuralSchema, ChecksFormats) {
  const std::vector<std::tuple<std::string, std::string, std::string>> cases{
      {"date-time", "2024-01-02T03:04:05Z", "yesterday"},
      {"date", "2024-02-29", "2023-02-29"},
      {"duration", "1h30m", "soon"},
      {"ipv4", "10.0.0.1", "10.0.0.256"},
      {"ipv6", "fe80::1", "10.0.0.1"},
      {"cidr", "10.0.0.0/8", "10.0.0.0/33"},
      {"uri", "https://a.example/x?y", "no uri"},
      {"byte", "aGk=", "%%"},
      {"hostname", "a.example", "-a"},
      {"email", "a@b.example", "a"},
      {"uuid", "123e4567-e89b-12d3-a456-426614174000", "12"},
      {"mac", "00:11:22:33:44:55", "00:11"},
      {"unheard-of", "anything", ""}};
  for (const auto& [format, good, bad] : cases) {
    const Schema schema = specOf("f: {type: string, format: " + format + "}");
    EXPECT_EQ(errorsOf(schema, "{f: '" + good + "'}"), "") << format;
    if (!bad.empty()) {
      EXPECT_EQ(
          errorsOf(schema, "{f: '" + bad + "'}"),
          "spec.f: Invalid value: \"" + bad + "\": spec.f in body must be of type " + format + ": \"" + bad + "\"");
    }
  }
}

TEST(StructuralSchema, EvaluatesJunctors) {
  const Schema schema = specOf("a: {type: string}, b: {type: string}, c: {type: integer}",
                               ", oneOf: [{required: [a]}, {required: [b]}], not: {properties: {c: {minimum: 5}}, "
                               "required: [c]}, allOf: [{properties: {a: {minLength: 2}}}]");
  EXPECT_EQ(errorsOf(schema, "{a: xx}"), "");
  EXPECT_EQ(
      errorsOf(schema, "{a: xx, b: yy}"),
      "spec: Invalid value: \"\": \"spec\" must validate one and only one schema (oneOf). Found 2 valid alternatives");
  EXPECT_NE(errorsOf(schema, "{}").find("(oneOf). Found none valid"), std::string::npos);
  EXPECT_NE(errorsOf(schema, "{a: xx, c: 5}").find("must not validate the schema (not)"), std::string::npos);
  EXPECT_EQ(errorsOf(schema, "{a: x}"), "spec.a: Invalid value: \"x\": spec.a in body should be at least 2 chars long");
  const Schema either = specOf("p: {x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}]}");
  EXPECT_EQ(errorsOf(either, "{p: 1}"), "");
  EXPECT_EQ(errorsOf(either, "{p: x}"), "");
}

TEST(StructuralSchema, FindsAndPrunesUnknownFields) {
  const Schema schema = specOf(
      "known: {type: object, properties: {a: {type: string}}}, free: {type: object, "
      "x-kubernetes-preserve-unknown-fields: true, properties: {a: {type: object}}}, labels: {type: object, "
      "additionalProperties: {type: object, properties: {a: {type: string}}}}, list: {type: array, items: {type: "
      "object, "
      "properties: {a: {type: string}}}}, any: {type: object, additionalProperties: true}, "
      "embedded: {type: object, x-kubernetes-embedded-resource: true, properties: {spec: {type: object}}}");
  const std::string text =
      "{apiVersion: v, kind: K, metadata: {x: 1}, bogus: 1, spec: {known: {a: b, c: d}, free: {x: {yy: 1}, a: {z: 1}}, "
      "labels: {k: {a: b, c: 1}}, list: [{a: b}, {c: d}], any: {x: {yy: 1}}, embedded: {apiVersion: v1, kind: K, "
      "metadata: {name: x}, data: 1}, last: 1}}";
  Json object = yaml(text);
  const std::vector<std::string> expected{"bogus",          "spec.known.c",       "spec.free.a.z", "spec.labels.k.c",
                                          "spec.list[1].c", "spec.embedded.data", "spec.last"};
  EXPECT_EQ(schema->unknownFields(object, false), expected);
  EXPECT_EQ(object, yaml(text)) << "looking changes nothing";
  EXPECT_EQ(schema->unknownFields(object, true), expected);
  EXPECT_EQ(
      object.dump(),
      R"({"apiVersion":"v","kind":"K","metadata":{"x":1},"spec":{"known":{"a":"b"},"free":{"x":{"yy":1},"a":{}},)"
      R"("labels":{"k":{"a":"b"}},"list":[{"a":"b"},{}],"any":{"x":{"yy":1}},"embedded":{"apiVersion":"v1","kind":"K","metadata":{"name":"x"}}}})");
}

TEST(StructuralSchema, FillsDefaults) {
  const Schema schema = specOf(
      "channel: {type: string, default: stable}, nested: {type: object, default: {}, properties: {num: {type: integer, "
      "default: 3}}}, list: {type: array, items: {type: object, properties: {w: {type: integer, default: 1}}}}, "
      "nullable: {type: string, nullable: true, default: x}, plain: {type: string}, "
      "map: {type: object, additionalProperties: {type: object, properties: {d: {type: boolean, default: true}}}}");
  Json object = yaml("{spec: {list: [{}, {w: 2}], nullable: null, plain: null, map: {k: {}}, channel: null}}");
  schema->applyDefaults(object);
  EXPECT_EQ(object["spec"],
            yaml("{list: [{w: 1}, {w: 2}], nullable: null, map: {k: {d: true}}, channel: stable, nested: {num: 3}}"));
  const Json once = object;
  schema->applyDefaults(object);
  EXPECT_EQ(object.dump(), once.dump());
  Json none = yaml("{metadata: {}}");
  schema->applyDefaults(none);
  EXPECT_EQ(none, yaml("{metadata: {}}")) << "a missing object without default is not made up";
}

TEST(StructuralSchema, RequiresEmbeddedResourcesToHaveAType) {
  const Schema schema =
      specOf("e: {type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true}");
  EXPECT_EQ(errorsOf(schema, "{e: {apiVersion: v1, kind: Pod, spec: {}}}"), "");
  EXPECT_EQ(errorsOf(schema, "{e: {apiVersion: v1}}"), "spec.e.kind: Required value: must not be empty");
}

TEST(StructuralSchema, RefusesWhatIsNotStructural) {
  EXPECT_EQ(compileError("{type: object, properties: {spec: {properties: {}}}}"),
            "properties[spec].type: Required value: must not be empty for specified object fields");
  EXPECT_NE(compileError("{type: string}").find("must be object at the root"), std::string::npos);
  EXPECT_NE(compileError("{type: object, properties: {a: {type: text}}}")
                .find("properties[a].type: Unsupported value: \"text\""),
            std::string::npos);
  EXPECT_NE(compileError("{type: object, properties: {a: {type: string, pattern: '('}}}")
                .find("properties[a].pattern: Invalid value"),
            std::string::npos);
  EXPECT_NE(compileError("{type: object, additionalProperties: {type: string}, properties: {a: {type: string}}}")
                .find("mutual exclusive"),
            std::string::npos);
  EXPECT_NE(compileError("{type: object, properties: {a: {type: array}}}").find("properties[a].items: Required value"),
            std::string::npos);
  EXPECT_NE(compileError("{type: object, properties: {a: {$ref: x, type: string}}}").find("$ref is not supported"),
            std::string::npos);
  EXPECT_NE(compileError("{type: object, properties: {a: {type: string, maxlength: 1}}}")
                .find("maxlength: Forbidden: is no word"),
            std::string::npos);
  EXPECT_NE(compileError("{type: object, properties: {a: {type: integer, default: x}}}").find("properties[a].default"),
            std::string::npos);
  EXPECT_NE(compileError("{type: object, properties: {a: {type: array, items: {type: string}, uniqueItems: true}}}")
                .find("uniqueItems"),
            std::string::npos);
  EXPECT_NE(compileError("{type: object, anyOf: [{description: x}]}").find("anyOf[0].description: Forbidden"),
            std::string::npos);
  EXPECT_NE(
      compileError("{type: object, properties: {a: {type: array, x-kubernetes-list-type: map, items: {type: object}}}}")
          .find("x-kubernetes-list-map-keys: Required value"),
      std::string::npos);
  EXPECT_NE(compileError("{type: object, properties: {a: {type: array, x-kubernetes-list-type: map, "
                         "x-kubernetes-list-map-keys: [k], items: {type: object, properties: {k: {type: string}}}}}}")
                .find("default or be a required property"),
            std::string::npos);
  EXPECT_NE(compileError("{type: object, properties: {a: {type: string, x-kubernetes-list-type: set}}}")
                .find("must be array"),
            std::string::npos);
  EXPECT_NE(compileError("{type: object, properties: {a: {type: string, minLength: -1}}}").find("0 or more"),
            std::string::npos);
}

TEST(StructuralSchema, CanBeNavigated) {
  const Schema schema = specOf(
      "m: {type: object, x-kubernetes-map-type: atomic, additionalProperties: {type: string}}, "
      "l: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [k], items: {type: object, required: "
      "[k], properties: {k: {type: string, default: x}}}}");
  const StructuralSchema* spec = schema->property("spec");
  ASSERT_NE(spec, nullptr);
  EXPECT_EQ(spec->property("nothing"), nullptr);
  EXPECT_TRUE(spec->property("m")->atomicMap());
  EXPECT_EQ(spec->property("m")->additionalProperties()->source().getString("type"), "string");
  const StructuralSchema* list = spec->property("l");
  EXPECT_EQ(list->listType(), ListType::Map);
  EXPECT_EQ(list->listMapKeys(), std::vector<std::string>{"k"});
  EXPECT_EQ(list->items()->property("k")->defaultValue()->asString(), "x");
  EXPECT_EQ(list->defaultValue(), nullptr);
}

TEST(StructuralSchema, StaysLinearWithManyUnknownFields) {
  const Schema schema = specOf("a: {type: string}");
  Json object = Json::object();
  Json spec = Json::object();
  for (int i = 0; i < 100'000; ++i) {
    spec.asObject().append("k" + std::to_string(i), 1);
  }
  object["spec"] = std::move(spec);
  EXPECT_EQ(schema->unknownFields(object, true).size(), 100'000U);
  EXPECT_TRUE(object["spec"].asObject().empty());
}

}  // namespace
}  // namespace slipway::schema
