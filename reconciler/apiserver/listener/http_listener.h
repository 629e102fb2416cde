#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "reconciler/apiserver/forms/http_message.h"
#include "reconciler/apiserver/listener/authenticator.h"
#include "reconciler/apiserver/listener/tls_context.h"
#include "reconciler/base/clock.h"
#include "reconciler/base/log.h"
#include "reconciler/base/status.h"

namespace slipway::apiserver {

struct HttpListenerOptions {
  std::string address = "127.0.0.1";  // an IP address
  std::uint16_t port = 0;             // 0: any free one, see HttpListener::port
  int ioThreads = 2;
  int handlerThreads = 8;
  std::size_t bodyLimit = 3U << 20U;     // bytes; more: 413
  std::size_t headerLimit = 32U << 10U;  // bytes, request line included; more: 431
  std::size_t urlLimit = 8U << 10U;      // bytes; more: 414
  std::size_t streamLimit = 8U << 20U;   // bytes that wait in one stream before it is closed for being slow
  std::size_t maxConnections = 4096;     // more are closed at once
  std::size_t maxWaiting = 1024;         // requests that wait for a handler thread; more: 429
  Duration handshakeTimeout = std::chrono::seconds(10);
  Duration headerTimeout = std::chrono::seconds(10);  // from the first byte to the end of the headers
  Duration bodyTimeout = std::chrono::seconds(30);    // for each piece of a body; ten times that for the whole
  Duration writeTimeout = std::chrono::seconds(30);   // for each piece of an answer
  Duration idleTimeout = std::chrono::seconds(90);    // between requests
  bool requireCredentials = true;                     // no client certificate and no known token: 401
  std::vector<std::string> openPaths{"/healthz", "/livez", "/readyz"};  // served without credentials
};

// What a listener uses; the owner keeps all of it alive longer than the listener.
struct HttpListenerParts {
  HttpHandler& handler;
  Logger& logger;
  std::shared_ptr<TlsContext> tls;               // nullptr: plain TCP
  const Authenticator* authenticator = nullptr;  // nullptr: no bearer tokens
};

// An HTTP/1.1 server with TLS, keep-alive and pipelining. It reads one request after another from each connection,
// finds out who sends it, runs the handler on its own pool and writes the answer. What is not plainly HTTP/1.1 is
// refused: two framings in one request, odd chunk sizes, encoded slashes, more than the limits.
class HttpListener {
 public:
  // Listens before it returns. Unavailable when the address cannot be bound, Invalid when it is none.
  static Result<std::unique_ptr<HttpListener>> start(HttpListenerOptions options, HttpListenerParts parts);

  // Stops with no grace unless stop() was called.
  ~HttpListener();

  std::uint16_t port() const;
  std::size_t connections() const;

  // Accepts no more connections, ends streams properly, lets requests that are being handled finish for at most
  // `grace`, then closes what is left. Returns when no handler runs any more. Idempotent.
  void stop(Duration grace);

 private:
  class State;
  explicit HttpListener(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace slipway::apiserver
