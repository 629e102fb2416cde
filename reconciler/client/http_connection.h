#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reconciler/base/clock.h"
#include "reconciler/base/status.h"
#include "reconciler/client/kubeconfig.h"

namespace slipway::client {

struct ApiRequest {
  std::string method = "GET";
  std::string path;  // "/apis/…", encoded
  std::vector<std::pair<std::string, std::string>> query;
  std::string contentType = "application/json";
  std::string accept = "application/json";
  std::string body;
};

struct ApiResponse {
  int status = 0;
  std::string contentType;
  std::string warning;  // the Warning headers' texts, one a line
  int retryAfterSeconds = 0;
  std::string body;
};

// One connection to an API server, for one request after another. Not thread-safe; every call blocks at most for its
// time-out. After an error it is dead.
class HttpConnection {
 public:
  // Errors: Unavailable (no connection, certificate refused), Timeout, Invalid (the configuration's certificates).
  static Result<std::unique_ptr<HttpConnection>> open(const ClientConfig& config, Duration timeout);
  virtual ~HttpConnection() = default;

  // Sends the request and reads the answer's headers. Unavailable: nothing was answered because nothing was sent
  // whole. OutcomeUnknown: the request was sent and the connection lost, or nothing came in time.
  virtual Status send(const ApiRequest& request, Duration timeout) = 0;
  // Of the answer, without its body.
  virtual const ApiResponse& head() const = 0;
  // The next piece of the body; nothing at its end. Timeout leaves the connection alive: try again. Unavailable: lost.
  virtual Result<std::optional<std::string>> read(Duration timeout) = 0;
  // Whether another request may be sent: the answer was read to its end and both sides keep the connection.
  virtual bool reusable() const = 0;
};

}  // namespace slipway::client
