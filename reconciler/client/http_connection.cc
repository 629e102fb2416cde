#include "reconciler/client/http_connection.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include "reconciler/base/strings.h"

namespace slipway::client {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kReadSize = 32U << 10U;
constexpr std::uint32_t kHeaderLimit = 64U << 10U;

asio::const_buffer bufferOf(const std::string& text) { return asio::buffer(text.data(), text.size()); }

std::string encode(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char byte : text) {
    const auto value = static_cast<unsigned char>(byte);
    const bool plain = (value >= 'a' && value <= 'z') || (value >= 'A' && value <= 'Z') ||
                       (value >= '0' && value <= '9') || value == '-' || value == '.' || value == '_' || value == '~';
    if (plain) {
      out += byte;
    } else {
      out += '%';
      out += kDigits[value >> 4U];
      out += kDigits[value & 15U];
    }
  }
  return out;
}

Status configureTls(const ClientConfig& config, asio::ssl::context& context) {
  error_code error;
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  if (config.insecureSkipVerify) {
    context.set_verify_mode(asio::ssl::verify_none, error);
  } else {
    context.set_verify_mode(asio::ssl::verify_peer, error);
    if (config.caCertificate.empty()) {
      context.set_default_verify_paths(error);
    } else if (context.add_certificate_authority(bufferOf(config.caCertificate), error); error) {
      return {Code::Invalid, cat(config.source, ": certificate-authority cannot be used: ", error.message())};
    }
  }
  if (!config.certificate.empty()) {
    if (context.use_certificate_chain(bufferOf(config.certificate), error); error) {
      return {Code::Invalid, cat(config.source, ": client-certificate cannot be used: ", error.message())};
    }
    if (context.use_private_key(bufferOf(config.key), asio::ssl::context::pem, error); error) {
      return {Code::Invalid, cat(config.source, ": client-key cannot be used: ", error.message())};
    }
  }
  return Status::ok();
}

class Connection final : public HttpConnection {
 public:
  explicit Connection(const ClientConfig& config) : config_(config), context_(asio::ssl::context::tls_client) {}

  Status connect(Duration timeout);
  Status send(const ApiRequest& request, Duration timeout) override;
  const ApiResponse& head() const override { return head_; }
  Result<std::optional<std::string>> read(Duration timeout) override;
  bool reusable() const override;

 private:
  using Done = std::function<void(error_code, std::size_t)>;
  tcp::socket& socket() { return stream_->next_layer(); }
  bool await(const bool& done, SteadyTime deadline);
  Status lost(std::string_view what, error_code error) const;
  Status handshake(SteadyTime deadline);
  Status writeAll(const std::string& text, SteadyTime deadline);
  std::string requestText(const ApiRequest& request) const;
  enum class Fill { Data, Closed, Late };
  Fill fill(SteadyTime deadline);
  Status parse();
  void takeHead();

  const ClientConfig config_;
  asio::io_context io_;
  asio::ssl::context context_;
  std::optional<asio::ssl::stream<tcp::socket>> stream_;  // made when the context is complete
  std::array<char, kReadSize> chunk_{};
  std::string buffer_;
  bool reading_ = false;  // a read goes on, maybe since an earlier call
  bool readDone_ = false;
  error_code readError_;
  std::optional<http::response_parser<http::string_body>> parser_;
  ApiResponse head_;
  bool dead_ = false;
};

SteadyTime deadlineIn(Duration timeout) { return std::chrono::steady_clock::now() + timeout; }

// Runs what was started until `done`; false at the deadline.
bool Connection::await(const bool& done, SteadyTime deadline) {
  io_.restart();
  while (!done) {
    const auto until = std::chrono::time_point_cast<std::chrono::steady_clock::duration>(deadline);
    // What is ready counts even when the deadline has passed.
    if (io_.poll_one() == 0 && io_.run_one_until(until) == 0 && !done) {
      return false;
    }
  }
  return true;
}

Status Connection::lost(std::string_view what, error_code error) const {
  std::string reason = error.message();
  const long verified = SSL_get_verify_result(const_cast<Connection*>(this)->stream_->native_handle());
  if (error.category() == asio::error::get_ssl_category() && verified != X509_V_OK) {
    reason = cat("its certificate is refused: ", X509_verify_cert_error_string(verified));
  }
  return {Code::Unavailable, cat(what, ' ', config_.host, " port ", config_.port, " (", config_.source, "): ", reason)};
}

Status Connection::connect(Duration timeout) {
  const SteadyTime deadline = deadlineIn(timeout);
  if (config_.tls) {
    SLIPWAY_RETURN_IF_ERROR(configureTls(config_, context_));
  }
  stream_.emplace(io_, context_);
  tcp::resolver resolver(io_);
  error_code failure;
  bool done = false;
  resolver.async_resolve(config_.host, std::to_string(config_.port),
                         [&](error_code error, const tcp::resolver::results_type& found) {
                           if (error) {
                             failure = error;
                             done = true;
                             return;
                           }
                           asio::async_connect(socket(), found, [&](error_code refused, const tcp::endpoint&) {
                             failure = refused;
                             done = true;
                           });
                         });
  if (!await(done, deadline)) {
    resolver.cancel();
    error_code ignored;
    socket().close(ignored);
    await(done, deadlineIn(std::chrono::minutes(5)));
    return {Code::Timeout,
            cat("no connection to ", config_.host, " port ", config_.port, " in ", formatDuration(timeout))};
  }
  if (failure) {
    return lost("cannot connect to", failure);
  }
  error_code ignored;
  socket().set_option(tcp::no_delay(true), ignored);
  socket().set_option(asio::socket_base::keep_alive(true), ignored);
  return config_.tls ? handshake(deadline) : Status::ok();
}

Status Connection::handshake(SteadyTime deadline) {
  SSL* ssl = stream_->native_handle();
  const std::string& name = config_.serverName.empty() ? config_.host : config_.serverName;
  error_code notAddress;
  asio::ip::make_address(name, notAddress);
  X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl);
  if (notAddress) {
    X509_VERIFY_PARAM_set1_host(parameters, name.c_str(), name.size());
    SSL_set_tlsext_host_name(ssl, name.c_str());
  } else {
    X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str());
  }
  error_code failure;
  bool done = false;
  stream_->async_handshake(asio::ssl::stream_base::client, [&](error_code error) {
    failure = error;
    done = true;
  });
  if (!await(done, deadline)) {
    error_code ignored;
    socket().close(ignored);
    await(done, deadlineIn(std::chrono::minutes(1)));
    return {Code::Timeout, cat("no TLS handshake with ", config_.host, " port ", config_.port, " in time")};
  }
  return failure ? lost("no TLS connection to", failure) : Status::ok();
}

std::string Connection::requestText(const ApiRequest& request) const {
  std::string target = config_.basePath + request.path;
  char separator = '?';
  for (const auto& [name, value] : request.query) {
    target += cat(separator, encode(name), '=', encode(value));
    separator = '&';
  }
  const bool address6 = config_.host.find(':') != std::string::npos;
  std::string text =
      cat(request.method, ' ', target, " HTTP/1.1\r\nHost: ", address6 ? "[" : "", config_.host, address6 ? "]:" : ":",
          config_.port, "\r\nUser-Agent: ", config_.userAgent, "\r\nAccept: ", request.accept, "\r\n");
  if (!config_.token.empty()) {
    text += cat("Authorization: Bearer ", config_.token, "\r\n");
  }
  if (!request.body.empty()) {
    text += cat("Content-Type: ", request.contentType, "\r\n");
  }
  if (!request.body.empty() || request.method != "GET") {
    text += cat("Content-Length: ", request.body.size(), "\r\n");
  }
  return text + "\r\n" + request.body;
}

Status Connection::writeAll(const std::string& text, SteadyTime deadline) {
  error_code failure;
  bool done = false;
  const Done completed = [&](error_code error, std::size_t) {
    failure = error;
    done = true;
  };
  if (config_.tls) {
    asio::async_write(*stream_, asio::buffer(text), completed);
  } else {
    asio::async_write(socket(), asio::buffer(text), completed);
  }
  if (!await(done, deadline)) {
    error_code ignored;
    socket().close(ignored);
    await(done, deadlineIn(std::chrono::minutes(1)));
    return {Code::OutcomeUnknown, cat(config_.host, " port ", config_.port, " did not take the request in time")};
  }
  return failure ? lost("lost the connection to", failure) : Status::ok();
}

Connection::Fill Connection::fill(SteadyTime deadline) {
  if (!reading_) {
    reading_ = true;
    readDone_ = false;
    const Done completed = [this](error_code error, std::size_t size) {
      readError_ = error;
      readDone_ = true;
      buffer_.append(chunk_.data(), size);
    };
    if (config_.tls) {
      stream_->async_read_some(asio::buffer(chunk_), completed);
    } else {
      socket().async_read_some(asio::buffer(chunk_), completed);
    }
  }
  if (!await(readDone_, deadline)) {
    return Fill::Late;
  }
  reading_ = false;
  return readError_ ? Fill::Closed : Fill::Data;
}

// Feeds what was read to the parser.
Status Connection::parse() {
  while (!buffer_.empty() && !parser_->is_done()) {
    error_code error;
    const std::size_t used = parser_->put(asio::buffer(buffer_.data(), buffer_.size()), error);
    buffer_.erase(0, used);
    if (error == http::error::need_more) {
      return Status::ok();
    }
    if (error) {
      dead_ = true;
      return {Code::Unavailable, cat(config_.host, " port ", config_.port, " does not speak HTTP: ", error.message())};
    }
  }
  return Status::ok();
}

void Connection::takeHead() {
  const auto& message = parser_->get();
  head_.status = static_cast<int>(message.result_int());
  const auto type = message[http::field::content_type];
  head_.contentType.assign(type.data(), type.size());
  for (const auto& field : message) {
    const std::string_view value(field.value().data(), field.value().size());
    if (field.name() == http::field::warning) {
      const std::size_t quote = value.find('"');
      head_.warning +=
          cat(head_.warning.empty() ? "" : "\n",
              quote == std::string_view::npos ? value : value.substr(quote + 1, value.rfind('"') - quote - 1));
    } else if (field.name() == http::field::retry_after && value.size() < 6) {
      head_.retryAfterSeconds = std::atoi(std::string(value).c_str());
    }
  }
}

Status Connection::send(const ApiRequest& request, Duration timeout) {
  const SteadyTime deadline = deadlineIn(timeout);
  const std::string text = requestText(request);
  head_ = {};
  parser_.emplace();
  parser_->header_limit(kHeaderLimit);
  parser_->body_limit(boost::none);
  parser_->eager(true);
  dead_ = true;  // until the answer's headers were read
  SLIPWAY_RETURN_IF_ERROR(writeAll(text, deadline));
  while (!parser_->is_header_done()) {
    const Fill filled = fill(deadline);
    if (filled == Fill::Late) {
      return {Code::OutcomeUnknown, cat(config_.host, " port ", config_.port, " did not answer ", request.method, ' ',
                                        request.path, " in ", formatDuration(timeout))};
    }
    if (filled == Fill::Closed) {
      const Status reason = lost("lost the connection to", readError_);
      return {Code::OutcomeUnknown, reason.message()};
    }
    SLIPWAY_RETURN_IF_ERROR(parse());
  }
  dead_ = false;
  takeHead();
  return Status::ok();
}

Result<std::optional<std::string>> Connection::read(Duration timeout) {
  const SteadyTime deadline = deadlineIn(timeout);
  while (true) {
    std::string& body = parser_->get().body();
    if (!body.empty()) {
      return std::optional(std::exchange(body, {}));
    }
    if (parser_->is_done()) {
      return std::optional<std::string>();
    }
    const Fill filled = fill(deadline);
    if (filled == Fill::Late) {
      return Status(Code::Timeout, "nothing came in time");
    }
    if (filled == Fill::Closed) {
      dead_ = true;
      error_code error;
      parser_->put_eof(error);
      if (!error) {
        continue;  // a body that ends with the connection
      }
      return lost("lost the connection to", readError_);
    }
    SLIPWAY_RETURN_IF_ERROR(parse());
  }
}

bool Connection::reusable() const {
  if (dead_ || reading_ || !parser_ || !parser_->is_done() || !parser_->keep_alive()) {
    return false;
  }
  char byte = 0;
  auto& self = const_cast<Connection&>(*this);
  // Anything to read now is the other side's goodbye.
  return recv(self.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

}  // namespace

Result<std::unique_ptr<HttpConnection>> HttpConnection::open(const ClientConfig& config, Duration timeout) {
  auto connection = std::make_unique<Connection>(config);
  SLIPWAY_RETURN_IF_ERROR(connection->connect(timeout));
  return std::unique_ptr<HttpConnection>(std::move(connection));
}

}  // namespace slipway::client
