#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reconciler/base/status.h"

namespace slipway::apiserver {

// Who sent a request, as the listener found out: from the client certificate (common name, organisations) or a bearer
// token. An unauthenticated request never reaches a handler.
struct Principal {
  std::string user;
  std::vector<std::string> groups;
};

struct HttpRequest {
  std::string method;                                        // upper case
  std::string path;                                          // decoded, without the query
  std::vector<std::pair<std::string, std::string>> query;    // decoded, in order
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  Principal principal;
  std::string remote;  // "127.0.0.1:4242"

  // The first value, or empty.
  std::string header(std::string_view lowerCaseName) const;
  std::string parameter(std::string_view name) const;
  bool hasParameter(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string contentType = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

// The sending side of a chunked response. Thread-safe, never blocks. The first chunk and the headers are flushed at
// once.
class HttpStream {
 public:
  virtual ~HttpStream() = default;
  // Queues one chunk. False when the client is gone or more than the stream's limit (8 MiB) waits to be sent: the
  // stream is then closed.
  virtual bool write(std::string chunk) = 0;
  // How many bytes the client has not taken yet: a handler that can wait does, rather than run into the limit.
  virtual std::size_t waiting() const { return 0; }
  // Ends the body properly.
  virtual void end() = 0;
  // Called once, when the client went away or the stream was closed for being slow. At once if that is so already.
  virtual void onClosed(std::function<void()> closed) = 0;
};

// Where a handler puts its answer: exactly one of the two is called, once, on any thread.
class HttpResponder {
 public:
  virtual ~HttpResponder() = default;
  virtual void send(HttpResponse response) = 0;
  virtual std::shared_ptr<HttpStream> stream(HttpResponse head) = 0;
};

// Fills path and query of a request from the target in its request line (origin form, or absolute form for http and
// https). Invalid on a bad escape, an encoded slash or control character, a "." or ".." segment, or too many
// parameters.
Status parseTarget(std::string_view target, HttpRequest& request);

// Whether there is one and only one way to tell where the request ends: Invalid with Transfer-Encoding beside
// Content-Length, either of them twice, an encoding other than chunked, or not exactly one Host header.
Status checkFraming(const HttpRequest& request, bool http10);

// Handles requests on the listener's handler pool; may block for as long as a store commit takes.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  virtual void handle(const HttpRequest& request, std::shared_ptr<HttpResponder> responder) = 0;
};

}  // namespace slipway::apiserver
