#include "reconciler/apiserver/listener/http_listener_session.h"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "reconciler/apiserver/listener/http_responder.h"
#include "reconciler/base/strings.h"

namespace slipway::apiserver {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using Strand = asio::strand<asio::io_context::executor_type>;

constexpr std::size_t kReadSize = 16U << 10U;
constexpr std::size_t kPipelineLimit = 64U << 10U;  // read ahead while a stream is sent
constexpr std::size_t kDiscardLimit = 64U << 20U;   // of a refused body, so that the client gets to read the answer
constexpr auto kIdleCloseTimeout = std::chrono::milliseconds(100);
constexpr auto kCloseTimeout = std::chrono::milliseconds(2000);
constexpr auto kDiscardTimeout = std::chrono::seconds(10);
constexpr int kBodyTimeouts = 10;  // for a whole body

// A connected socket, plain or with TLS: the rest of a session is the same for both.
class Wire {
 public:
  using Done = std::function<void(error_code, std::size_t)>;
  virtual ~Wire() = default;
  virtual tcp::socket& socket() = 0;
  virtual ssl_st* tls() = 0;
  virtual void handshake(std::function<void(error_code)> done) = 0;
  virtual void read(asio::mutable_buffer buffer, Done done) = 0;
  virtual void write(asio::const_buffer buffer, Done done) = 0;
  virtual void shutdown(std::function<void(error_code)> done) = 0;
};

class PlainWire final : public Wire {
 public:
  explicit PlainWire(tcp::socket socket) : socket_(std::move(socket)) {}
  tcp::socket& socket() override { return socket_; }
  ssl_st* tls() override { return nullptr; }
  void handshake(std::function<void(error_code)> done) override { done({}); }
  void read(asio::mutable_buffer buffer, Done done) override { socket_.async_read_some(buffer, std::move(done)); }
  void write(asio::const_buffer buffer, Done done) override { socket_.async_write_some(buffer, std::move(done)); }
  void shutdown(std::function<void(error_code)> done) override { done({}); }

 private:
  tcp::socket socket_;
};

class TlsWire final : public Wire {
 public:
  TlsWire(tcp::socket socket, asio::ssl::context& context) : stream_(std::move(socket), context) {}
  tcp::socket& socket() override { return stream_.next_layer(); }
  ssl_st* tls() override { return stream_.native_handle(); }
  void handshake(std::function<void(error_code)> done) override {
    stream_.async_handshake(asio::ssl::stream_base::server, std::move(done));
  }
  void read(asio::mutable_buffer buffer, Done done) override { stream_.async_read_some(buffer, std::move(done)); }
  void write(asio::const_buffer buffer, Done done) override { stream_.async_write_some(buffer, std::move(done)); }
  void shutdown(std::function<void(error_code)> done) override { stream_.async_shutdown(std::move(done)); }

 private:
  asio::ssl::stream<tcp::socket> stream_;
};

bool bodyForbidden(int status) { return status < 200 || status == 204 || status == 304; }

std::string_view viewOf(boost::beast::string_view text) { return {text.data(), text.size()}; }

class Session final : public HttpListenerSession, public HttpAnswerSink, public std::enable_shared_from_this<Session> {
 public:
  Session(std::unique_ptr<Wire> wire, Strand strand, const HttpSessionParts& parts)
      : options_(parts.options),
        parts_(parts.parts),
        owner_(parts.owner),
        strand_(std::move(strand)),
        timer_(strand_),
        wire_(std::move(wire)) {}

  void start() override {
    post([this] { begin(); });
  }
  void drain() override {
    post([this] { drainNow(); });
  }
  void abort() override {
    post([this] { close(); });
  }

  void answer(HttpResponse response) override {
    post([this, response = std::move(response)] { respond(response); });
  }
  void beginStream(std::shared_ptr<HttpStreamQueue> stream) override {
    post([this, stream = std::move(stream)] { startStream(stream); });
  }
  void wake() override {
    post([this] { pump(); });
  }

 private:
  enum class Phase { Handshake, Reading, Handling, Writing, Streaming, Closing, Closed };

  template <typename Action>
  void post(Action action) {
    asio::post(strand_, [self = shared_from_this(), action = std::move(action)]() mutable { action(); });
  }

  void begin();
  void onHandshake(error_code error);
  void nextRequest();
  void parse();
  bool onHeader();
  bool authenticate();
  void fillRequest();
  void continueBody();
  void startRead();
  void onRead(error_code error, std::size_t size);
  void dispatch();
  void refuse(int code, std::string_view reason, std::string_view message);
  void refuseParse(error_code error);
  void respond(const HttpResponse& response);
  void startStream(const std::shared_ptr<HttpStreamQueue>& stream);
  void pump();
  void write(std::string text, std::function<void()> done);
  void writeSome();
  void drainNow();
  void finish();
  void discard();
  void close();
  void setDeadline(Duration after);
  void clearDeadline();

  const HttpListenerOptions& options_;
  const HttpListenerParts& parts_;
  HttpSessionOwner& owner_;
  Strand strand_;
  asio::steady_timer timer_;
  std::unique_ptr<Wire> wire_;
  std::string remote_;
  std::optional<Principal> certificate_;
  Phase phase_ = Phase::Handshake;
  std::uint64_t deadline_ = 0;  // counts the deadlines set, so that a late one is told apart

  std::array<char, kReadSize> chunk_{};
  std::string buffer_;  // read, not parsed yet
  bool reading_ = false;
  std::optional<http::request_parser<http::string_body>> parser_;
  HttpRequest request_;
  bool firstByte_ = false;
  bool headerSeen_ = false;
  SteadyTime bodyDeadline_;
  bool served_ = false;
  bool draining_ = false;
  bool refused_ = false;
  std::size_t discarded_ = 0;

  bool headOnly_ = false;
  bool chunked_ = true;
  bool keepAlive_ = true;

  std::string out_;
  std::size_t written_ = 0;
  std::function<void()> afterWrite_;
  bool writing_ = false;
  std::shared_ptr<HttpStreamQueue> stream_;
};

void Session::begin() {
  error_code ignored;
  tcp::socket& socket = wire_->socket();
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  const int idle = 60;
  setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  const tcp::endpoint peer = socket.remote_endpoint(ignored);
  remote_ = cat(peer.address().is_v6() ? "[" : "", peer.address().to_string(ignored),
                peer.address().is_v6() ? "]:" : ":", peer.port());
  if (wire_->tls() == nullptr) {
    nextRequest();
    return;
  }
  setDeadline(options_.handshakeTimeout);
  wire_->handshake([self = shared_from_this()](error_code error) { self->onHandshake(error); });
}

void Session::onHandshake(error_code error) {
  if (phase_ != Phase::Handshake) {
    return;
  }
  if (!error) {
    certificate_ = peerPrincipal(wire_->tls());
    nextRequest();
    return;
  }
  parts_.logger.debug("TLS handshake failed", {{"remote", remote_}, {"error", error.message()}});
  if (error.category() == asio::error::get_ssl_category() &&
      ERR_GET_REASON(static_cast<unsigned long>(error.value())) == SSL_R_HTTP_REQUEST) {
    static constexpr std::string_view kHint =
        "HTTP/1.0 400 Bad Request\r\n\r\nThis is an HTTPS server: use an https:// address.\n";
    wire_->socket().async_write_some(asio::buffer(kHint.data(), kHint.size()),
                                     [self = shared_from_this()](error_code, std::size_t) { self->close(); });
    return;
  }
  close();
}

void Session::nextRequest() {
  if (draining_) {
    finish();
    return;
  }
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(options_.headerLimit));
  parser_->body_limit(options_.bodyLimit);
  request_ = {};
  headerSeen_ = false;
  firstByte_ = false;
  phase_ = Phase::Reading;
  setDeadline(served_ ? options_.idleTimeout : options_.headerTimeout);
  parse();
}

void Session::parse() {
  while (!buffer_.empty()) {
    if (!std::exchange(firstByte_, true)) {
      setDeadline(options_.headerTimeout);
    }
    error_code error;
    parser_->eager(headerSeen_);
    const std::size_t used = parser_->put(asio::buffer(buffer_.data(), buffer_.size()), error);
    buffer_.erase(0, used);
    if (error && error != http::error::need_more) {
      refuseParse(error);
      return;
    }
    if (!headerSeen_ && parser_->is_header_done()) {
      headerSeen_ = true;
      if (!onHeader()) {
        return;
      }
    }
    if (parser_->is_done()) {
      dispatch();
      return;
    }
    if (error || used == 0) {
      break;
    }
  }
  startRead();
}

// False when the request was refused, or the client is first told to go on.
bool Session::onHeader() {
  fillRequest();
  if (const Status framed = checkFraming(request_, parser_->get().version() < 11); !framed) {
    refuse(400, "BadRequest", framed.message());
    return false;
  }
  const std::string_view target = viewOf(parser_->get().target());
  if (target.size() > options_.urlLimit) {
    refuse(414, "RequestURITooLong", cat("the request's URL is longer than ", options_.urlLimit, " bytes"));
    return false;
  }
  if (const Status parsed = parseTarget(target, request_); !parsed) {
    refuse(400, "BadRequest", parsed.message());
    return false;
  }
  if (!authenticate()) {
    refuse(401, "Unauthorized", "Unauthorized");
    return false;
  }
  const SteadyTime now = std::chrono::steady_clock::now();
  bodyDeadline_ = now + kBodyTimeouts * options_.bodyTimeout;
  setDeadline(options_.bodyTimeout);
  const std::string expect = request_.header("expect");
  if (expect.empty() || parser_->is_done()) {
    return true;
  }
  if (lowerAscii(expect) != "100-continue") {
    refuse(417, "ExpectationFailed", "only \"Expect: 100-continue\" is known");
    return false;
  }
  write("HTTP/1.1 100 Continue\r\n\r\n", [this] { continueBody(); });
  return false;
}

void Session::continueBody() {
  setDeadline(options_.bodyTimeout);
  parse();
}

void Session::fillRequest() {
  const auto& message = parser_->get();
  request_.method = std::string(viewOf(message.method_string()));
  headOnly_ = request_.method == "HEAD";
  if (headOnly_) {
    request_.method = "GET";
  }
  request_.remote = remote_;
  for (const auto& field : message) {
    request_.headers.emplace_back(lowerAscii(viewOf(field.name_string())), std::string(viewOf(field.value())));
  }
}

bool Session::authenticate() {
  const auto& open = options_.openPaths;
  if (certificate_) {
    request_.principal = *certificate_;
    return true;
  }
  const std::string authorization = request_.header("authorization");
  constexpr std::size_t kScheme = 7;
  if (parts_.authenticator != nullptr && lowerAscii(authorization.substr(0, kScheme)) == "bearer ") {
    if (auto principal = parts_.authenticator->authenticate(trim(std::string_view(authorization).substr(kScheme)))) {
      request_.principal = std::move(*principal);
      return true;
    }
  }
  request_.principal = {.user = "system:anonymous", .groups = {"system:unauthenticated"}};
  return !options_.requireCredentials || std::find(open.begin(), open.end(), request_.path) != open.end();
}

void Session::startRead() {
  if (reading_) {
    return;
  }
  reading_ = true;
  wire_->read(asio::buffer(chunk_),
              [self = shared_from_this()](error_code error, std::size_t size) { self->onRead(error, size); });
}

void Session::onRead(error_code error, std::size_t size) {
  reading_ = false;
  if (error) {
    close();
    return;
  }
  if (phase_ == Phase::Closing || phase_ == Phase::Closed) {
    return;
  }
  buffer_.append(chunk_.data(), size);
  if (phase_ == Phase::Reading) {
    if (headerSeen_) {
      const SteadyTime now = std::chrono::steady_clock::now();
      setDeadline(std::min<Duration>(options_.bodyTimeout, bodyDeadline_ - now));
    }
    parse();
  } else if (phase_ == Phase::Streaming && buffer_.size() < kPipelineLimit) {
    startRead();
  }
}

void Session::dispatch() {
  request_.body = std::move(parser_->get().body());
  chunked_ = parser_->get().version() >= 11;
  keepAlive_ = parser_->keep_alive() && chunked_ && !draining_;
  served_ = true;
  phase_ = Phase::Handling;
  clearDeadline();
  auto responder = makeResponder(
      weak_from_this(),
      {.headOnly = headOnly_, .chunked = chunked_, .keepAlive = keepAlive_, .streamLimit = options_.streamLimit});
  auto request = std::make_shared<const HttpRequest>(std::move(request_));
  request_ = {};
  parser_.reset();
  if (!owner_.submit([request, responder, &handler = parts_.handler] { handler.handle(*request, responder); })) {
    HttpResponse busy = statusResponse(429, "TooManyRequests", "too many requests wait already; try again later");
    busy.headers.emplace_back("Retry-After", "1");
    responder->send(std::move(busy));
  }
}

void Session::refuseParse(error_code error) {
  if (error == http::error::body_limit) {
    refuse(413, "RequestEntityTooLarge",
           cat("the request's body is too large: the limit is ", options_.bodyLimit, " bytes"));
  } else if (error == http::error::header_limit) {
    refuse(431, "RequestHeaderFieldsTooLarge", cat("the request's headers exceed ", options_.headerLimit, " bytes"));
  } else {
    refuse(400, "BadRequest", cat("not a valid HTTP/1.1 request: ", error.message()));
  }
}

// Answers without a handler and closes: what follows on this connection cannot be trusted.
void Session::refuse(int code, std::string_view reason, std::string_view message) {
  headOnly_ = parser_->is_header_done() && parser_->get().method() == http::verb::head;
  keepAlive_ = false;
  refused_ = true;
  phase_ = Phase::Handling;
  respond(statusResponse(code, reason, message));
}

void Session::respond(const HttpResponse& response) {
  if (phase_ != Phase::Handling) {
    return;
  }
  keepAlive_ = keepAlive_ && !draining_;
  phase_ = Phase::Writing;
  std::string text = responseHead(response, keepAlive_);
  if (!bodyForbidden(response.status)) {
    text += cat("Content-Length: ", response.body.size(), "\r\n");
  }
  text += "\r\n";
  if (!headOnly_ && !bodyForbidden(response.status)) {
    text += response.body;
  }
  write(std::move(text), [this] { keepAlive_ ? nextRequest() : finish(); });
}

void Session::startStream(const std::shared_ptr<HttpStreamQueue>& stream) {
  if (phase_ != Phase::Handling) {
    stream->close(false);
    return;
  }
  phase_ = Phase::Streaming;
  stream_ = stream;
  if (draining_) {
    stream_->close(true);
  }
  startRead();  // only to see the client go away, or to read a pipelined request ahead
  pump();
}

void Session::pump() {
  if (phase_ != Phase::Streaming || writing_) {
    return;
  }
  const bool last = stream_->ended();
  std::string text = stream_->take();
  if (!text.empty()) {
    write(std::move(text), [this] { pump(); });
    return;
  }
  clearDeadline();
  if (last) {
    stream_.reset();
    keepAlive_&& chunked_ ? nextRequest() : finish();
  }
}

void Session::write(std::string text, std::function<void()> done) {
  out_ = std::move(text);
  written_ = 0;
  afterWrite_ = std::move(done);
  writing_ = true;
  writeSome();
}

void Session::writeSome() {
  setDeadline(options_.writeTimeout);
  wire_->write(asio::buffer(out_.data() + written_, out_.size() - written_),
               [self = shared_from_this()](error_code error, std::size_t size) {
                 if (self->phase_ == Phase::Closed) {
                   return;
                 }
                 self->written_ += size;
                 if (error) {
                   self->close();
                 } else if (self->written_ < self->out_.size()) {
                   self->writeSome();
                 } else {
                   self->writing_ = false;
                   self->out_.clear();
                   std::exchange(self->afterWrite_, nullptr)();
                 }
               });
}

void Session::drainNow() {
  draining_ = true;
  if (phase_ == Phase::Handshake || (phase_ == Phase::Reading && !firstByte_)) {
    finish();
  } else if (phase_ == Phase::Streaming) {
    stream_->close(true);
    pump();
  }
}

// Says goodbye in an orderly way, within a limit: an answer that was written must reach a client that still sends.
void Session::finish() {
  if (phase_ == Phase::Closing || phase_ == Phase::Closed) {
    return;
  }
  const bool idle = phase_ == Phase::Handshake || phase_ == Phase::Reading;
  phase_ = Phase::Closing;
  setDeadline(refused_ ? Duration(kDiscardTimeout) : Duration(idle ? kIdleCloseTimeout : kCloseTimeout));
  wire_->shutdown([self = shared_from_this()](error_code) {
    error_code ignored;
    self->wire_->socket().shutdown(tcp::socket::shutdown_send, ignored);
    self->discard();
  });
}

void Session::discard() {
  wire_->socket().async_read_some(asio::buffer(chunk_),
                                  [self = shared_from_this()](error_code error, std::size_t size) {
                                    self->discarded_ += size;
                                    if (error || self->phase_ == Phase::Closed || self->discarded_ > kDiscardLimit) {
                                      self->close();
                                    } else {
                                      self->discard();
                                    }
                                  });
}

void Session::close() {
  if (phase_ == Phase::Closed) {
    return;
  }
  phase_ = Phase::Closed;
  clearDeadline();
  error_code ignored;
  wire_->socket().close(ignored);
  if (stream_) {
    stream_->close(false);
    stream_.reset();
  }
  afterWrite_ = nullptr;
  owner_.ended(this);
}

void Session::setDeadline(Duration after) {
  const std::uint64_t mine = ++deadline_;
  timer_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(after));
  timer_.async_wait([self = shared_from_this(), mine](error_code error) {
    if (!error && mine == self->deadline_) {
      self->close();
    }
  });
}

void Session::clearDeadline() {
  ++deadline_;
  timer_.cancel();
}

}  // namespace

std::shared_ptr<HttpListenerSession> HttpListenerSession::create(asio::io_context& io, int descriptor,
                                                                 HttpSessionParts parts) {
  const Strand strand(io.get_executor());
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size);
  tcp::socket socket(strand);
  error_code error;
  socket.assign(address.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), descriptor, error);
  if (error) {
    return nullptr;
  }
  std::unique_ptr<Wire> wire;
  if (parts.parts.tls) {
    wire = std::make_unique<TlsWire>(std::move(socket), parts.parts.tls->native());
  } else {
    wire = std::make_unique<PlainWire>(std::move(socket));
  }
  return std::make_shared<Session>(std::move(wire), strand, parts);
}

}  // namespace slipway::apiserver
