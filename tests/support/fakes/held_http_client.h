#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "reconciler/ports/http_client.h"

namespace slipway {

// Answers requests as it was told to, at once or when asked to go on. Single-threaded.
class HeldHttpClient final : public HttpClient {
 public:
  void send(HttpClientRequest request, std::function<void(Result<HttpClientResponse>)> done) override {
    sent.push_back(request);
    if (held) {
      waiting_.push_back(std::move(done));
    } else {
      done(answer(request));
    }
  }
  void connect(const std::string&, int, Duration, std::function<void(Status)> done) override { done(reachable); }

  void release() {
    held = false;
    for (auto& done : std::exchange(waiting_, {})) {
      done(answer(sent.back()));
    }
  }
  // As a restart of the controller does.
  void loseWaiting() { waiting_.clear(); }

  std::function<Result<HttpClientResponse>(const HttpClientRequest&)> answer = [](const HttpClientRequest&) {
    return HttpClientResponse{200, ""};
  };
  Status reachable;
  bool held = false;
  std::vector<HttpClientRequest> sent;

 private:
  std::vector<std::function<void(Result<HttpClientResponse>)>> waiting_;
};

}  // namespace slipway
