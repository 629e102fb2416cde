#include "reconciler/apiserver/listener/http_listener.h"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

#include "reconciler/base/strings.h"
#include "tests/support/loopback_client.h"

namespace slipway::apiserver {
namespace {

using namespace std::chrono_literals;

// Answers with what the test says; without more, with what was asked.
class EchoHandler final : public HttpHandler {
 public:
  using Script = std::function<void(const HttpRequest&, const std::shared_ptr<HttpResponder>&)>;
  Script script = [](const HttpRequest& request, const std::shared_ptr<HttpResponder>& responder) {
    HttpResponse response;
    response.contentType = "text/plain";
    response.body = cat(request.method, ' ', request.path, ' ', request.body.size(), ' ', request.principal.user);
    responder->send(std::move(response));
  };
  std::atomic<int> calls = 0;

  void handle(const HttpRequest& request, std::shared_ptr<HttpResponder> responder) override {
    ++calls;
    script(request, responder);
  }
};

// Something that happens once on another thread.
class Signal {
 public:
  void set() {
    const std::lock_guard lock(mutex_);
    set_ = true;
    changed_.notify_all();
  }
  bool wait(std::chrono::seconds most = 10s) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, most, [this] { return set_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool set_ = false;
};

class HttpListenerTest : public ::testing::Test {
 protected:
  void start() {
    auto started = HttpListener::start(options, {.handler = handler, .logger = logger, .tls = nullptr});
    ASSERT_TRUE(started) << started.status().toString();
    listener = std::move(*started);
  }
  // Sends the bytes on a new connection and reads to its end.
  std::string exchange(std::string_view bytes) {
    LoopbackClient client(listener->port());
    client.send(bytes);
    return client.readAll();
  }
  HttpListenerTest() {
    options.requireCredentials = false;
    options.handlerThreads = 2;
  }

  HttpListenerOptions options;
  EchoHandler handler;
  NullLogger logger;
  std::unique_ptr<HttpListener> listener;
};

int statusOf(const std::string& answer) { return answer.size() > 12 ? std::stoi(answer.substr(9, 3)) : 0; }

TEST_F(HttpListenerTest, AnswersARequestAndKeepsTheConnection) {
  start();
  LoopbackClient client(listener->port());
  client.send("GET /a%20b?x=1 HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(statusOf(client.readUntil("GET /a b 0")), 200);
  client.send("POST /next HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_NE(client.readUntil("POST /next 3").find("POST /next 3"), std::string::npos);
}

TEST_F(HttpListenerTest, AnswersThreePipelinedRequestsInOrder) {
  start();
  const std::string answers = exchange(
      "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"
      "GET /3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::size_t first = answers.find("GET /1 0");
  const std::size_t second = answers.find("POST /2 2");
  const std::size_t third = answers.find("GET /3 0");
  ASSERT_NE(third, std::string::npos) << answers;
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
}

TEST_F(HttpListenerTest, ReadsAChunkedBody) {
  start();
  const std::string answer = exchange(
      "POST /c HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\n\r\n");
  EXPECT_NE(answer.find("POST /c 5"), std::string::npos) << answer;
}

TEST_F(HttpListenerTest, RefusesWhatIsNotPlainlyOneRequest) {
  start();
  const std::vector<std::string> bad = {
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF1\r\nabc\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -3\r\n\r\nabc",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
      "GET /a%2Fb HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET /a/../b HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET http HTTP/1.1\r\nHost: h\r\n\r\n",
      "rubbish\r\n\r\n",
  };
  for (const std::string& bytes : bad) {
    const std::string answer = exchange(bytes);
    EXPECT_EQ(statusOf(answer), 400) << bytes << "\n" << answer;
    EXPECT_NE(answer.find("\"kind\":\"Status\""), std::string::npos) << bytes;
  }
  EXPECT_EQ(handler.calls, 0);
}

TEST_F(HttpListenerTest, RefusesATooLargeBodyEvenWhenItIsSentWhole) {
  options.bodyLimit = 1000;
  start();
  const std::string body(2 << 20, 'x');
  const std::string answer =
      exchange(cat("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ", body.size(), "\r\n\r\n", body));
  EXPECT_EQ(statusOf(answer), 413) << answer;
  EXPECT_NE(answer.find("1000 bytes"), std::string::npos);
  std::string chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int index = 0; index < 3; ++index) {
    chunked += "200\r\n" + std::string(0x200, 'x') + "\r\n";
  }
  EXPECT_EQ(statusOf(exchange(chunked)), 413);
}

TEST_F(HttpListenerTest, LimitsHeadersAndUrl) {
  start();
  EXPECT_EQ(statusOf(exchange("GET /" + std::string(9000, 'u') + " HTTP/1.1\r\nHost: h\r\n\r\n")), 414);
  EXPECT_EQ(statusOf(exchange("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(40000, 'x') + "\r\n\r\n")), 431);
}

TEST_F(HttpListenerTest, TellsAClientThatAsksToGoOn) {
  start();
  LoopbackClient client(listener->port());
  client.send("POST /e HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(statusOf(client.readUntil("\r\n\r\n")), 100);
  client.send("body");
  EXPECT_NE(client.readUntil("POST /e 4").find("POST /e 4"), std::string::npos);
}

TEST_F(HttpListenerTest, AnswersHeadWithoutABody) {
  start();
  const std::string answer = exchange("HEAD /h HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_NE(answer.find("Content-Length: 2"), std::string::npos) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST_F(HttpListenerTest, ClosesAClientThatNeverEndsItsHeaders) {
  options.headerTimeout = 100ms;
  start();
  LoopbackClient client(listener->port());
  client.send("GET / HTTP/1.1\r\nHost:");
  client.readAll();
  EXPECT_TRUE(client.closedByPeer());
  EXPECT_EQ(handler.calls, 0);
}

TEST_F(HttpListenerTest, ClosesAClientThatNeverEndsItsBody) {
  options.bodyTimeout = 100ms;
  start();
  LoopbackClient client(listener->port());
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
  client.readAll();
  EXPECT_TRUE(client.closedByPeer());
}

TEST_F(HttpListenerTest, ClosesAnIdleConnection) {
  options.idleTimeout = 100ms;
  start();
  LoopbackClient client(listener->port());
  client.send("GET /i HTTP/1.1\r\nHost: h\r\n\r\n");
  client.readAll();
  EXPECT_TRUE(client.closedByPeer());
}

TEST_F(HttpListenerTest, RefusesMoreConnectionsThanAllowed) {
  options.maxConnections = 1;
  start();
  LoopbackClient first(listener->port());
  first.send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
  first.readUntil("GET /1 0");
  LoopbackClient second(listener->port());
  second.readAll();
  EXPECT_TRUE(second.closedByPeer());
}

TEST_F(HttpListenerTest, AnswersForAHandlerThatForgetsOrThrows) {
  handler.script = [](const HttpRequest& request, const auto&) {
    if (request.path == "/throw") {
      throw std::runtime_error("defect");
    }
  };
  start();
  EXPECT_EQ(statusOf(exchange("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")), 500);
  EXPECT_EQ(statusOf(exchange("GET /throw HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")), 500);
}

TEST_F(HttpListenerTest, SaysSoWhenTooManyRequestsWait) {
  options.handlerThreads = 1;
  options.maxWaiting = 0;
  start();
  const std::string answer = exchange("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(statusOf(answer), 429);
  EXPECT_NE(answer.find("Retry-After: 1\r\n"), std::string::npos);
}

TEST_F(HttpListenerTest, StreamsChunksAtOnceAndGoesOnWithTheConnection) {
  std::shared_ptr<HttpStream> stream;
  Signal ready;
  handler.script = [&](const HttpRequest& request, const std::shared_ptr<HttpResponder>& responder) {
    if (request.path == "/watch") {
      stream = responder->stream({});
      ready.set();
    } else {
      responder->send({.contentType = "text/plain", .body = "after"});
    }
  };
  start();
  LoopbackClient client(listener->port());
  client.send("GET /watch HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_NE(client.readUntil("\r\n\r\n").find("Transfer-Encoding: chunked"), std::string::npos);
  ASSERT_TRUE(ready.wait());
  EXPECT_TRUE(stream->write("one\n"));
  EXPECT_NE(client.readUntil("4\r\none\n\r\n").find("4\r\none\n\r\n"), std::string::npos);
  stream->end();
  EXPECT_FALSE(stream->write("late"));
  client.readUntil("\r\n0\r\n\r\n");
  client.send("GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_NE(client.readUntil("after").find("after"), std::string::npos);
}

// A handler that opens a stream and hands it to the test.
class StreamingTest : public HttpListenerTest {
 protected:
  StreamingTest() {
    handler.script = [this](const HttpRequest&, const std::shared_ptr<HttpResponder>& responder) {
      stream = responder->stream({});
      stream->onClosed([this] { closed.set(); });
      ready.set();
    };
  }
  ~StreamingTest() override { listener.reset(); }

  Signal closed;
  Signal ready;
  std::shared_ptr<HttpStream> stream;
};

TEST_F(StreamingTest, TellsTheHandlerThatTheClientIsGone) {
  start();
  LoopbackClient client(listener->port());
  client.send("GET /watch HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(ready.wait());
  client.close();
  EXPECT_TRUE(closed.wait());
  EXPECT_FALSE(stream->write("x"));
}

TEST_F(StreamingTest, ClosesAStreamThatIsNotRead) {
  options.streamLimit = 1U << 20U;
  start();
  LoopbackClient client(listener->port(), 4096);
  client.send("GET /watch HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(ready.wait());
  int chunks = 0;
  while (stream->write(std::string(64U << 10U, 'x'))) {
    ASSERT_LT(++chunks, 10000);
  }
  EXPECT_TRUE(closed.wait());
}

TEST_F(StreamingTest, ClosesAStreamWhoseReaderMakesNoProgress) {
  options.writeTimeout = 100ms;
  start();
  LoopbackClient client(listener->port(), 4096);
  client.send("GET /watch HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(ready.wait());
  stream->write(std::string(7U << 20U, 'x'));
  EXPECT_TRUE(closed.wait());
}

TEST_F(StreamingTest, IsEndedProperlyWhenTheListenerStops) {
  start();
  LoopbackClient client(listener->port());
  LoopbackClient idle(listener->port());
  client.send("GET /watch HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(ready.wait());
  stream->write("one");
  client.readUntil("one");
  std::string all;
  std::jthread reader([&] {
    all = client.readAll();
    client.close();
  });
  listener->stop(5s);
  reader.join();
  EXPECT_TRUE(all.ends_with("0\r\n\r\n"));
  EXPECT_TRUE(closed.wait(0s));
  EXPECT_FALSE(stream->write("late"));
  EXPECT_FALSE(LoopbackClient(listener->port()).connected());
}

TEST_F(StreamingTest, MayOutliveTheListener) {
  start();
  LoopbackClient client(listener->port());
  client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(ready.wait());
  listener.reset();
  EXPECT_FALSE(stream->write("x"));
  stream->end();
}

TEST_F(HttpListenerTest, LetsARequestInProgressFinishWhenItStops) {
  Signal entered;
  Signal leave;
  handler.script = [&](const HttpRequest&, const std::shared_ptr<HttpResponder>& responder) {
    entered.set();
    leave.wait();
    responder->send({.contentType = "text/plain", .body = "done"});
  };
  start();
  LoopbackClient client(listener->port());
  LoopbackClient idle(listener->port());
  client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(entered.wait());
  std::jthread stopper([&] { listener->stop(5s); });
  idle.readAll();  // its end shows that the stop has begun
  idle.close();
  leave.set();
  const std::string answer = client.readAll();
  client.close();
  EXPECT_EQ(statusOf(answer), 200);
}

TEST_F(HttpListenerTest, NeedsCredentialsForAllButOpenPaths) {
  options.requireCredentials = true;
  start();
  const std::string refused = exchange("POST /api HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nx");
  EXPECT_EQ(statusOf(refused), 401);
  EXPECT_NE(refused.find("\"reason\":\"Unauthorized\""), std::string::npos);
  EXPECT_EQ(statusOf(exchange("GET /version HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer x\r\n\r\n")), 401);
  const std::string open = exchange("GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(statusOf(open), 200);
  EXPECT_NE(open.find("system:anonymous"), std::string::npos);
  EXPECT_EQ(handler.calls, 1);
}

}  // namespace
}  // namespace slipway::apiserver
