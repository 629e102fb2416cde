#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace slipway {

// A well-behaved HTTP/1.1 server on a loopback port of its own: cpprestsdk's, which shares nothing with the client
// under test and frames its answers by itself. For answers that no honest server gives see HttpTestServer.
class RestServer {
 public:
  struct Request {
    std::string method;
    std::string target;                          // path and query
    std::map<std::string, std::string> headers;  // by lower-case name
    std::string body;
  };
  struct Answer {
    int status = 200;
    std::string body = {};
    std::map<std::string, std::string> headers = {};
    bool chunked = false;  // in pieces, without a length
  };
  // Called on threads of the server, several at a time.
  using Handler = std::function<Answer(const Request&)>;

  explicit RestServer(Handler handler);
  ~RestServer();
  RestServer(const RestServer&) = delete;
  RestServer& operator=(const RestServer&) = delete;

  std::string url(const std::string& path = "/") const;
  std::vector<Request> requests() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace slipway
