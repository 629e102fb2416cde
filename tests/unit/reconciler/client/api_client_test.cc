#include "reconciler/client/api_client.h"

#include <gtest/gtest.h>

#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"
#include "reconciler/client/resource_watch.h"
#include "tests/support/scripted_server.h"

namespace slipway::client {
namespace {

using namespace std::chrono_literals;

ClientConfig configFor(const ScriptedServer& server) {
  ClientConfig config;
  config.tls = false;
  config.host = "127.0.0.1";
  config.port = static_cast<std::uint16_t>(server.port());
  config.source = "test";
  return config;
}

std::string statusBody(int code, const std::string& reason, const std::string& message) {
  return cat(R"({"kind":"Status","apiVersion":"v1","status":"Failure","reason":")", reason, R"(","message":")", message,
             R"(","code":)", code, "}");
}

std::string event(const std::string& type, const std::string& name, int version) {
  return cat(R"({"type":")", type, R"(","object":{"metadata":{"name":")", name, R"(","uid":"u-)", name,
             R"(","resourceVersion":")", version, "\"}}}\n");
}

std::string listOf(int version, const std::vector<std::pair<std::string, int>>& items) {
  std::string text;
  for (const auto& [name, itemVersion] : items) {
    text += cat(text.empty() ? "" : ",", R"({"metadata":{"name":")", name, R"(","uid":"u-)", name,
                R"(","resourceVersion":")", itemVersion, "\"}}");
  }
  return ScriptedServer::json(200, cat(R"({"metadata":{"resourceVersion":")", version, R"("},"items":[)", text, "]}"));
}

TEST(ResourcePath, FollowsTheKubernetesLayout) {
  EXPECT_EQ(resourcePath(kRelease, {"shop", "web"}, "status"),
            "/apis/slipway.dev/v1alpha1/namespaces/shop/releases/web/status");
  EXPECT_EQ(resourcePath(kRelease, {}), "/apis/slipway.dev/v1alpha1/releases");
  EXPECT_EQ(resourcePath(kNamespace, {"", "shop"}), "/api/v1/namespaces/shop");
}

TEST(ApiClient, ReusesItsConnection) {
  ScriptedServer server({ScriptedServer::json(200, R"({"a":1})"), ScriptedServer::json(200, R"({"a":2})")});
  ApiClient client(configFor(server));
  EXPECT_EQ(client.get(kRelease, {"n", "x"})->getInt("a"), 1);
  EXPECT_EQ(client.get(kRelease, {"n", "x"})->getInt("a"), 2);
  ASSERT_EQ(server.requests().size(), 2U);
  EXPECT_TRUE(server.requests()[0].starts_with("GET /apis/slipway.dev/v1alpha1/namespaces/n/releases/x HTTP/1.1\r\n"));
}

TEST(ApiClient, MapsWhatTheServerSays) {
  const std::vector<std::tuple<int, std::string, Code>> cases = {{404, "NotFound", Code::NotFound},
                                                                 {409, "Conflict", Code::Conflict},
                                                                 {409, "AlreadyExists", Code::AlreadyExists},
                                                                 {410, "Expired", Code::Expired},
                                                                 {422, "Invalid", Code::Invalid},
                                                                 {401, "Unauthorized", Code::Denied},
                                                                 {429, "TooManyRequests", Code::Unavailable},
                                                                 {500, "InternalError", Code::Internal}};
  for (const auto& [code, reason, expected] : cases) {
    ScriptedServer server({ScriptedServer::json(code, statusBody(code, reason, "spec.version: no"))});
    ApiClient client(configFor(server));
    const auto answer = client.get(kRelease, {"n", "x"});
    EXPECT_EQ(answer.code(), expected) << code;
    EXPECT_EQ(answer.status().message(), "spec.version: no");
  }
}

TEST(ApiClient, WritesStrictly) {
  ScriptedServer server({ScriptedServer::json(201, "{}"), ScriptedServer::json(200, "{}")});
  ApiClient client(configFor(server));
  ASSERT_TRUE(client.create(kRelease, Json::object({{"metadata", Json::object({{"namespace", "n"}, {"name", "x"}})}})));
  ASSERT_TRUE(client.mergePatch(kRelease, {"n", "x"}, Json::object({{"spec", Json::object({{"suspend", true}})}})));
  const auto requests = server.requests();
  EXPECT_TRUE(requests[0].starts_with("POST /apis/slipway.dev/v1alpha1/namespaces/n/releases?")) << requests[0];
  EXPECT_NE(requests[0].find("fieldValidation=Strict"), std::string::npos);
  EXPECT_NE(requests[1].find("Content-Type: application/merge-patch+json\r\n"), std::string::npos);
  EXPECT_TRUE(requests[1].ends_with(R"({"spec":{"suspend":true}})"));
}

TEST(ApiClient, ReadsEveryPage) {
  ScriptedServer server(
      {ScriptedServer::json(200,
                            R"({"metadata":{"resourceVersion":"5","continue":"more+"},"items":[{"a":1},{"a":2}]})"),
       ScriptedServer::json(200, R"({"metadata":{"resourceVersion":"5"},"items":[{"a":3}]})")});
  ApiClient client(configFor(server));
  const auto all = client.list(kRelease, "");
  ASSERT_TRUE(all);
  EXPECT_EQ(all->items.size(), 3U);
  EXPECT_NE(server.requests()[1].find("continue=more%2B"), std::string::npos);
}

TEST(ApiClient, TellsWhetherAWriteMayHaveHappened) {
  ScriptedServer server({"!"});
  ApiClient client(configFor(server));
  EXPECT_EQ(client.create(kRelease, Json::object()).code(), Code::OutcomeUnknown);
  ClientConfig nowhere = configFor(server);
  nowhere.port = 1;
  EXPECT_EQ(ApiClient(nowhere).create(kRelease, Json::object()).code(), Code::Unavailable);
}

TEST(ApiClient, GivesUpInTime) {
  ScriptedServer server({"HTTP/1.1 200 OK\r\nContent-Le"});
  ApiClient client(configFor(server), 50ms);
  EXPECT_EQ(client.get(kRelease, {"n", "x"}).code(), Code::OutcomeUnknown);
}

TEST(ByteStream, PutsLinesTogetherOverChunks) {
  ScriptedServer server({"!" + ScriptedServer::chunked() + ScriptedServer::chunk("on") +
                         ScriptedServer::chunk("e\n\ntw") + ScriptedServer::chunk("o\nrest") + "0\r\n\r\n"});
  ApiClient client(configFor(server));
  const auto stream = client.open({.path = "/log"});
  ASSERT_TRUE(stream) << stream.status().toString();
  EXPECT_EQ((*stream)->readLine(5s)->value(), "one");
  EXPECT_EQ((*stream)->readLine(5s)->value(), "two");
  EXPECT_FALSE((*stream)->readLine(5s)->has_value());
}

TEST(ByteStream, SaysWhenNothingCameAndGoesOn) {
  ScriptedServer server({ScriptedServer::chunked() + ScriptedServer::chunk("a\n")});
  ApiClient client(configFor(server));
  const auto stream = client.open({.path = "/log"});
  ASSERT_TRUE(stream);
  EXPECT_EQ((*stream)->readLine(5s)->value(), "a");
  EXPECT_EQ((*stream)->readLine(20ms).code(), Code::Timeout);
}

// Names and versions of the next events: "+a@1" for added, "~" modified, "-" deleted.
std::string nextEvents(ResourceWatch& watch, int count) {
  std::string text;
  for (int index = 0; index < count; ++index) {
    const auto next = watch.next(5s);
    if (!next || !*next) {
      return text + "?";
    }
    const WatchEvent& one = **next;
    const char mark = one.type == WatchEvent::Type::Added ? '+' : one.type == WatchEvent::Type::Modified ? '~' : '-';
    text += cat(mark, one.object->find("metadata")->getString("name"), '@', one.resourceVersion, ' ');
  }
  return text;
}

TEST(ResourceWatch, ListsThenFollowsAndResumesWhereTheStreamEnded) {
  ScriptedServer server({listOf(5, {{"a", 4}}),
                         "!" + ScriptedServer::chunked() + ScriptedServer::chunk(event("MODIFIED", "a", 6)) +
                             ScriptedServer::chunk(event("BOOKMARK", "", 9)) + "0\r\n\r\n",
                         ScriptedServer::chunked() + ScriptedServer::chunk(event("ADDED", "b", 10))});
  ApiClient client(configFor(server));
  const auto clock = newSystemClock();
  ResourceWatch watch(client, *clock, kRelease, {"n", ""});
  EXPECT_EQ(nextEvents(watch, 3), "+a@4 ~a@6 +b@10 ");
  EXPECT_NE(server.requests()[1].find("resourceVersion=5"), std::string::npos);
  EXPECT_NE(server.requests()[2].find("resourceVersion=9"), std::string::npos);
}

TEST(ResourceWatch, ListsAgainWhenTheHistoryIsGoneAndReportsWhatVanished) {
  const std::string gone = cat(R"({"type":"ERROR","object":)", statusBody(410, "Expired", "too old"), "}\n");
  ScriptedServer server({listOf(5, {{"a", 4}, {"b", 5}}), "!" + ScriptedServer::chunked() + ScriptedServer::chunk(gone),
                         listOf(20, {{"b", 15}}), ScriptedServer::chunked()});
  ApiClient client(configFor(server));
  const auto clock = newSystemClock();
  ResourceWatch watch(client, *clock, kRelease, {"n", ""});
  EXPECT_EQ(nextEvents(watch, 4), "+a@4 +b@5 ~b@15 -a@20 ");
}

TEST(ResourceWatch, ReportsADenialAtOnce) {
  ScriptedServer server({ScriptedServer::json(403, statusBody(403, "Forbidden", "no"))});
  ApiClient client(configFor(server));
  const auto clock = newSystemClock();
  ResourceWatch watch(client, *clock, kRelease, {"n", "x"});
  EXPECT_EQ(watch.next(5s).code(), Code::Denied);
  EXPECT_NE(server.requests()[0].find("fieldSelector=metadata.name%3Dx"), std::string::npos);
}

}  // namespace
}  // namespace slipway::client
