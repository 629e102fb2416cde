#include "reconciler/client/resource_watch.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "reconciler/base/strings.h"

namespace slipway::client {
namespace {

constexpr auto kGiveUp = std::chrono::minutes(1);
constexpr Duration kFirstBackoff = std::chrono::milliseconds(250);
constexpr Duration kMaxBackoff = std::chrono::seconds(5);
constexpr int kWatchSeconds = 300;

std::string textAt(const Json& object, std::string_view member) {
  const Json* meta = object.find("metadata");
  return meta == nullptr ? std::string() : meta->getString(member);
}

// Waits without doing anything: another try before that would only burden the server.
void pauseUntil(Clock& clock, SteadyTime when) {
  struct Alarm {
    std::mutex mutex;
    std::condition_variable changed;
    bool rung = false;
  };
  auto alarm = std::make_shared<Alarm>();
  clock.startTimer(when, [alarm] {
    const std::lock_guard lock(alarm->mutex);
    alarm->rung = true;
    alarm->changed.notify_all();
  });
  std::unique_lock lock(alarm->mutex);
  alarm->changed.wait(lock, [&] { return alarm->rung; });
}

}  // namespace

ResourceWatch::ResourceWatch(ApiClient& client, Clock& clock, const Kind& kind, ObjectKey key, std::string labels)
    : client_(client),
      clock_(clock),
      kind_(kind),
      key_(std::move(key)),
      labels_(std::move(labels)),
      lastAnswer_(clock.steady()) {}

ApiRequest ResourceWatch::baseRequest() const {
  ApiRequest request{.path = resourcePath(kind_, {key_.ns, ""})};
  if (!key_.name.empty()) {
    request.query.emplace_back("fieldSelector", "metadata.name=" + key_.name);
  }
  if (!labels_.empty()) {
    request.query.emplace_back("labelSelector", labels_);
  }
  return request;
}

Status ResourceWatch::list() {
  auto answer = client_.call(baseRequest());
  if (!answer) {
    return answer.status();
  }
  version_ = textAt(*answer, "resourceVersion");
  std::vector<std::pair<std::string, ObjectPtr>> seen;
  std::vector<WatchEvent> events;
  if (Json* items = answer->find("items"); items != nullptr && items->isArray()) {
    for (Json& item : items->asArray()) {
      auto object = std::make_shared<const Json>(std::move(item));
      const std::string uid = textAt(*object, "uid");
      const bool old = std::any_of(known_.begin(), known_.end(), [&](const auto& entry) { return entry.first == uid; });
      events.push_back(
          {old ? WatchEvent::Type::Modified : WatchEvent::Type::Added, textAt(*object, "resourceVersion"), object});
      seen.emplace_back(uid, std::move(object));
    }
  }
  for (const auto& [uid, object] : known_) {
    if (std::none_of(seen.begin(), seen.end(), [&uid = uid](const auto& entry) { return entry.first == uid; })) {
      events.push_back({WatchEvent::Type::Deleted, version_, object});
    }
  }
  known_ = std::move(seen);
  waiting_.assign(events.rbegin(), events.rend());
  listed_ = true;
  return Status::ok();
}

Status ResourceWatch::connect() {
  if (!listed_) {
    SLIPWAY_RETURN_IF_ERROR(list());
  }
  ApiRequest request = baseRequest();
  request.query.insert(request.query.end(), {{"watch", "true"},
                                             {"allowWatchBookmarks", "true"},
                                             {"timeoutSeconds", std::to_string(kWatchSeconds)},
                                             {"resourceVersion", version_}});
  auto stream = client_.open(request);
  if (!stream) {
    listed_ = listed_ && stream.code() != Code::Expired;
    return stream.status();
  }
  stream_ = std::move(*stream);
  return Status::ok();
}

// Nothing for what is only of use here.
std::optional<WatchEvent> ResourceWatch::takeLine(const std::string& line) {
  auto parsed = parseJson(line);
  Json* object = parsed ? parsed->find("object") : nullptr;
  const std::string type = parsed ? parsed->getString("type") : "";
  if (object == nullptr || type == "ERROR" || type.empty()) {
    stream_.reset();
    listed_ = false;  // 410, or something that is no event: only a new list helps
    return std::nullopt;
  }
  version_ = textAt(*object, "resourceVersion");
  backoff_ = Duration(0);
  if (type == "BOOKMARK") {
    return std::nullopt;
  }
  WatchEvent event;
  event.type = type == "ADDED"      ? WatchEvent::Type::Added
               : type == "MODIFIED" ? WatchEvent::Type::Modified
                                    : WatchEvent::Type::Deleted;
  event.resourceVersion = version_;
  event.object = std::make_shared<const Json>(std::move(*object));
  const std::string uid = textAt(*event.object, "uid");
  std::erase_if(known_, [&](const auto& entry) { return entry.first == uid; });
  if (event.type != WatchEvent::Type::Deleted) {
    known_.emplace_back(uid, event.object);
  }
  return event;
}

void ResourceWatch::delayRetry() {
  backoff_ = std::clamp(2 * backoff_, kFirstBackoff, kMaxBackoff);
  notBefore_ = clock_.steady() + backoff_;
}

// One line of the open stream.
Result<std::optional<WatchEvent>> ResourceWatch::follow(Duration timeout) {
  auto line = stream_->readLine(timeout);
  if (line && *line) {
    lastAnswer_ = clock_.steady();
    std::optional<WatchEvent> event = takeLine(**line);
    if (!stream_) {
      delayRetry();
    }
    return event;
  }
  if (line.code() == Code::Timeout) {
    return line.status();
  }
  stream_.reset();  // its end, or lost: go on where it stopped
  delayRetry();
  return std::optional<WatchEvent>();
}

Result<std::optional<WatchEvent>> ResourceWatch::next(Duration timeout) {
  const SteadyTime deadline = clock_.steady() + timeout;
  while (waiting_.empty()) {
    if (stream_) {
      auto event = follow(std::max(Duration(0), deadline - clock_.steady()));
      if (event.code() == Code::Timeout) {
        return std::optional<WatchEvent>();
      }
      if (*event) {
        return event;
      }
      continue;
    }
    if (clock_.steady() < notBefore_) {
      pauseUntil(clock_, std::min(notBefore_, deadline));
    }
    if (notBefore_ > deadline) {
      return std::optional<WatchEvent>();
    }
    const Status connected = connect();
    if (connected) {
      lastAnswer_ = clock_.steady();
    } else if (isFinal(connected.code()) || clock_.steady() - lastAnswer_ > kGiveUp) {
      return connected;
    } else {
      delayRetry();
    }
  }
  WatchEvent event = std::move(waiting_.back());
  waiting_.pop_back();
  return std::optional(std::move(event));
}

}  // namespace slipway::client
