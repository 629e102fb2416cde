#include "providers/transport/http_client.h"

#include <future>

#include <gtest/gtest.h>

#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_metrics.h"
#include "tests/support/http/http_test_server.h"
#include "tests/support/http/rest_server.h"

namespace slipway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class HttpClientTest : public testing::Test {
 protected:
  Result<HttpClientResponse> send(HttpClientRequest request) {
    auto promise = std::make_shared<std::promise<Result<HttpClientResponse>>>();
    auto future = promise->get_future();
    client_->send(std::move(request),
                  [promise](Result<HttpClientResponse> result) { promise->set_value(std::move(result)); });
    return future.get();
  }
  Result<HttpClientResponse> get(const std::string& url, Duration timeout = seconds(5)) {
    HttpClientRequest request;
    request.url = url;
    request.timeout = timeout;
    return send(request);
  }
  Status connect(const std::string& host, int port, Duration timeout = seconds(5)) {
    std::promise<Status> promise;
    client_->connect(host, port, timeout, [&promise](Status status) { promise.set_value(std::move(status)); });
    return promise.get_future().get();
  }

  FakeMetrics metrics_;
  std::unique_ptr<Clock> clock_ = newSystemClock();
  std::unique_ptr<HttpClient> client_ = transport::newHttpClient(*clock_, metrics_);
};

TEST_F(HttpClientTest, CountsExchangesByResult) {
  RestServer server([](const RestServer::Request&) { return RestServer::Answer{503, "busy"}; });
  ASSERT_TRUE(get(server.url("/")));
  const Status refused = connect("127.0.0.1", 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(metrics_.value("slipway_http_exchanges_total", {{"type", "http"}, {"result", "ok"}}), 1);
  EXPECT_EQ(metrics_.value("slipway_http_exchanges_total",
                           {{"type", "tcp"}, {"result", std::string(codeName(refused.code()))}}),
            1);
  EXPECT_EQ(metrics_.total("slipway_http_exchange_duration_seconds"), 2);
}

TEST_F(HttpClientTest, SendsMethodHeadersAndBodyAndGivesStatusAndBody) {
  RestServer server([](const RestServer::Request&) { return RestServer::Answer{418, "tea"}; });
  HttpClientRequest request;
  request.method = "POST";
  request.url = server.url("/hook?x=1");
  request.headers = {{"X-Test", "yes"}, {"X-Empty", ""}};
  request.body = "payload";
  const auto response = send(request);
  ASSERT_TRUE(response) << response.status().message();
  EXPECT_EQ(response->status, 418);
  EXPECT_EQ(response->body, "tea");
  const RestServer::Request seen = server.requests().at(0);
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.target, "/hook?x=1");
  EXPECT_EQ(seen.headers.at("x-test"), "yes");
  EXPECT_EQ(seen.headers.at("x-empty"), "");
  EXPECT_EQ(seen.body, "payload");
}

TEST_F(HttpClientTest, NamesAServerThatRefusesTheConnection) {
  int port = 0;
  {
    HttpTestServer gone([](const TestRequest&) { return std::string(); });
    port = gone.port();
  }
  const auto response = get(cat("http://127.0.0.1:", port, "/health?token=planted"));
  EXPECT_EQ(response.code(), Code::Unavailable);
  EXPECT_NE(response.status().message().find(cat("http://127.0.0.1:", port, "/health")), std::string::npos);
  EXPECT_EQ(response.status().message().find("planted"), std::string::npos) << "queries may hold secrets";
  EXPECT_EQ(connect("127.0.0.1", port).code(), Code::Unavailable);
}

TEST_F(HttpClientTest, EndsWithTimeoutWhenTheServerStaysSilentOrDrips) {
  HttpTestServer silent([](const TestRequest&) { return HttpTestServer::stay; });
  EXPECT_EQ(get(silent.url(), milliseconds(50)).code(), Code::Timeout);
  HttpTestServer half(
      [](const TestRequest&) { return HttpTestServer::stay + "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx"; });
  const auto cut = get(half.url(), milliseconds(50));
  EXPECT_EQ(cut.code(), Code::Timeout) << "a part of a body is no answer";
  EXPECT_NE(cut.status().message().find("50ms"), std::string::npos) << cut.status().message();
}

TEST_F(HttpClientTest, MeasuresTheTimeoutWithItsClock) {
  FakeClock clock;
  auto client = transport::newHttpClient(clock, metrics_);
  HttpTestServer silent([](const TestRequest&) { return HttpTestServer::stay; });
  std::promise<Result<HttpClientResponse>> promise;
  HttpClientRequest request;
  request.url = silent.url();
  client->send(request, [&promise](Result<HttpClientResponse> result) { promise.set_value(std::move(result)); });
  auto future = promise.get_future();
  while (future.wait_for(milliseconds(5)) != std::future_status::ready) {
    clock.advance(seconds(6));
  }
  EXPECT_EQ(future.get().code(), Code::Timeout);
  EXPECT_EQ(clock.pendingTimers(), 0U);
}

TEST_F(HttpClientTest, KeepsTheLimitOfABodyAndLeavesTheRest) {
  for (const bool chunked : {false, true}) {
    RestServer server([chunked](const RestServer::Request&) {
      return RestServer::Answer{.body = std::string(5'000'000, 'x'), .chunked = chunked};
    });
    HttpClientRequest request;
    request.url = server.url();
    request.bodyLimit = 1000;
    const auto response = send(request);
    ASSERT_TRUE(response) << response.status().message();
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body.size(), 1000U);
  }
}

TEST_F(HttpClientTest, PutsABodyTogetherThatComesInPieces) {
  std::string body;
  while (body.size() < 300'000) body += cat(body.size(), " bottles\n");
  RestServer server([&body](const RestServer::Request&) { return RestServer::Answer{.body = body, .chunked = true}; });
  HttpClientRequest request;
  request.url = server.url();
  request.bodyLimit = 1'000'000;
  const auto response = send(request);
  ASSERT_TRUE(response) << response.status().message();
  EXPECT_TRUE(response->body == body);
}

TEST_F(HttpClientTest, FollowsNoRedirect) {
  RestServer server([](const RestServer::Request&) {
    return RestServer::Answer{.status = 302, .headers = {{"Location", "/elsewhere"}}};
  });
  const auto response = get(server.url());
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 302);
  EXPECT_EQ(server.requests().size(), 1U);
}

// Each of these harmed a client library that was tried: see docs/decisions/0001-http-client.md.
TEST_F(HttpClientTest, OutlivesHostileAnswers) {
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::vector<std::string> answers = {chunked + "-1\r\nx\r\n",
                                            chunked + "-2\r\nx\r\n",
                                            chunked + "ffffffffffffffffff\r\nx",
                                            chunked + "zz\r\n",
                                            std::string("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc"),
                                            std::string("garbage\r\n\r\n"),
                                            std::string(),
                                            "HTTP/1.1 200 OK\r\nX: " + std::string(20U << 20U, 'a'),
                                            std::string("HTTP/1.1 99999 OK\r\n\r\n")};
  for (const std::string& bytes : answers) {
    HttpTestServer server([&bytes](const TestRequest&) { return bytes; });
    const auto response = get(server.url());
    EXPECT_NE(response.code(), Code::Timeout) << bytes.substr(0, 80);
  }
  HttpTestServer sound([](const TestRequest&) { return HttpTestServer::answer(200, "ok"); });
  EXPECT_TRUE(get(sound.url()));
}

TEST_F(HttpClientTest, RefusesRequestsThatMustNotReachTheWire) {
  std::vector<HttpClientRequest> bad(7);
  bad[0].url = "ftp://host/";
  bad[1].url = "file:///etc/passwd";
  bad[2].url = "http://user:pw@host/";
  bad[3].url = "http://host/\r\nX: y";
  bad[4].url = "http:///x";
  bad[5].url = "http://127.0.0.1:1/";
  bad[5].headers = {{"X", "a\r\nY: b"}};
  bad[6].url = "http://127.0.0.1:1/";
  bad[6].method = "GET / HTTP/1.1\r\nX:";
  for (const HttpClientRequest& request : bad) {
    EXPECT_EQ(send(request).code(), Code::Invalid) << request.url;
  }
  EXPECT_EQ(connect("host name", 80).code(), Code::Invalid);
  EXPECT_EQ(connect("host", 0).code(), Code::Invalid);
}

TEST_F(HttpClientTest, ConnectsToNoMetadataAddress) {
  for (const std::string url : {"http://169.254.169.254/latest", "http://[::ffff:169.254.169.254]/", "http://0.0.0.0/",
                                "http://[fe80::1]/", "http://2852039166/"}) {
    const auto response = get(url);
    EXPECT_EQ(response.code(), Code::Unavailable) << url;
    EXPECT_NE(response.status().message().find("not connected to"), std::string::npos) << response.status().message();
  }
}

// For URLs of users.
class GuardedHttpClientTest : public HttpClientTest {
 protected:
  void allow(const std::vector<std::string>& ranges) {
    rules_ = *transport::OutboundRules::create(ranges);
    client_ = transport::newGuardedHttpClient(*clock_, metrics_, rules_);
  }
  std::shared_ptr<transport::OutboundRules> rules_;
};

TEST_F(GuardedHttpClientTest, ConnectsInsideTheNetworkOnlyWhereAnAdministratorAllowsIt) {
  std::atomic<int> asked = 0;
  HttpTestServer server([&](const TestRequest&) {
    ++asked;
    return HttpTestServer::answer(200, "ok");
  });
  allow({});
  for (const std::string host : {"127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"}) {
    const auto refused = get(cat("http://", host, ":", server.port(), "/?token=planted"));
    EXPECT_EQ(refused.code(), Code::Denied) << host;
    EXPECT_NE(refused.status().message().find("--allow-outbound"), std::string::npos) << refused.status().message();
    EXPECT_EQ(refused.status().message().find("planted"), std::string::npos);
  }
  EXPECT_EQ(connect("127.0.0.1", server.port()).code(), Code::Denied);
  EXPECT_EQ(asked, 0);
  allow({"127.0.0.0/8"});
  EXPECT_TRUE(get(server.url()));
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(metrics_.value("slipway_http_exchanges_total", {{"type", "outbound"}, {"result", "ok"}}), 1);
}

TEST_F(GuardedHttpClientTest, NeverAsksOurOwnApiNorFollowsARedirect) {
  HttpTestServer api([](const TestRequest&) { return HttpTestServer::answer(200, "secret"); });
  RestServer server([&](const RestServer::Request&) {
    return RestServer::Answer{.status = 302, .body = "moved", .headers = {{"Location", api.url()}}};
  });
  allow({"127.0.0.1"});
  rules_->protectPort(static_cast<std::uint16_t>(api.port()));
  EXPECT_EQ(get(api.url()).code(), Code::Denied);
  const auto moved = get(server.url("/"));
  ASSERT_TRUE(moved) << moved.status().message();
  EXPECT_EQ(moved->status, 302);
}

TEST_F(GuardedHttpClientTest, KeepsAtMost64KiBOfAnAnswer) {
  RestServer server([](const RestServer::Request&) { return RestServer::Answer{.body = std::string(200'000, 'x')}; });
  allow({"127.0.0.1"});
  HttpClientRequest request;
  request.url = server.url("/");
  request.bodyLimit = 1U << 20U;
  const auto response = send(request);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body.size(), 64U << 10U);
}

TEST_F(HttpClientTest, ChecksCertificatesUnlessToldNotTo) {
  const TestCertificate certificate;
  HttpTestServer server([](const TestRequest&) { return HttpTestServer::answer(200, "ok"); }, &certificate);
  const auto refused = get(server.url());
  EXPECT_EQ(refused.code(), Code::Unavailable);
  EXPECT_NE(lowerAscii(refused.status().message()).find("certificate"), std::string::npos)
      << refused.status().message();
  HttpClientRequest request;
  request.url = server.url();
  request.verifyCertificate = false;
  EXPECT_TRUE(send(request));
  EXPECT_EQ(get(server.url()).code(), Code::Unavailable) << "the lenient exchange leaves nothing to reuse";
}

TEST_F(HttpClientTest, OpensAndClosesATcpConnection) {
  HttpTestServer server([](const TestRequest&) { return std::string(); });
  EXPECT_TRUE(connect("127.0.0.1", server.port()));
  EXPECT_TRUE(connect("localhost", server.port()));
  EXPECT_EQ(connect("no-such-host.invalid", 80).code(), Code::Unavailable);
}

TEST_F(HttpClientTest, RunsManyExchangesAtOnce) {
  RestServer server([](const RestServer::Request& request) { return RestServer::Answer{.body = request.target}; });
  std::atomic<int> right = 0;
  std::atomic<int> left = 100;
  std::promise<void> all;
  for (int i = 0; i < 100; ++i) {
    HttpClientRequest request;
    request.url = server.url(cat("/", i));
    client_->send(request, [&, i](const Result<HttpClientResponse>& result) {
      right += result && result->body == cat("/", i) ? 1 : 0;
      if (--left == 0) {
        all.set_value();
      }
    });
  }
  all.get_future().wait();
  EXPECT_EQ(right, 100);
}

TEST_F(HttpClientTest, AnswersEveryOpenExchangeWhenItEnds) {
  HttpTestServer silent([](const TestRequest&) { return HttpTestServer::stay; });
  std::atomic<int> cancelled = 0;
  for (int i = 0; i < 5; ++i) {
    HttpClientRequest request;
    request.url = silent.url();
    client_->send(request, [&](const Result<HttpClientResponse>& result) {
      cancelled += result.code() == Code::Cancelled ? 1 : 0;
    });
  }
  client_.reset();
  EXPECT_EQ(cancelled, 5);
}

}  // namespace
}  // namespace slipway
