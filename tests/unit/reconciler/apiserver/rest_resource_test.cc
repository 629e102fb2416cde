#include "reconciler/apiserver/rest_resource.h"

#include <gtest/gtest.h>

#include "tests/support/embedded_api.h"

namespace slipway::apiserver {
namespace {

std::string releases(const std::string& query) { return std::string(EmbeddedApi::kReleases) + query; }

std::vector<std::string> names(const Json& list) {
  std::vector<std::string> out;
  if (const Json* items = list.find("items")) {
    for (const Json& item : items->asArray()) {
      out.push_back(textAt(item, {"metadata", "name"}));
    }
  }
  return out;
}

using Names = std::vector<std::string>;

class Lists : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"a", "b", "c"}) {
      api_.call(
          "POST", releases(""),
          labRelease(name, cat(R"({"version":"1","channel":")", name == std::string("b") ? "beta" : "stable", "\"}"),
                     cat(R"(,"labels":{"n":")", name, "\"}")));
    }
  }
  Names select(const std::string& query) { return names(api_.get(releases("?" + query))); }

  EmbeddedApi api_;
};

TEST_F(Lists, SelectByLabelsAndFields) {
  EXPECT_EQ(select("labelSelector=n in (a,c)"), (Names{"a", "c"}));
  EXPECT_EQ(select("labelSelector=n notin (a)"), (Names{"b", "c"}));
  EXPECT_EQ(select("labelSelector=n!=a,n"), (Names{"b", "c"}));
  EXPECT_EQ(select("labelSelector=!n"), Names{});
  EXPECT_EQ(select("labelSelector=n==b"), Names{"b"});
  EXPECT_EQ(select("fieldSelector=spec.channel=beta"), Names{"b"});
  EXPECT_EQ(select("fieldSelector=metadata.name!=b"), (Names{"a", "c"}));
  for (const char* bad : {"labelSelector=n in (", "labelSelector=,", "fieldSelector=spec.version=1", "limit=x"}) {
    EXPECT_EQ(api_.call("GET", releases(std::string("?") + bad)).first, 400) << bad;
  }
}

TEST_F(Lists, PageThroughOneSnapshot) {
  const Json first = api_.get(releases("?limit=2"));
  EXPECT_EQ(names(first), (Names{"a", "b"}));
  EXPECT_EQ(textAt(first, {"metadata", "remainingItemCount"}), "1");
  api_.call("POST", releases(""), labRelease("d"));
  api_.call("DELETE", releases("/c"));
  const Json second = api_.get(releases("?limit=2&continue=" + textAt(first, {"metadata", "continue"})));
  EXPECT_EQ(names(second), Names{"c"});
  EXPECT_EQ(textAt(second, {"metadata", "resourceVersion"}), textAt(first, {"metadata", "resourceVersion"}));
  EXPECT_EQ(textAt(second, {"metadata", "continue"}), "missing");
  EXPECT_EQ(api_.call("GET", releases("?continue=nonsense")).first, 400);
}

TEST_F(Lists, SayHowToGoOnWhenTheSnapshotIsGone) {
  const std::string old = ContinueToken{Revision{1}, {"default", "a"}}.encode();
  const auto gone = api_.call("GET", releases("?continue=" + old));
  EXPECT_EQ(gone.first, 410);
  EXPECT_EQ(names(api_.get(releases("?continue=" + textAt(gone.second, {"metadata", "continue"})))), (Names{"b", "c"}));
}

TEST_F(Lists, AnswerAtTheVersionAskedFor) {
  const std::string then = textAt(api_.get(releases("")), {"metadata", "resourceVersion"});
  api_.call("DELETE", releases("/a"));
  api_.mergePatch(releases("/b"), R"({"spec":{"replicas":7}})");
  const Json exact = api_.get(releases("?resourceVersionMatch=Exact&resourceVersion=" + then));
  EXPECT_EQ(names(exact), (Names{"a", "b", "c"}));
  EXPECT_EQ(exact.dump().find("replicas"), std::string::npos);
  EXPECT_EQ(api_.call("GET", releases("?resourceVersion=99999")).first, 504);
  EXPECT_EQ(api_.call("GET", releases("?resourceVersion=x")).first, 500);
  EXPECT_EQ(api_.call("GET", releases("?resourceVersionMatch=Exact")).first, 422);
  EXPECT_EQ(api_.call("GET", releases("?resourceVersionMatch=Exact&resourceVersion=0")).first, 422);
  EXPECT_EQ(api_.call("GET", releases("?resourceVersionMatch=Exact&resourceVersion=1")).first, 410);
}

TEST_F(Lists, DeleteWhatASelectorChooses) {
  const auto deleted = api_.call("DELETE", releases("?labelSelector=n in (a,b)"));
  EXPECT_EQ(names(deleted.second), (Names{"a", "b"}));
  EXPECT_EQ(names(api_.get(releases(""))), Names{"c"});
  EXPECT_EQ(api_.call("DELETE", "/api/v1/namespaces").first, 405);
  EXPECT_EQ(api_.call("DELETE", "/apis/lab.example.dev/v1/releases").first, 405);
  EXPECT_EQ(api_.call("DELETE", "/api/v1/namespaces/default").first, 403);
}

TEST(ContinueTokens, KeepTheKeyAndTheSnapshot) {
  const auto token = ContinueToken::decode(ContinueToken{Revision{42}, {"ns", "name"}}.encode());
  ASSERT_TRUE(token);
  EXPECT_EQ(token->revision, Revision{42});
  EXPECT_EQ(token->after, (ObjectKey{"ns", "name"}));
  EXPECT_FALSE(ContinueToken::decode("e30"));
  EXPECT_FALSE(ContinueToken::decode("***"));
}

TEST(Scale, ReadsAndWritesTheReplicasAlone) {
  EmbeddedApi api;
  api.call("POST", releases(""), labRelease("a"));
  EXPECT_EQ(api.call("GET", releases("/a/scale")).first, 500);
  api.mergePatch(releases("/a"), R"({"spec":{"replicas":2}})");
  EXPECT_EQ(textAt(api.get(releases("/a/scale")), {"spec", "replicas"}), "2");
  EXPECT_EQ(api.mergePatch(releases("/a/scale"), R"({"spec":{"replicas":5}})").first, 200);
  EXPECT_EQ(api.mergePatch(releases("/a/scale"), R"({"spec":{"replicas":101}})").first, 422);
  EXPECT_EQ(textAt(api.get(releases("/a")), {"spec", "replicas"}), "5");
}

TEST(Paths, AnswerAsTheRealServerDoes) {
  EmbeddedApi api;
  const auto status = [&](const std::string& method, const std::string& path, const std::string& body = {}) {
    return api.send(EmbeddedApi::request(method, path, body))->response.status;
  };
  EXPECT_EQ(status("GET", "/healthz"), 200);
  EXPECT_EQ(status("GET", "/version"), 200);
  EXPECT_EQ(status("GET", "/nonsense"), 404);
  EXPECT_EQ(status("GET", "/apis/lab.example.dev/v1/nosuch"), 404);
  EXPECT_EQ(status("GET", "/api/v1/nosuch"), 404);
  EXPECT_EQ(status("GET", releases("/a/nosuch")), 404);
  EXPECT_EQ(status("GET", releases("/a/status/more")), 404);
  EXPECT_EQ(status("POST", releases("/a/status"), "{}"), 405);
  EXPECT_EQ(status("PUT", releases(""), "{}"), 400);
  EXPECT_EQ(status("BREW", releases("/a")), 405);
  EXPECT_EQ(status("POST", releases(""), "{"), 400);
  EXPECT_EQ(status("POST", releases(""), std::string((3U << 20U) + 1, ' ')), 413);
  EXPECT_EQ(api.call("POST", releases(""), "x", "text/plain").first, 415);
  EXPECT_EQ(status("GET", "/api/v1/services"), 200);
}

TEST(Access, IsForAdministratorsAloneAndSaysWhoMayNotDoWhat) {
  EmbeddedApi api;
  HttpRequest request = EmbeddedApi::request("GET", releases(""));
  request.principal = {"eve", {"system:authenticated"}};
  const auto answer = api.send(request);
  EXPECT_EQ(answer->response.status, 403);
  EXPECT_EQ(parsedJson(answer->response.body).getString("message"),
            "releases.lab.example.dev is forbidden: User \"eve\" cannot list resource \"releases\" in API group "
            "\"lab.example.dev\" in the namespace \"default\"");
  request.path = "/metrics";
  EXPECT_EQ(api.send(request)->response.status, 403);
  request.path = "/version";
  EXPECT_EQ(api.send(request)->response.status, 200);
}

TEST(Reviews, AnswerForTheOneWhoAsksAndForOthers) {
  EmbeddedApi api;
  const std::string reviews = "/apis/authorization.k8s.io/v1/";
  const auto self = api.call("POST", reviews + "selfsubjectaccessreviews",
                             R"({"spec":{"resourceAttributes":{"verb":"get","resource":"releases"}}})");
  EXPECT_EQ(self.first, 201);
  EXPECT_EQ(textAt(self.second, {"status", "allowed"}), "true");
  const auto other = api.call("POST", reviews + "subjectaccessreviews",
                              R"({"spec":{"user":"eve","resourceAttributes":{"verb":"get","resource":"releases"}}})");
  EXPECT_EQ(textAt(other.second, {"status", "allowed"}), "false");
  const auto who = api.call("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", "{}");
  EXPECT_EQ(textAt(who.second, {"status", "userInfo", "username"}), "admin");
  EXPECT_EQ(api.call("GET", reviews + "selfsubjectaccessreviews").first, 405);
}

}  // namespace
}  // namespace slipway::apiserver
