#pragma once

#include <string>
#include <vector>

#include "reconciler/ports/http_client.h"

namespace slipway {

// Answers every request at once with `status`, every connection with ok.
class FakeHttpClient final : public HttpClient {
 public:
  void send(HttpClientRequest request, std::function<void(Result<HttpClientResponse>)> done) override {
    asked.push_back(request.url);
    done(HttpClientResponse{status, ""});
  }
  void connect(const std::string&, int, Duration, std::function<void(Status)> done) override { done(Status::ok()); }

  int status = 200;
  std::vector<std::string> asked;
};

}  // namespace slipway
