#include "reconciler/schema/lint.h"

#include <gtest/gtest.h>

#include "reconciler/base/strings.h"
#include "reconciler/schema/yaml.h"

namespace slipway::schema {
namespace {

constexpr std::string_view kCrd = R"yaml(
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.a.example}
spec:
  group: a.example
  scope: Namespaced
  names: {plural: things, kind: Thing}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:
          spec:
            type: object
            required: [size]
            properties:
              size: {type: integer, minimum: 1}
              parts: {type: array, items: {type: object, properties: {name: {type: string, minLength: 1}}}}
)yaml";

std::string lint(std::string_view text) {
  Result<Crd> crd = parseCrd(parseYaml(kCrd)->front().value);
  EXPECT_TRUE(crd) << crd.status().message();
  std::string out;
  for (const LintFinding& finding : lintManifests("a.yaml", text, {*crd})) {
    EXPECT_EQ(finding.file, "a.yaml");
    out += cat(finding.line, " ", finding.field, ": ", finding.message, "\n");
  }
  return out;
}

TEST(Lint, IsSilentAboutGoodManifests) {
  EXPECT_EQ(lint("apiVersion: a.example/v1\nkind: Thing\nmetadata: {name: x, labels: {a: b}}\nspec: {size: 1}\n---\n"
                 "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {k: v}\ndata: {k: aGk=}\n---\n"
                 "apiVersion: v1\nkind: Namespace\nmetadata: {name: s}\n---\n"
                 "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: s-}\ndata: {a: b}\n"),
            "");
  EXPECT_EQ(lint(kCrd), "");
  EXPECT_EQ(lint(""), "");
}

TEST(Lint, NamesLineAndFieldOfEveryMistake) {
  EXPECT_EQ(lint("# remark\napiVersion: a.example/v1\nkind: Thing\nmetadata:\n  name: x\n  nmae: y\nspec:\n  size: 0\n"
                 "  parts:\n  - name: a\n  - name: ''\n    nam: b\n  size: 0\n"),
            "6 metadata.nmae: unknown field \"metadata.nmae\"\n"
            "11 spec.parts[1].name: Invalid value: \"\": spec.parts[1].name in body should be at least 1 chars long\n"
            "12 spec.parts[1].nam: unknown field \"spec.parts[1].nam\"\n"
            "13 spec.size: duplicate field \"spec.size\"\n"
            "13 spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1\n");
}

TEST(Lint, PointsAtTheSurroundingFieldWhenOneIsMissing) {
  EXPECT_EQ(lint("apiVersion: a.example/v1\nkind: Thing\nmetadata: {name: x}\nspec:\n  parts: []\n"),
            "4 spec.size: Required value\n");
  EXPECT_EQ(lint("kind: Thing\n"),
            "1 apiVersion: Required value\n1 metadata.name: Required value: name or generateName is required\n");
}

TEST(Lint, ReportsMalformedTextAndUnknownKinds) {
  EXPECT_EQ(lint("a: b\nc: \"d\n").substr(0, 2), "2 ");
  EXPECT_EQ(
      lint("apiVersion: a.example/v2\nkind: Thing\nmetadata: {name: x}\n"),
      "2 kind: no kind \"Thing\" in version \"a.example/v2\"; known are a.example/v1 Thing, v1 Secret, ConfigMap, "
      "Namespace\n");
  EXPECT_EQ(lint("[1]"), "1 : must be a map with apiVersion, kind and metadata\n");
}

TEST(Lint, LooksIntoListsAndDefinitions) {
  EXPECT_EQ(
      lint("apiVersion: v1\nkind: List\nitems:\n- apiVersion: a.example/v1\n  kind: Thing\n  metadata: {name: x}\n"
           "  spec: {size: big}\n"),
      "7 items[0].spec.size: Invalid value: \"string\": spec.size in body must be of type integer: \"string\"\n");
  const std::string bad = cat(kCrd, "              other: {type: text}\n");
  EXPECT_EQ(lint(bad).substr(0, 3), "24 ") << lint(bad);
  EXPECT_EQ(lint("apiVersion: v1\nkind: Secret\nmetadata: {name: Bad_Name}\ndata:\n  a: '%'\n").substr(0, 16),
            "3 metadata.name:");
}

}  // namespace
}  // namespace slipway::schema
