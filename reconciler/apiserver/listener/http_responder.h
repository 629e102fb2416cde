#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "reconciler/apiserver/forms/http_message.h"

namespace slipway::apiserver {

// What waits to be sent in one streamed response, framed as HTTP chunks. Handlers write on any thread, the connection's
// session takes; thread-safe. No callback runs under the lock.
class HttpStreamQueue {
 public:
  // First: nothing was waiting, so the session must be woken. Overflow: the queue is closed now, and so must be the
  // connection.
  enum class Write { Queued, First, Refused, Overflow };

  // `head` is sent before all else. Without `chunked` (HTTP/1.0) the end of the body is the end of the connection.
  HttpStreamQueue(std::string head, bool chunked, std::size_t limit);

  Write write(std::string_view chunk);
  // The handler ends the body properly. False when it had ended or was closed before.
  bool end();
  // Everything that waits, at most once until the next write.
  std::string take();
  bool ended() const;
  // Bytes that were written and not sent.
  std::size_t waiting() const;
  void onClosed(std::function<void()> callback);
  // The connection is gone or, with `properly`, the server ends the stream by itself.
  void close(bool properly);

 private:
  void finish();

  const bool chunked_;
  const std::size_t limit_;
  mutable std::mutex mutex_;
  std::string pending_;
  std::size_t sending_ = 0;  // what was taken last
  bool ended_ = false;       // the body is complete
  bool closed_ = false;      // not by the handler
  std::function<void()> callback_;
};

// How the answer to one request has to be written.
struct HttpAnswerMode {
  bool headOnly = false;  // a HEAD request: no body
  bool chunked = true;    // HTTP/1.1
  bool keepAlive = true;
  std::size_t streamLimit = 8U << 20U;
};

// A connection that waits for its request's answer. Thread-safe, never blocks.
class HttpAnswerSink {
 public:
  virtual ~HttpAnswerSink() = default;
  virtual void answer(HttpResponse response) = 0;
  virtual void beginStream(std::shared_ptr<HttpStreamQueue> stream) = 0;
  // Something waits in the stream's queue.
  virtual void wake() = 0;
  virtual void abort() = 0;
};

// The responder that a handler gets. When it is dropped without an answer, the client is told so with a 500; a stream
// that is dropped is ended.
std::shared_ptr<HttpResponder> makeResponder(std::weak_ptr<HttpAnswerSink> sink, const HttpAnswerMode& mode);

// Status line and headers, without the empty line at the end.
std::string responseHead(const HttpResponse& response, bool keepAlive);

// A Kubernetes Status object as the answer.
HttpResponse statusResponse(int code, std::string_view reason, std::string_view message);

}  // namespace slipway::apiserver
