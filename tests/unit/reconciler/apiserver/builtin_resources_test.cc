#include "reconciler/apiserver/forms/builtin_resources.h"

#include <set>

#include <gtest/gtest.h>

namespace slipway::apiserver {
namespace {

ResourcePtr named(const std::string& qualified) {
  for (const ResourcePtr& resource : builtinResources()) {
    if (resource->qualified() == qualified) {
      return resource;
    }
  }
  return nullptr;
}

TEST(BuiltinResources, AreCompleteAndDistinct) {
  std::set<std::string> names;
  for (const ResourcePtr& resource : builtinResources()) {
    EXPECT_TRUE(names.insert(resource->qualified()).second) << resource->qualified();
    EXPECT_NE(resource->schema, nullptr) << resource->qualified();
    EXPECT_FALSE(resource->custom) << resource->qualified();
    EXPECT_FALSE(resource->verbs.empty()) << resource->qualified();
    EXPECT_EQ(resource->listKind, resource->kind + "List");
  }
  for (const char* name :
       {"namespaces", "secrets", "configmaps", "events", "services", "serviceaccounts", "leases.coordination.k8s.io",
        "customresourcedefinitions.apiextensions.k8s.io", "selfsubjectaccessreviews.authorization.k8s.io",
        "selfsubjectreviews.authentication.k8s.io"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
}

TEST(BuiltinResources, NeverAllowDeletingAllNamespacesAtOnce) {
  const ResourcePtr resource = named("namespaces");
  for (const std::string& verb : resource->verbs) {
    EXPECT_NE(verb, "deletecollection");
  }
}

TEST(BuiltinResources, FindUndeclaredFields) {
  Json secret =
      *parseJson(R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"},"data":{"k":"YQ=="},"typ":"x"})");
  EXPECT_EQ(named("secrets")->schema->unknownFields(secret, true), std::vector<std::string>{"typ"});
  EXPECT_EQ(secret.find("typ"), nullptr);
}

TEST(BuiltinResources, TakeNullForAnyField) {
  Json map =
      *parseJson(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":null,"binaryData":null})");
  const ResourcePtr resource = named("configmaps");
  resource->schema->applyDefaults(map);
  EXPECT_TRUE(resource->schema->validate(map, nullptr).empty());
  Json event =
      *parseJson(R"({"apiVersion":"v1","kind":"Event","metadata":{"name":"a"},"involvedObject":{},"eventTime":null,
      "series":null,"related":null})");
  named("events")->schema->applyDefaults(event);
  EXPECT_TRUE(named("events")->schema->validate(event, nullptr).empty());
}

TEST(BuiltinResources, LeaveTheSchemasOfDefinitionsOpen) {
  Json definition = *parseJson(R"({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition",
      "metadata":{"name":"a"},"spec":{"group":"g","versions":[{"name":"v1","served":true,"storage":true,
      "subresources":{"status":{}},"schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object"}}}}}]}})");
  EXPECT_TRUE(
      named("customresourcedefinitions.apiextensions.k8s.io")->schema->unknownFields(definition, false).empty());
}

TEST(BuiltinResources, KnowHowMetadataMerges) {
  const schema::StructuralSchema& meta = objectMetaSchema();
  EXPECT_EQ(meta.property("finalizers")->listType(), schema::ListType::Set);
  EXPECT_EQ(meta.property("ownerReferences")->listMapKeys(), std::vector<std::string>{"uid"});
  EXPECT_TRUE(meta.property("ownerReferences")->items()->atomicMap());
}

}  // namespace
}  // namespace slipway::apiserver
