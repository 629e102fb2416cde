#include "reconciler/apiserver/forms/discovery.h"

#include <gtest/gtest.h>

#include "reconciler/base/json.h"

namespace slipway::apiserver {
namespace {

constexpr const char* kAggregated =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

ResourcePtr resource(const std::string& group, const std::string& version, const std::string& plural,
                     const std::string& kind) {
  ResourceInfo info;
  info.group = group;
  info.version = version;
  info.plural = plural;
  info.kind = kind;
  info.singular = plural.substr(0, plural.size() - 1);
  info.verbs = {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"};
  return std::make_shared<const ResourceInfo>(info);
}

std::shared_ptr<const ResourceTable> table() {
  ResourceInfo releases = *resource("lab.example.dev", "v1", "releases", "Release");
  releases.shortNames = {"rel"};
  releases.categories = {"all", "lab"};
  releases.hasStatus = true;
  releases.hasScale = true;
  ResourceInfo runs = *resource("lab.example.dev", "v1", "runs", "Run");
  runs.subresources = {{"log", "", {"get"}}};
  ResourceInfo namespaces = *resource("", "v1", "namespaces", "Namespace");
  namespaces.namespaced = false;
  ResourceInfo review = *resource("authorization.k8s.io", "v1", "reviews", "Review");
  review.verbs = {"create"};
  return newResourceTable({std::make_shared<const ResourceInfo>(namespaces),
                           resource("lab.example.dev", "v1alpha1", "old", "Old"),
                           std::make_shared<const ResourceInfo>(releases), std::make_shared<const ResourceInfo>(runs),
                           std::make_shared<const ResourceInfo>(review)});
}

HttpRequest get(const std::string& path, const std::string& accept = "") {
  HttpRequest request;
  request.method = "GET";
  request.path = path;
  if (!accept.empty()) {
    request.headers = {{"accept", accept}};
  }
  return request;
}

Json body(const std::optional<HttpResponse>& response) {
  EXPECT_TRUE(response);
  return response ? parseJson(response->body).valueOr(Json()) : Json();
}

std::string headerOf(const HttpResponse& response, const std::string& name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) {
      return value;
    }
  }
  return "";
}

TEST(Discovery, ListsGroupsWithTheStableVersionFirst) {
  const Json list = body(serveDiscovery(*table(), get("/apis", "application/json")));
  EXPECT_EQ(list.getString("kind"), "APIGroupList");
  const Json& group = list.find("groups")->asArray().front();
  EXPECT_EQ(group.getString("name"), "lab.example.dev");
  EXPECT_EQ(group.find("versions")->asArray().front().getString("groupVersion"), "lab.example.dev/v1");
  EXPECT_EQ(group.at({"preferredVersion", "version"})->asString(), "v1");
}

TEST(Discovery, DescribesOneGroup) {
  const Json group = body(serveDiscovery(*table(), get("/apis/lab.example.dev")));
  EXPECT_EQ(group.getString("kind"), "APIGroup");
  EXPECT_EQ(group.at({"preferredVersion", "groupVersion"})->asString(), "lab.example.dev/v1");
}

TEST(Discovery, ListsResourcesWithTheirSubresources) {
  const Json list = body(serveDiscovery(*table(), get("/apis/lab.example.dev/v1")));
  EXPECT_EQ(list.getString("kind"), "APIResourceList");
  EXPECT_EQ(list.getString("groupVersion"), "lab.example.dev/v1");
  std::vector<std::string> names;
  for (const Json& entry : list.find("resources")->asArray()) {
    names.push_back(entry.getString("name"));
  }
  EXPECT_EQ(names, (std::vector<std::string>{"releases", "releases/status", "releases/scale", "runs", "runs/log"}));
  const Json& releases = list.find("resources")->asArray()[0];
  EXPECT_EQ(releases.find("shortNames")->dump(), "[\"rel\"]");
  EXPECT_EQ(releases.getString("storageVersionHash").size(), 12U);
  EXPECT_EQ(releases.find("group"), nullptr);
  const Json& scale = list.find("resources")->asArray()[2];
  EXPECT_EQ(scale.getString("kind"), "Scale");
  EXPECT_EQ(scale.getString("group"), "autoscaling");
  EXPECT_EQ(scale.find("verbs")->dump(), "[\"get\",\"patch\",\"update\"]");
}

TEST(Discovery, AnswersTheCoreVersions) {
  EXPECT_EQ(body(serveDiscovery(*table(), get("/api"))).find("versions")->dump(), "[\"v1\"]");
  EXPECT_EQ(body(serveDiscovery(*table(), get("/api/v1"))).getString("groupVersion"), "v1");
}

TEST(Discovery, AggregatesEverythingInOneAnswer) {
  const auto response = serveDiscovery(*table(), get("/apis", kAggregated));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->contentType, "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
  EXPECT_EQ(headerOf(*response, "Vary"), "Accept");
  const Json list = body(response);
  EXPECT_EQ(list.getString("apiVersion"), "apidiscovery.k8s.io/v2");
  const Json& version = list.find("items")->asArray()[0].find("versions")->asArray()[0];
  EXPECT_EQ(version.getString("freshness"), "Current");
  const Json& releases = version.find("resources")->asArray()[0];
  EXPECT_EQ(releases.getString("scope"), "Namespaced");
  EXPECT_EQ(releases.at({"responseKind", "kind"})->asString(), "Release");
  EXPECT_EQ(releases.find("subresources")->asArray().size(), 2U);
  EXPECT_EQ(body(serveDiscovery(*table(), get("/api", kAggregated))).find("items")->asArray().size(), 1U);
}

TEST(Discovery, HonoursIfNoneMatch) {
  HttpRequest request = get("/apis", kAggregated);
  const auto first = serveDiscovery(*table(), request);
  request.headers.emplace_back("if-none-match", headerOf(*first, "ETag"));
  const auto second = serveDiscovery(*table(), request);
  EXPECT_EQ(second->status, 304);
  EXPECT_TRUE(second->body.empty());
}

TEST(Discovery, ServesTheBetaFormToOlderClients) {
  const auto response = serveDiscovery(
      *table(), get("/apis", "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"));
  EXPECT_EQ(body(response).getString("apiVersion"), "apidiscovery.k8s.io/v2beta1");
}

TEST(Discovery, LeavesOtherPathsAlone) {
  EXPECT_FALSE(serveDiscovery(*table(), get("/apis/lab.example.dev/v1/releases")));
  EXPECT_FALSE(serveDiscovery(*table(), get("/apis/nosuch.example.dev/v1")));
  EXPECT_FALSE(serveDiscovery(*table(), get("/apis/nosuch.example.dev")));
  EXPECT_FALSE(serveDiscovery(*table(), get("/healthz")));
}

TEST(Discovery, RefusesFormsItDoesNotSpeak) {
  EXPECT_EQ(serveDiscovery(*table(), get("/apis", "text/html"))->status, 406);
}

}  // namespace
}  // namespace slipway::apiserver
