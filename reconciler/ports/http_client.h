#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "reconciler/base/clock.h"
#include "reconciler/base/status.h"

namespace slipway {

struct HttpClientRequest {
  std::string method = "GET";
  std::string url;  // http or https
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  Duration timeout = std::chrono::seconds(5);  // for the whole exchange
  std::size_t bodyLimit = 64U << 10U;          // bytes of the answer that are kept; the rest is not read
  bool verifyCertificate = true;
};

struct HttpClientResponse {
  int status = 0;
  std::string body;
};

// Outbound requests: health checks, later metrics and hooks. Thread-safe, never blocks. No redirects are followed and
// no proxy is taken from the environment. Errors: Unavailable (no connection, name not found, TLS refused), Timeout,
// Invalid (bad URL).
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // Calls `done` exactly once, on any thread; it must be short.
  virtual void send(HttpClientRequest request, std::function<void(Result<HttpClientResponse>)> done) = 0;
  // Opens and closes a TCP connection.
  virtual void connect(const std::string& host, int port, Duration timeout, std::function<void(Status)> done) = 0;
};

}  // namespace slipway
