#pragma once

#include <functional>
#include <memory>
#include <string>

#include "reconciler/apiserver/listener/http_listener.h"

namespace boost::asio {
class io_context;
}

namespace slipway::apiserver {

class HttpListenerSession;

// What a session needs from its listener. Thread-safe.
class HttpSessionOwner {
 public:
  virtual ~HttpSessionOwner() = default;
  // Runs the task on the handler pool; false when too many wait already.
  virtual bool submit(std::function<void()> task) = 0;
  // The session's connection is closed; the owner lets go of it.
  virtual void ended(HttpListenerSession* session) = 0;
};

struct HttpSessionParts {
  const HttpListenerOptions& options;
  const HttpListenerParts& parts;
  HttpSessionOwner& owner;
};

// One accepted connection, from handshake to close. Everything it does runs on its own strand; the methods may be
// called from any thread and never block.
class HttpListenerSession {
 public:
  virtual ~HttpListenerSession() = default;
  virtual void start() = 0;
  // Closes as soon as the request in progress is answered; streams are ended.
  virtual void drain() = 0;
  // Closes now.
  virtual void abort() = 0;

  // Takes ownership of the connected socket `descriptor`.
  static std::shared_ptr<HttpListenerSession> create(boost::asio::io_context& io, int descriptor,
                                                     HttpSessionParts parts);
};

}  // namespace slipway::apiserver
