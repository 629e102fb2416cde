#include <gtest/gtest.h>

#include "providers/traffic/haproxy_text.h"
#include "providers/traffic/http_text.h"
#include "providers/traffic/nginx_text.h"
#include "providers/traffic/wanted.h"
#include "reconciler/base/strings.h"

namespace slipway::traffic {
namespace {

std::string described(const std::vector<BackendState>& backends) {
  std::string out;
  for (const BackendState& state : backends) {
    out += cat(state.backend.name, "@", hostPort(state.backend), "=", state.weight, state.writer ? "w " : " ");
  }
  return out;
}

std::string nginxServers(const std::string& file, const std::string& name = "shop") {
  const Result<std::optional<NginxUpstream>> found = findNginxUpstream(file, name);
  if (!found) return found.status().message();
  if (!found->has_value()) return "none";
  std::vector<BackendState> out;
  for (const NginxServer& server : (*found)->servers) out.push_back(server.state);
  return described(out);
}

TEST(NginxText, FindsTheUpstreamWhateverStandsAroundIt) {
  EXPECT_EQ(nginxServers("# upstream shop { server a:1; }\nupstream other { server x:1; }\n"
                         "upstream \"shop\" {\n  server 10.0.0.1:80 weight=3; # backend web1\n  server 'b' down;\n"
                         "  keepalive 8; server [::1]:8080 backup max_fails=2;}\nmap $a ${b}x { default \"}\"; }\n"),
            "web1@10.0.0.1:80=3 b@b:80=0 [::1]:8080@[::1]:8080=1 ");
  EXPECT_EQ(nginxServers("http { upstream shop { server a:1; } }"), "a:1@a:1=1 ");
  EXPECT_EQ(nginxServers("server { listen 80; }"), "none");
  EXPECT_EQ(nginxServers("upstream shop {}\nupstream shop {}"), "upstream shop is there twice");
  EXPECT_EQ(nginxServers("upstream shop { server a:1;"), "upstream shop is not closed");
}

TEST(NginxText, ReplacesTheServersAndKeepsEverythingElse) {
  const auto found = *findNginxUpstream(
      "upstream shop {\n    least_conn;  # why\n    server 10.0.0.1:80 max_fails=0;\n    keepalive 8;\n}\n", "shop");
  const std::vector<BackendState> wanted = {{.backend = {"web1", "10.0.0.1", 80}, .weight = 9},
                                            {.backend = {"web2", "::1", 81}, .weight = 0}};
  EXPECT_EQ(withNginxServers(*found, "shop", wanted),
            "upstream shop {\n    least_conn;  # why\n    server 10.0.0.1:80 weight=9 max_fails=0; # backend web1\n"
            "    server [::1]:81 down; # backend web2\n    keepalive 8;\n}");
  EXPECT_EQ(nginxServers(withNginxServers(*found, "shop", wanted)), "web1@10.0.0.1:80=9 web2@[::1]:81=0 ");
}

constexpr const char* kHaProxy =
    "defaults\n  mode http\n\nbackend other\n  server x 1.2.3.4:5\n\nbackend shop\n  balance roundrobin\n"
    "  default-server inter 1s\n  server web1 10.0.0.1:80 cookie a weight 7 check # first\n  option httpchk\n\n"
    "frontend f\n  bind :80\n";

TEST(HaProxyText, ReplacesTheServersAndKeepsEverythingElse) {
  const auto section = findHaProxySection(kHaProxy, "shop");
  ASSERT_TRUE(section);
  EXPECT_EQ(described({section->servers[0].state}), "web1@10.0.0.1:80=7w ");
  EXPECT_EQ(join(section->servers[0].options, " "), "cookie a check");
  EXPECT_EQ(join(commonOptions(*section), " "), "check");
  EXPECT_EQ(section->after, "frontend f\n  bind :80\n");
  EXPECT_EQ(withHaProxyServers(*section,
                               {{.backend = {"web1", "10.0.0.1", 80}, .weight = 3, .writer = true},
                                {.backend = {"web2", "10.0.0.2", 80}, .weight = 0}},
                               {}, false),
            "backend shop\n  balance roundrobin\n  default-server inter 1s\n"
            "    server web1 10.0.0.1:80 cookie a check weight 3\n    server web2 10.0.0.2:80 check weight 0\n"
            "  option httpchk\n\n");
  EXPECT_FALSE(findHaProxySection(kHaProxy, "f"));
  EXPECT_TRUE(findHaProxySection(kHaProxy, "other"));
}

TEST(HaProxyText, SetsACookieAndTakesItAwayAgainWithAllThatBelongsToIt) {
  const std::string plain =
      "backend shop\n  balance roundrobin\n    server web1 10.0.0.1:80 check weight 9\n"
      "    server web2 10.0.0.2:80 check weight 0\n";
  const std::vector<BackendState> backends = {{.backend = {"web1", "10.0.0.1", 80}, .weight = 9},
                                              {.backend = {"web2", "10.0.0.2", 80}, .weight = 0}};
  const Stickiness sticky{"shop-version", std::chrono::hours(1)};
  const std::string with = withHaProxyServers(*findHaProxySection(plain, "shop"), backends, sticky, false);
  EXPECT_EQ(with,
            "backend shop\n  balance roundrobin\n"
            "    cookie shop-version insert indirect nocache httponly maxlife 3600s # set by Slipway\n"
            "    server web1 10.0.0.1:80 check cookie web1 weight 9\n"
            "    server web2 10.0.0.2:80 check cookie web2 disabled weight 0\n");
  const auto again = findHaProxySection(with, "shop");
  EXPECT_EQ(again->stickiness, sticky);
  EXPECT_EQ(again->otherCookie, "");
  EXPECT_EQ(withHaProxyServers(*again, backends, sticky, false), with);
  EXPECT_EQ(withHaProxyServers(*again, backends, {}, false), plain);
}

TEST(HaProxyText, KnowsACookieThatAPersonHasWritten) {
  const std::string own = "backend shop\n  cookie SRV insert\n    server web1 10.0.0.1:80 cookie web1 weight 9\n";
  const auto section = findHaProxySection(own, "shop");
  EXPECT_EQ(section->otherCookie, "cookie SRV insert");
  EXPECT_EQ(withHaProxyServers(*section, {{.backend = {"web1", "10.0.0.1", 80}, .weight = 9}}, {}, false), own);
}

TEST(HaProxyText, WritesABackendForWritesWithBackups) {
  const auto section = findHaProxySection("backend w\n  balance first", "w");
  EXPECT_EQ(withHaProxyServers(*section,
                               {{.backend = {"web1", "10.0.0.1", 80}, .weight = 3},
                                {.backend = {"web2", "10.0.0.2", 80}, .weight = 90, .writer = true}},
                               {}, true),
            "backend w\n  balance first\n    server web1 10.0.0.1:80 weight 1 backup\n"
            "    server web2 10.0.0.2:80 weight 1\n");
}

TEST(HaProxyText, ReadsWhatTheSocketAnswers) {
  const Result<std::vector<RuntimeServer>> servers = parseRuntime(
      "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_port\n"
      "3 shop 1 web1 10.0.0.1 2 0 7 80\n3 shop 2 web2 10.0.0.2 2 8 5 81\n\n",
      "# pxname,svname,scur,status,\nshop,web1,4,UP,\nshop,web2,0,DRAIN,\n");
  ASSERT_EQ(servers->size(), 2U);
  EXPECT_EQ((*servers)[0].weight, 7);
  EXPECT_EQ((*servers)[0].sessions, 4);
  EXPECT_EQ((*servers)[0].health, "up");
  EXPECT_TRUE((*servers)[1].draining);
  EXPECT_EQ(parseRuntime("Can't find backend.\n", "").status().message(), "HAProxy answers: Can't find backend.");
}

TEST(HttpText, ReadsChunksAndTrailersAndSaysWhatIsCutShort) {
  const std::string whole =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: ETag\r\n\r\n3\r\nabc\r\n0\r\n"
      "Etag: \"/a 1\"\r\n\r\n";
  const Result<HttpText> answer = parseHttp(whole);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "abc");
  EXPECT_EQ(answer->header("etag"), "\"/a 1\"");
  for (std::size_t length = 0; length < whole.size(); ++length) EXPECT_FALSE(parseHttp(whole.substr(0, length)));
  EXPECT_EQ(parseHttp("HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno")->status, 404);
  EXPECT_EQ(parseHttp("SSH-2.0-x").status().code(), Code::Invalid);
}

TEST(Wanted, CountsConnectionsAsTheKernelWritesThem) {
  const std::map<std::string, int> kernel = {
      {"0100007F:1F90", 2}, {"0000000000000000FFFF00000100007F:1F90", 1}, {"00000000000000000000000001000000:1F90", 4}};
  EXPECT_EQ(connectionsTo({"a", "127.0.0.1", 8080}, kernel), 3);
  EXPECT_EQ(connectionsTo({"a", "::1", 8080}, kernel), 4);
  EXPECT_EQ(connectionsTo({"a", "127.0.0.1", 8081}, kernel), 0);
  EXPECT_EQ(connectionsTo({"a", "web1.example", 8080}, kernel), -1);
}

TEST(Wanted, RefusesWhatWouldChangeTheMeaningOfAConfiguration) {
  TrafficRequest request;
  request.spec.service = "shop";
  EXPECT_TRUE(checkRequest(request));
  for (const char* name : {"", "a b", "a;", "a\n", "-a", "a{", "a\"", "a#b"}) {
    request.action = AddBackend{{name, "10.0.0.1", 80}};
    EXPECT_EQ(checkRequest(request).code(), Code::Invalid) << name;
    request.action = AddBackend{{"a", name, 80}};
    EXPECT_EQ(checkRequest(request).code(), Code::Invalid) << name;
  }
  request.action = AddBackend{{"a", "2001:db8::1", 80}};
  EXPECT_TRUE(checkRequest(request));
  request.action = SetWeights{{}, {"shop", {}}};
  EXPECT_EQ(checkRequest(request).code(), Code::Invalid) << "nginx";
  request.spec.type = ProxyType::HaProxy;
  EXPECT_TRUE(checkRequest(request));
  for (const char* name : {"a b", "a;", "a\n", "a.b", "a#"}) {
    request.action = SetWeights{{}, {name, {}}};
    EXPECT_EQ(checkRequest(request).code(), Code::Invalid) << name;
  }
  request.action = SetWeights{{}, {"shop", std::chrono::milliseconds(1500)}};
  EXPECT_EQ(checkRequest(request).code(), Code::Invalid) << "half seconds";
  request.spec.type = ProxyType::Nginx;
  request.action = AddBackend{{"a", "10.0.0.1", 0}};
  EXPECT_FALSE(checkRequest(request));
  for (const char* file : {"relative", "/a/../b", "/a b", "/a\n"}) {
    request.spec.file = file;
    EXPECT_EQ(checkRequest(request).code(), Code::Invalid) << file;
  }
}

}  // namespace
}  // namespace slipway::traffic
