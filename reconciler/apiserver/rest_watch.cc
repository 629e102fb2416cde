#include "reconciler/apiserver/rest_watch.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "reconciler/base/strings.h"

namespace slipway::apiserver {

namespace {

constexpr std::size_t kBatch = 256;
constexpr std::size_t kChunk = 256U << 10U;  // events are sent together up to this size
constexpr std::size_t kAhead = 2U << 20U;    // what may wait for a client before it is given more
constexpr Duration kPause = std::chrono::milliseconds(20);
constexpr Duration kBookmarkEvery = std::chrono::seconds(60);
constexpr Duration kBookmarkBeforeEnd = std::chrono::seconds(2);
constexpr std::int64_t kMinTimeout = 1800;  // seconds; up to twice that
constexpr Duration kLogPoll = std::chrono::milliseconds(300);
constexpr std::size_t kLogChunk = 256U << 10U;

std::string_view typeName(ChangeType type) {
  return type == ChangeType::Added ? "ADDED" : type == ChangeType::Modified ? "MODIFIED" : "DELETED";
}

HttpResponse streamHead(std::string contentType) {
  HttpResponse head;
  head.contentType = std::move(contentType);
  head.headers.emplace_back("Cache-Control", "no-cache, private");
  return head;
}

class WatchTask final : public StreamTask {
 public:
  WatchTask(Registry& registry, WatchRequest request, std::shared_ptr<WatchCursor> cursor,
            std::shared_ptr<HttpStream> stream)
      : registry_(registry), request_(std::move(request)), cursor_(std::move(cursor)), stream_(std::move(stream)) {}
  ~WatchTask() override {
    cursor_->close();
    cursor_.reset();
    count();
  }
  WatchTask(const WatchTask&) = delete;
  WatchTask& operator=(const WatchTask&) = delete;

  void begin(std::vector<StoredPtr> initial, Revision start, SteadyTime now, SteadyTime deadline) {
    initial_ = std::move(initial);
    start_ = bookmarked_ = seen_ = start;
    deadline_ = deadline;
    nextBookmark_ = std::min(now + kBookmarkEvery, std::max(now, deadline - kBookmarkBeforeEnd));
    const auto& options = request_.options;
    endOfInitial_ = options.sendInitialEvents.value_or(false) && options.bookmarks;
    count();
  }

  // Shared with the stream, which tells when the client is gone.
  std::shared_ptr<std::atomic<bool>> closed = std::make_shared<std::atomic<bool>>(false);

  std::optional<SteadyTime> pump(SteadyTime now) override {
    if (closed->load()) {
      return std::nullopt;
    }
    if (!sendInitial()) {
      return std::nullopt;
    }
    if (sent_ < initial_.size()) {
      return now + kPause;
    }
    if (!sendChanges() || (!behind_ && !sendBookmark(now))) {
      return std::nullopt;
    }
    if (behind_ && now < deadline_) {
      return now + kPause;
    }
    if (now >= deadline_) {
      stream_->end();
      return std::nullopt;
    }
    return request_.options.bookmarks ? std::min(deadline_, nextBookmark_) : deadline_;
  }

  void shutdown() override { stream_->end(); }

 private:
  void count() {
    registry_.ports().metrics.set("slipway_api_watches", {{"resource", request_.resource->plural}},
                                  static_cast<double>(registry_.watches(*request_.resource)));
  }

  bool flush(std::string& lines) {
    if (lines.empty()) {
      return true;
    }
    return stream_->write(std::exchange(lines, {}));
  }

  void append(std::string& lines, std::string_view type, const std::string& object) {
    lines += cat("{\"type\":\"", type, "\",\"object\":");
    if (request_.presentation.format.transform == Transform::None) {
      lines += object;
    } else {
      auto parsed = parseJson(object);
      lines += present(*request_.resource, parsed ? *std::move(parsed) : Json(), request_.presentation).dump();
      request_.presentation.columnDefinitions = false;
    }
    lines += "}\n";
  }

  bool sendInitial() {
    std::string lines;
    std::size_t burst = stream_->waiting();
    request_.presentation.now = registry_.ports().clock.wall();
    while (sent_ < initial_.size() && burst < kAhead) {
      append(lines, "ADDED", bytesAs(*request_.resource, *initial_[sent_++]));
      if (lines.size() >= kChunk || sent_ == initial_.size()) {
        burst += lines.size();
        if (!flush(lines)) {
          return false;
        }
      }
    }
    if (sent_ < initial_.size()) {
      return true;
    }
    initial_.clear();
    sent_ = 0;
    if (std::exchange(endOfInitial_, false)) {
      append(lines, "BOOKMARK", bookmark(start_, true));
      return flush(lines);
    }
    return true;
  }

  bool sendChanges() {
    WatchCursor::Batch batch;
    std::string lines;
    while (true) {
      // A slow client is not sent more than it takes; if the log moves on without it, it has to list again.
      behind_ = stream_->waiting() >= kAhead;
      if (behind_) {
        return true;
      }
      batch = registry_.read(*cursor_, kBatch);
      if (batch.expired) {
        registry_.ports().metrics.add("slipway_api_watch_expired_total", {{"resource", request_.resource->plural}});
        const ApiError error = expired(cat("too old resource version: ", seen_, " (", registry_.published(), ")"));
        lines += cat("{\"type\":\"ERROR\",\"object\":", error.document().dump(), "}\n");
        flush(lines);
        stream_->end();
        return false;
      }
      request_.presentation.now = registry_.ports().clock.wall();
      for (const WatchCursor::Item& item : batch.items) {
        append(lines, typeName(item.type), bytesAs(*request_.resource, *item.object));
        if (lines.size() >= kChunk && !flush(lines)) {
          return false;
        }
      }
      if (!batch.items.empty()) {
        registry_.ports().metrics.add("slipway_api_watch_events_total", {{"resource", request_.resource->plural}},
                                      static_cast<double>(batch.items.size()));
      }
      seen_ = std::max(seen_, batch.seen);
      if (!flush(lines)) {
        return false;
      }
      if (!batch.more) {
        return true;
      }
    }
  }

  bool sendBookmark(SteadyTime now) {
    if (!request_.options.bookmarks || now < nextBookmark_) {
      return true;
    }
    nextBookmark_ = now < deadline_ - kBookmarkBeforeEnd
                        ? std::min(now + kBookmarkEvery, deadline_ - kBookmarkBeforeEnd)
                        : deadline_ + kBookmarkEvery;
    if (seen_ <= bookmarked_) {
      return true;
    }
    bookmarked_ = seen_;
    std::string lines;
    append(lines, "BOOKMARK", bookmark(seen_, false));
    return flush(lines);
  }

  std::string bookmark(Revision revision, bool endsInitial) const {
    Json metadata = Json::object({{"resourceVersion", std::to_string(revision)}});
    if (endsInitial) {
      metadata["annotations"] = Json::object({{"k8s.io/initial-events-end", "true"}});
    }
    return Json::object({{"kind", request_.resource->kind},
                         {"apiVersion", request_.resource->apiVersion()},
                         {"metadata", std::move(metadata)}})
        .dump();
  }

  Registry& registry_;
  WatchRequest request_;
  std::shared_ptr<WatchCursor> cursor_;
  std::shared_ptr<HttpStream> stream_;
  std::vector<StoredPtr> initial_;
  std::size_t sent_ = 0;
  bool endOfInitial_ = false;
  bool behind_ = false;  // changes wait in the log until the client has taken more
  Revision start_ = 0;
  Revision seen_ = 0;
  Revision bookmarked_ = 0;
  SteadyTime deadline_{};
  SteadyTime nextBookmark_{};
};

// Which state a watch starts with, and after which revision it goes on.
struct WatchStart {
  std::vector<StoredPtr> initial;
  Revision after = 0;
};

WatchStart startOf(Registry& registry, const WatchRequest& request) {
  const ListOptions& options = request.options;
  const bool newest = !options.resourceVersion || *options.resourceVersion == 0;
  if (!options.sendInitialEvents.value_or(newest)) {
    return {{}, newest ? registry.published() : *options.resourceVersion};
  }
  Registry::Snapshot snapshot = registry.list(*request.resource, request.ns);
  std::erase_if(snapshot.items, [&](const StoredPtr& object) { return !options.selector.matches(*object); });
  return {std::move(snapshot.items), snapshot.revision};
}

}  // namespace

ApiCheck startWatch(Registry& registry, StreamPump& pump, WatchRequest request,
                    const std::shared_ptr<HttpResponder>& responder) {
  const ListOptions& options = request.options;
  if (options.sendInitialEvents.value_or(false) && options.resourceVersion.value_or(0) > registry.published()) {
    return tooLargeResourceVersion(*options.resourceVersion, registry.published());
  }
  const std::uint64_t id = pump.reserve();
  const auto wake = pump.wakeOf(id);
  WatchStart start = startOf(registry, request);
  auto cursor = registry.watch(*request.resource, {request.ns, options.selector, start.after, wake});
  const auto stream = responder->stream(streamHead("application/json"));
  if (!cursor) {
    stream->write(cat("{\"type\":\"ERROR\",\"object\":", cursor.error().document().dump(), "}\n"));
    stream->end();
    return std::nullopt;
  }
  Clock& clock = registry.ports().clock;
  const auto seconds = options.timeoutSeconds > 0
                           ? options.timeoutSeconds
                           : kMinTimeout + static_cast<std::int64_t>(registry.ports().random.next() % kMinTimeout);
  const SteadyTime now = clock.steady();
  auto task = std::make_unique<WatchTask>(registry, std::move(request), *std::move(cursor), stream);
  task->begin(std::move(start.initial), start.after, now, now + std::chrono::seconds(seconds));
  stream->onClosed([closed = task->closed, wake] {
    closed->store(true);
    wake();
  });
  pump.add(id, std::move(task));
  return std::nullopt;
}

namespace {

class LogTask final : public StreamTask {
 public:
  LogTask(Registry& registry, const RunLog& log, LogRequest request, std::shared_ptr<HttpStream> stream)
      : registry_(registry), log_(log), request_(std::move(request)), stream_(std::move(stream)) {}

  std::shared_ptr<std::atomic<bool>> closed = std::make_shared<std::atomic<bool>>(false);

  std::optional<SteadyTime> pump(SteadyTime now) override {
    if (closed->load()) {
      return std::nullopt;
    }
    // Asked before reading: what was printed before the end is then read for certain.
    const bool over = finished();
    while (true) {
      auto chunk = log_.read(request_.uid, request_.target, request_.offset, kLogChunk);
      if (!chunk || chunk->text.empty()) {
        break;
      }
      request_.offset = chunk->next;
      if (!stream_->write(std::move(chunk->text))) {
        return std::nullopt;
      }
    }
    if (over) {
      stream_->end();
      return std::nullopt;
    }
    return now + kLogPoll;
  }

  void shutdown() override { stream_->end(); }

 private:
  bool finished() const {
    const StoredPtr run = registry_.get(*request_.resource, request_.key);
    if (run == nullptr || run->uid != request_.uid) {
      return true;
    }
    const Json tree = run->parse();
    const Json* at = tree.at({"status", "finishedAt"});
    return at != nullptr && !at->isNull();
  }

  Registry& registry_;
  const RunLog& log_;
  LogRequest request_;
  std::shared_ptr<HttpStream> stream_;
};

}  // namespace

void startLog(Registry& registry, const RunLog& log, StreamPump& pump, LogRequest request,
              const std::shared_ptr<HttpResponder>& responder) {
  const std::uint64_t id = pump.reserve();
  const auto stream = responder->stream(streamHead("text/plain; charset=utf-8"));
  auto task = std::make_unique<LogTask>(registry, log, std::move(request), stream);
  stream->onClosed([closed = task->closed, wake = pump.wakeOf(id)] {
    closed->store(true);
    wake();
  });
  pump.add(id, std::move(task));
}

}  // namespace slipway::apiserver
