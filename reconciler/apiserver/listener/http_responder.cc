#include "reconciler/apiserver/listener/http_responder.h"

#include <array>
#include <atomic>
#include <cstdio>
#include <ctime>
#include <utility>

#include "reconciler/base/json.h"
#include "reconciler/base/strings.h"

namespace slipway::apiserver {
namespace {

std::string dateNow() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 40> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), size};
}

std::string_view reasonPhrase(int status) {
  static constexpr std::pair<int, std::string_view> kPhrases[] = {{200, "OK"},
                                                                  {201, "Created"},
                                                                  {202, "Accepted"},
                                                                  {204, "No Content"},
                                                                  {304, "Not Modified"},
                                                                  {400, "Bad Request"},
                                                                  {401, "Unauthorized"},
                                                                  {403, "Forbidden"},
                                                                  {404, "Not Found"},
                                                                  {405, "Method Not Allowed"},
                                                                  {406, "Not Acceptable"},
                                                                  {409, "Conflict"},
                                                                  {410, "Gone"},
                                                                  {413, "Request Entity Too Large"},
                                                                  {414, "Request URI Too Long"},
                                                                  {415, "Unsupported Media Type"},
                                                                  {417, "Expectation Failed"},
                                                                  {422, "Unprocessable Entity"},
                                                                  {429, "Too Many Requests"},
                                                                  {431, "Request Header Fields Too Large"},
                                                                  {500, "Internal Server Error"},
                                                                  {501, "Not Implemented"},
                                                                  {503, "Service Unavailable"},
                                                                  {504, "Gateway Timeout"}};
  for (const auto& [code, phrase] : kPhrases) {
    if (code == status) {
      return phrase;
    }
  }
  return "Status";
}

// The handler's end of a stream. Dropping it without an end ends the body.
class StreamHandle final : public HttpStream {
 public:
  StreamHandle(std::shared_ptr<HttpStreamQueue> queue, std::weak_ptr<HttpAnswerSink> sink)
      : queue_(std::move(queue)), sink_(std::move(sink)) {}
  ~StreamHandle() override { StreamHandle::end(); }
  StreamHandle(const StreamHandle&) = delete;
  StreamHandle& operator=(const StreamHandle&) = delete;

  bool write(std::string chunk) override {
    const HttpStreamQueue::Write result = queue_->write(chunk);
    if (result == HttpStreamQueue::Write::Queued || result == HttpStreamQueue::Write::Refused) {
      return result == HttpStreamQueue::Write::Queued;
    }
    if (const auto sink = sink_.lock()) {
      result == HttpStreamQueue::Write::First ? sink->wake() : sink->abort();
    }
    return result == HttpStreamQueue::Write::First;
  }
  std::size_t waiting() const override { return queue_->waiting(); }
  void end() override {
    if (queue_->end()) {
      if (const auto sink = sink_.lock()) {
        sink->wake();
      }
    }
  }
  void onClosed(std::function<void()> closed) override { queue_->onClosed(std::move(closed)); }

 private:
  std::shared_ptr<HttpStreamQueue> queue_;
  std::weak_ptr<HttpAnswerSink> sink_;
};

class Responder final : public HttpResponder {
 public:
  Responder(std::weak_ptr<HttpAnswerSink> sink, const HttpAnswerMode& mode) : sink_(std::move(sink)), mode_(mode) {}
  ~Responder() override { Responder::send(statusResponse(500, "InternalError", "the request was not answered")); }
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;

  void send(HttpResponse response) override {
    if (answered_.exchange(true)) {
      return;
    }
    if (const auto sink = sink_.lock()) {
      sink->answer(std::move(response));
    }
  }

  std::shared_ptr<HttpStream> stream(HttpResponse head) override {
    const auto sink = sink_.lock();
    const bool first = !answered_.exchange(true);
    if (!first || !sink || mode_.headOnly) {
      auto closed = std::make_shared<HttpStreamQueue>("", false, 0);
      closed->close(false);
      if (first && sink) {
        sink->answer(std::move(head));
      }
      return std::make_shared<StreamHandle>(std::move(closed), std::weak_ptr<HttpAnswerSink>());
    }
    std::string text = responseHead(head, mode_.keepAlive);
    text += mode_.chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n";
    auto queue = std::make_shared<HttpStreamQueue>(std::move(text), mode_.chunked, mode_.streamLimit);
    sink->beginStream(queue);
    return std::make_shared<StreamHandle>(std::move(queue), sink_);
  }

 private:
  std::weak_ptr<HttpAnswerSink> sink_;
  const HttpAnswerMode mode_;
  std::atomic<bool> answered_ = false;
};

}  // namespace

HttpStreamQueue::HttpStreamQueue(std::string head, bool chunked, std::size_t limit)
    : chunked_(chunked), limit_(limit), pending_(std::move(head)) {}

HttpStreamQueue::Write HttpStreamQueue::write(std::string_view chunk) {
  const std::lock_guard lock(mutex_);
  if (closed_ || ended_) {
    return Write::Refused;
  }
  if (chunk.empty()) {
    return Write::Queued;
  }
  const std::size_t waiting = pending_.size() + sending_;
  if (waiting > 0 && waiting + chunk.size() > limit_) {
    closed_ = true;
    return Write::Overflow;
  }
  const bool first = pending_.empty();
  if (chunked_) {
    std::array<char, 24> size{};
    const int length = std::snprintf(size.data(), size.size(), "%zx\r\n", chunk.size());
    pending_.append(size.data(), static_cast<std::size_t>(length));
  }
  pending_ += chunk;
  if (chunked_) {
    pending_ += "\r\n";
  }
  return first ? Write::First : Write::Queued;
}

void HttpStreamQueue::finish() {
  ended_ = true;
  if (chunked_) {
    pending_ += "0\r\n\r\n";
  }
}

bool HttpStreamQueue::end() {
  std::function<void()> dropped;  // destroyed outside the lock: it may own this stream
  const std::lock_guard lock(mutex_);
  if (closed_ || ended_) {
    return false;
  }
  finish();
  dropped = std::exchange(callback_, nullptr);
  return true;
}

std::string HttpStreamQueue::take() {
  const std::lock_guard lock(mutex_);
  sending_ = pending_.size();
  return std::exchange(pending_, {});
}

std::size_t HttpStreamQueue::waiting() const {
  const std::lock_guard lock(mutex_);
  return closed_ || ended_ ? 0 : pending_.size() + sending_;
}

bool HttpStreamQueue::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}

void HttpStreamQueue::onClosed(std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (!closed_) {
      if (!ended_) {
        callback_ = std::move(callback);
      }
      return;
    }
  }
  callback();
}

void HttpStreamQueue::close(bool properly) {
  std::function<void()> callback;
  {
    const std::lock_guard lock(mutex_);
    if (ended_) {
      return;
    }
    if (!closed_ && properly) {
      finish();
    }
    closed_ = true;
    callback = std::exchange(callback_, nullptr);
  }
  if (callback) {
    callback();
  }
}

std::string responseHead(const HttpResponse& response, bool keepAlive) {
  std::string text =
      cat("HTTP/1.1 ", response.status, ' ', reasonPhrase(response.status), "\r\nDate: ", dateNow(), "\r\n");
  const auto add = [&text](std::string_view name, std::string_view value) {
    if (value.find_first_of("\r\n") == std::string_view::npos) {
      text += cat(name, ": ", value, "\r\n");
    }
  };
  if (!response.contentType.empty()) {
    add("Content-Type", response.contentType);
  }
  bool caching = false;
  for (const auto& [name, value] : response.headers) {
    caching = caching || lowerAscii(name) == "cache-control";
    add(name, value);
  }
  if (!caching) {
    add("Cache-Control", "no-cache, private");
  }
  if (!keepAlive) {
    add("Connection", "close");
  }
  return text;
}

HttpResponse statusResponse(int code, std::string_view reason, std::string_view message) {
  HttpResponse response;
  response.status = code;
  response.body = Json::object({{"kind", "Status"},
                                {"apiVersion", "v1"},
                                {"metadata", Json::object()},
                                {"status", "Failure"},
                                {"message", message},
                                {"reason", reason},
                                {"code", code}})
                      .dump() +
                  "\n";
  return response;
}

std::shared_ptr<HttpResponder> makeResponder(std::weak_ptr<HttpAnswerSink> sink, const HttpAnswerMode& mode) {
  return std::make_shared<Responder>(std::move(sink), mode);
}

}  // namespace slipway::apiserver
