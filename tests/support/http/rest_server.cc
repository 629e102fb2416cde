#include "tests/support/http/rest_server.h"

#include <cstdlib>
#include <mutex>

#include <cpprest/containerstream.h>
#include <cpprest/http_listener.h>
#include <pplx/threadpool.h>

#include "tests/support/http/unused_port.h"

namespace slipway {
namespace {

using web::http::experimental::listener::http_listener;

// Without the body: waiting for it here would hold a thread that others need to give us theirs.
RestServer::Request headOf(const web::http::http_request& message) {
  RestServer::Request request;
  request.method = message.method();
  request.target = message.request_uri().to_string();
  for (const auto& [name, value] : message.headers()) {
    std::string lower = name;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    request.headers[lower] = value;
  }
  return request;
}

web::http::http_response written(const RestServer::Answer& answer) {
  web::http::http_response response(static_cast<web::http::status_code>(answer.status));
  for (const auto& [name, value] : answer.headers) response.headers().add(name, value);
  if (answer.chunked) {
    response.set_body(concurrency::streams::bytestream::open_istream(answer.body));
  } else {
    response.set_body(answer.body);
  }
  return response;
}

}  // namespace

struct RestServer::State {
  Handler handler;
  int port = 0;
  std::mutex mutex;
  std::vector<Request> requests;
  std::unique_ptr<http_listener> listener;

  bool open() {
    port = unusedPort();  // the listener cannot be asked which one it got
    listener = std::make_unique<http_listener>("http://127.0.0.1:" + std::to_string(port));
    listener->support([this](const web::http::http_request& message) {
      message.extract_vector()
          .then([this, message](const std::vector<unsigned char>& body) {
            Request request = headOf(message);
            request.body.assign(body.begin(), body.end());
            {
              const std::lock_guard lock(mutex);
              requests.push_back(request);
            }
            return message.reply(written(handler(request)));
          })
          // A client that left early is none of the server's business.
          .then([](const pplx::task<void>& sent) {
            try {
              sent.get();
            } catch (const std::exception&) {
            }
          });
    });
    try {
      listener->open().wait();
      return true;
    } catch (const std::exception&) {
      return false;
    }
  }
};

RestServer::RestServer(Handler handler) : state_(std::make_unique<State>()) {
  // Its own choice is 40 threads, for the whole program.
  static std::once_flag once;
  std::call_once(once, [] { crossplat::threadpool::initialize_with_threads(4); });
  state_->handler = std::move(handler);
  for (int attempt = 0; !state_->open(); ++attempt) {
    if (attempt == 20) std::abort();
  }
}

RestServer::~RestServer() {
  try {
    state_->listener->close().wait();
  } catch (const std::exception&) {
  }
}

std::string RestServer::url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(state_->port) + path;
}

std::vector<RestServer::Request> RestServer::requests() const {
  const std::lock_guard lock(state_->mutex);
  return state_->requests;
}

}  // namespace slipway
