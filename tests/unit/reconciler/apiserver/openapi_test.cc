#include "reconciler/apiserver/forms/openapi.h"

#include <gtest/gtest.h>

#include "reconciler/apiserver/forms/builtin_resources.h"
#include "reconciler/schema/yaml.h"

namespace slipway::apiserver {
namespace {

constexpr const char* kSchema = R"(
type: object
description: Release is a lab kind.
properties:
  spec:
    type: object
    required: [version]
    properties:
      version: {type: string}
      channel: {type: string, enum: [stable, beta], default: stable}
      port: {x-kubernetes-int-or-string: true}
      default: {type: string}
      config: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: {a: {type: string}}}
  status: {type: object, properties: {phase: {type: string}}}
)";

ResourcePtr release(const char* schema = kSchema) {
  ResourceInfo info;
  info.group = "lab.example.dev";
  info.version = "v1";
  info.plural = "releases";
  info.kind = "Release";
  info.listKind = "ReleaseList";
  info.verbs = {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"};
  info.hasStatus = true;
  info.hasScale = true;
  auto compiled = schema::StructuralSchema::compile((*schema::parseYaml(schema))[0].value);
  EXPECT_TRUE(compiled) << compiled.status().message();
  info.schema = *compiled;
  return std::make_shared<const ResourceInfo>(info);
}

std::shared_ptr<const ResourceTable> table() {
  auto resources = builtinResources();
  resources.push_back(release());
  return newResourceTable(resources);
}

HttpResponse get(const ResourceTable& table, const std::string& path, const std::string& hash = "",
                 const std::string& accept = "") {
  HttpRequest request;
  request.method = "GET";
  request.path = path;
  if (!hash.empty()) {
    request.query = {{"hash", hash}};
  }
  if (!accept.empty()) {
    request.headers = {{"accept", accept}};
  }
  const auto response = serveOpenApi(table, request);
  EXPECT_TRUE(response);
  return response.value_or(HttpResponse{});
}

Json json(const HttpResponse& response) { return parseJson(response.body).valueOr(Json()); }

std::string hashOf(const ResourceTable& table, const std::string& path) {
  const Json index = json(get(table, "/openapi/v3"));
  const std::string url = index.at({"paths", path, "serverRelativeURL"})->asString();
  return url.substr(url.find("hash=") + 5);
}

std::string headerOf(const HttpResponse& response, const std::string& name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) {
      return value;
    }
  }
  return "";
}

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> out;
  for (const auto& [name, value] : object.asObject()) {
    out.push_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

TEST(OpenApi, IndexesEveryGroupVersionWithItsHash) {
  const auto all = table();
  const Json index = json(get(*all, "/openapi/v3"));
  EXPECT_TRUE(index.at({"paths", "apis/lab.example.dev/v1", "serverRelativeURL"})
                  ->asString()
                  .starts_with("/openapi/v3/apis/lab.example.dev/v1?hash="));
  EXPECT_NE(index.at({"paths", "api/v1"}), nullptr);
  EXPECT_NE(index.at({"paths", "apis/authorization.k8s.io/v1"}), nullptr);
}

TEST(OpenApi, DescribesAKindWithItsGroupVersionKind) {
  const Json document = json(get(*table(), "/openapi/v3/apis/lab.example.dev/v1"));
  EXPECT_EQ(document.getString("openapi"), "3.0.0");
  const Json& schema = *document.at({"components", "schemas", "dev.example.lab.v1.Release"});
  EXPECT_EQ(schema.find("x-kubernetes-group-version-kind")->dump(),
            R"([{"group":"lab.example.dev","version":"v1","kind":"Release"}])");
  EXPECT_EQ(keys(*schema.find("properties")),
            (std::vector<std::string>{"apiVersion", "kind", "metadata", "spec", "status"}));
  const std::string target = schema.at({"properties", "metadata", "allOf"})->asArray()[0].getString("$ref");
  EXPECT_EQ(target, "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta");
  EXPECT_NE(document.at({"components", "schemas", "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}), nullptr);
}

TEST(OpenApi, ListsThePatchTypesOfCustomAndBuiltInKinds) {
  const auto all = table();
  const Json custom = json(get(*all, "/openapi/v3/apis/lab.example.dev/v1"));
  const Json& patch = *custom.at({"paths", "/apis/lab.example.dev/v1/namespaces/{namespace}/releases/{name}", "patch"});
  EXPECT_EQ(patch.at({"x-kubernetes-group-version-kind", "kind"})->asString(), "Release");
  EXPECT_EQ(keys(*patch.at({"requestBody", "content"})),
            (std::vector<std::string>{"application/apply-patch+yaml", "application/json-patch+json",
                                      "application/merge-patch+json"}));
  std::string parameters;
  for (const Json& one : patch.find("parameters")->asArray()) {
    parameters += one.getString("name") + " ";
  }
  EXPECT_EQ(parameters, "dryRun fieldManager fieldValidation force ");
  const Json core = json(get(*all, "/openapi/v3/api/v1"));
  EXPECT_NE(core.at({"paths", "/api/v1/namespaces/{namespace}/secrets/{name}", "patch", "requestBody", "content",
                     "application/strategic-merge-patch+json"}),
            nullptr);
}

TEST(OpenApi, LeavesOutWhatAKindDoesNotAllow) {
  const Json core = json(get(*table(), "/openapi/v3/api/v1"));
  EXPECT_EQ(core.at({"paths", "/api/v1/namespaces", "delete"}), nullptr);
  const Json reviews = json(get(*table(), "/openapi/v3/apis/authorization.k8s.io/v1"));
  const Json& path = *reviews.at({"paths", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"});
  EXPECT_EQ(keys(path), (std::vector<std::string>{"parameters", "post"}));
}

TEST(OpenApi, TellsClientsHowListsOfBuiltInKindsMerge) {
  const Json core = json(get(*table(), "/openapi/v3/api/v1"));
  const Json& meta =
      *core.at({"components", "schemas", "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", "properties"});
  EXPECT_EQ(meta.at({"finalizers", "x-kubernetes-patch-strategy"})->asString(), "merge");
  EXPECT_EQ(meta.at({"ownerReferences", "x-kubernetes-patch-merge-key"})->asString(), "uid");
}

TEST(OpenApi, IsCacheableUnderItsHashAndRedirectsAStaleOne) {
  const auto all = table();
  const std::string path = "apis/lab.example.dev/v1";
  const std::string hash = hashOf(*all, path);
  const HttpResponse fresh = get(*all, "/openapi/v3/" + path, hash);
  EXPECT_EQ(fresh.status, 200);
  EXPECT_EQ(headerOf(fresh, "Cache-Control"), "public, immutable");
  const HttpResponse stale = get(*all, "/openapi/v3/" + path, "OLD");
  EXPECT_EQ(stale.status, 301);
  EXPECT_EQ(headerOf(stale, "Location"), "/openapi/v3/" + path + "?hash=" + hash);
}

TEST(OpenApi, ChangesTheHashWithTheDocumentAndOnlyThen) {
  const auto before = newResourceTable({release()});
  const auto same = newResourceTable({release()});
  const auto after = newResourceTable({release("{type: object, properties: {spec: {type: object}}}")});
  const std::string path = "apis/lab.example.dev/v1";
  EXPECT_EQ(hashOf(*before, path), hashOf(*same, path));
  EXPECT_NE(hashOf(*before, path), hashOf(*after, path));
}

TEST(OpenApi, WritesVersionTwoWithoutWhatItCannotSay) {
  const Json document = json(get(*table(), "/openapi/v2", "", "application/json"));
  EXPECT_EQ(document.getString("swagger"), "2.0");
  const Json& spec = *document.at({"definitions", "dev.example.lab.v1.Release", "properties", "spec", "properties"});
  EXPECT_EQ(spec.at({"channel", "default"}), nullptr);
  EXPECT_EQ(spec.at({"config", "properties"}), nullptr);
  EXPECT_NE(spec.find("default"), nullptr) << "a property may be called default";
}

TEST(OpenApi, RefusesProtobufInsteadOfAnsweringJson) {
  const std::string accept = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
  EXPECT_EQ(get(*table(), "/openapi/v2", "", accept).status, 406);
  EXPECT_EQ(get(*table(), "/openapi/v3", "", accept + ";q=1").status, 406);
}

TEST(OpenApi, HasNothingForUnknownGroups) {
  EXPECT_EQ(get(*table(), "/openapi/v3/apis/nosuch.example.dev/v1").status, 404);
  HttpRequest other;
  other.method = "GET";
  other.path = "/apis";
  EXPECT_FALSE(serveOpenApi(*table(), other));
}

TEST(OpenApi, ServesATableWithoutACache) {
  ResourceTable bare;
  bare.resources = {release()};
  EXPECT_EQ(get(bare, "/openapi/v3/apis/lab.example.dev/v1").status, 200);
}

}  // namespace
}  // namespace slipway::apiserver
