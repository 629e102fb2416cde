#include "reconciler/schema/crd.h"

#include <gtest/gtest.h>

#include "reconciler/base/strings.h"
#include "reconciler/schema/yaml.h"

#include "embedded/embedded_crds.h"

namespace slipway::schema {
namespace {

constexpr std::string_view kLabCrds = R"yaml(
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: releases.lab.example.dev
spec:
  group: lab.example.dev
  scope: Namespaced
  names: {plural: releases, singular: release, kind: Release, listKind: ReleaseList, shortNames: [rel], categories: [all, lab]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}
    selectableFields:
    - jsonPath: .spec.channel
    additionalPrinterColumns:
    - {name: Version, type: string, jsonPath: .spec.version, description: version to deploy}
    - {name: Phase, type: string, jsonPath: .status.phase}
    - {name: Channel, type: string, jsonPath: .spec.channel, priority: 1}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
    schema:
      openAPIV3Schema:
        type: object
        description: Release is a lab kind.
        required: [spec]
        properties:
          apiVersion: {type: string}
          kind: {type: string}
          metadata: {type: object}
          spec:
            type: object
            description: Desired state.
            required: [version]
            properties:
              version: {type: string, minLength: 1, description: The version to deploy.}
              channel: {type: string, enum: [stable, beta], default: stable}
              replicas: {type: integer, format: int32, minimum: 0, maximum: 100}
              paused: {type: boolean}
              port: {x-kubernetes-int-or-string: true}
              tags: {type: array, items: {type: string}, x-kubernetes-list-type: set}
              order: {type: array, items: {type: string}}
              targets:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items:
                  type: object
                  required: [name]
                  properties:
                    name: {type: string}
                    weight: {type: integer, default: 1}
                    host: {type: string}
              config: {type: object, x-kubernetes-preserve-unknown-fields: true}
              labels: {type: object, additionalProperties: {type: string}}
          status:
            type: object
            properties:
              phase: {type: string}
              replicas: {type: integer}
              observedGeneration: {type: integer, format: int64}
              conditions:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [type]
                items:
                  type: object
                  required: [type, status]
                  properties:
                    type: {type: string}
                    status: {type: string}
                    reason: {type: string}
                    message: {type: string}
                    lastTransitionTime: {type: string, format: date-time}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: notes.lab.example.dev
spec:
  group: lab.example.dev
  scope: Namespaced
  names: {plural: notes, singular: note, kind: Note, listKind: NoteList}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {text: {type: string}}}
          status: {type: object, properties: {phase: {type: string}}}
)yaml";

std::vector<Json> documents(std::string_view text) {
  Result<std::vector<YamlDocument>> parsed = parseYaml(text);
  EXPECT_TRUE(parsed) << parsed.status().message();
  std::vector<Json> out;
  for (YamlDocument& document : *parsed) {
    out.push_back(std::move(document.value));
  }
  return out;
}

Crd labRelease() {
  std::vector<FieldError> errors;
  Result<Crd> crd = parseCrd(documents(kLabCrds).at(0), &errors);
  EXPECT_TRUE(crd) << crd.status().message();
  return crd ? *crd : Crd();
}

// What is wrong with the lab's Release after `change`.
std::string findings(const std::function<void(Json&)>& change) {
  Json definition = documents(kLabCrds).at(0);
  change(definition);
  std::vector<FieldError> errors;
  const bool ok = parseCrd(definition, &errors).isOk();
  EXPECT_EQ(ok, errors.empty());
  return describe(errors);
}

Json& version(Json& definition) { return definition["spec"]["versions"].asArray().at(0); }

TEST(Crd, ReadsNamesVersionsAndSubresources) {
  const Crd crd = labRelease();
  EXPECT_EQ(crd.group, "lab.example.dev");
  EXPECT_EQ(crd.plural, "releases");
  EXPECT_EQ(crd.singular, "release");
  EXPECT_EQ(crd.kind, "Release");
  EXPECT_EQ(crd.listKind, "ReleaseList");
  EXPECT_EQ(crd.shortNames, std::vector<std::string>{"rel"});
  EXPECT_EQ(crd.categories, (std::vector<std::string>{"all", "lab"}));
  EXPECT_TRUE(crd.namespaced);
  ASSERT_EQ(crd.versions.size(), 1U);
  const CrdVersion& v1 = crd.versions[0];
  EXPECT_EQ(v1.name, "v1");
  EXPECT_TRUE(v1.served && v1.storage && v1.hasStatus && v1.hasScale);
  EXPECT_EQ(v1.specReplicasPath, ".spec.replicas");
  EXPECT_EQ(v1.selectableFields, std::vector<std::string>{".spec.channel"});
  ASSERT_EQ(v1.columns.size(), 4U);
  EXPECT_EQ(v1.columns[2].priority, 1);
  EXPECT_EQ(v1.columns[0].description, "version to deploy");
  const Crd note = *parseCrd(documents(kLabCrds).at(1));
  EXPECT_EQ(note.kind, "Note");
  EXPECT_FALSE(note.versions[0].hasStatus);
}

TEST(Crd, ItsSchemaJudgesObjects) {
  const auto schema = labRelease().versions[0].schema;
  Json object = documents(
                    "{apiVersion: lab.example.dev/v1, kind: Release, metadata: {name: a}, spec: {version: '1.0', "
                    "targets: [{name: a}], port: http, config: {any: {deep: [1, {x: null}]}}}}")
                    .at(0);
  EXPECT_TRUE(schema->unknownFields(object, true).empty());
  schema->applyDefaults(object);
  EXPECT_EQ(object["spec"].getString("channel"), "stable");
  EXPECT_EQ(object["spec"]["targets"].dump(), R"([{"name":"a","weight":1}])");
  EXPECT_EQ(object["spec"]["config"].dump(), R"({"any":{"deep":[1,{"x":null}]}})");
  EXPECT_EQ(describe(schema->validate(object, nullptr)), "");
  object["spec"] = documents("{version: '', channel: zz, replicas: x, tags: [a, a]}").at(0);
  EXPECT_EQ(
      describe(schema->validate(object, nullptr)),
      "[spec.version: Invalid value: \"\": spec.version in body should be at least 1 chars long, spec.channel: "
      "Unsupported value: \"zz\": supported values: \"stable\", \"beta\", spec.replicas: Invalid value: "
      "\"string\": spec.replicas in body must be of type integer: \"string\", spec.tags[1]: Duplicate value: \"a\"]");
}

TEST(Crd, NamesEveryMistakeWithItsPath) {
  EXPECT_EQ(findings([](Json& d) { d["metadata"]["name"] = "x"; }),
            "metadata.name: Invalid value: \"x\": must be spec.names.plural+\".\"+spec.group");
  EXPECT_NE(findings([](Json& d) { d["spec"]["scope"] = "Galaxy"; }).find("spec.scope: Unsupported value: \"Galaxy\""),
            std::string::npos);
  EXPECT_NE(
      findings([](Json& d) { d["spec"]["names"].asObject().erase("kind"); }).find("spec.names.kind: Required value"),
      std::string::npos);
  EXPECT_EQ(findings([](Json& d) { d["spec"]["versions"].push(Json(version(d))); }),
            "[spec.versions[1].name: Duplicate value: \"v1\", spec.versions: Invalid value: 2: must have exactly one "
            "version marked as storage version]");
  EXPECT_EQ(findings([](Json& d) { version(d).asObject().erase("schema"); }),
            "spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required");
  EXPECT_NE(findings([](Json& d) {
              version(d)["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["targets"].asObject().erase(
                  "x-kubernetes-list-map-keys");
            })
                .find("spec.versions[0].schema.openAPIV3Schema.properties[spec].properties[targets].x-kubernetes-list-"
                      "map-keys: Required value"),
            std::string::npos);
  EXPECT_NE(findings([](Json& d) {
              version(d)["subresources"]["scale"]["specReplicasPath"] = ".status.x";
            }).find("under .spec"),
            std::string::npos);
  EXPECT_NE(findings([](Json& d) {
              version(d)["additionalPrinterColumns"].asArray()[0]["type"] = "colour";
            }).find("additionalPrinterColumns[0].type: Unsupported value"),
            std::string::npos);
  EXPECT_NE(findings([](Json& d) {
              version(d)["selectableFields"].asArray()[0]["jsonPath"] = ".spec.nothing";
            }).find("selectableFields[0].jsonPath"),
            std::string::npos);
  EXPECT_NE(findings([](Json& d) { d["kind"] = "Other"; }).find("kind: Invalid value"), std::string::npos);
  EXPECT_EQ(findings([](Json& d) { d["spec"]["conversion"]["strategy"] = "Webhook"; }),
            "spec.conversion.strategy: Unsupported value: \"Webhook\": supported values: \"None\"");
  EXPECT_NE(findings([](Json& d) { d["spec"]["preserveUnknownFields"] = true; }).find("must be false"),
            std::string::npos);
  EXPECT_EQ(parseCrd(Json()).code(), Code::Invalid);
  EXPECT_EQ(parseCrd(Json::array()).code(), Code::Invalid);
}

TEST(Crd, TheKindsOfSlipwayCompile) {
  for (const EmbeddedFile& file : embedded_crds()) {
    for (const Json& definition : documents(file.content)) {
      std::vector<FieldError> errors;
      EXPECT_TRUE(parseCrd(definition, &errors)) << file.name << ": " << describe(errors);
    }
  }
}

}  // namespace
}  // namespace slipway::schema
