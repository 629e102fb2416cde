#include "reconciler/runtime/informer.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "reconciler/base/strings.h"

namespace slipway::runtime {
namespace {

constexpr int kEventsPerStep = 256;
constexpr Duration kFirstPause = std::chrono::milliseconds(50);
constexpr Duration kLongestPause = std::chrono::seconds(30);
// So often a list that is older than what was seen is taken for a lagging replica; then for a server that lost state.
constexpr int kStaleListsRefused = 5;

std::string meta(const Json& object, std::string_view field) {
  const Json* value = object.at({"metadata", field});
  return value != nullptr && value->isString() ? value->asString() : std::string();
}

std::string versionOf(const ObjectPtr& object) { return meta(*object, "resourceVersion"); }

MetricLabels kindLabel(const Kind& kind) { return {{"kind", std::string(kind.kind)}}; }

}  // namespace

// What wakes the informer's thread. Shared with watches and timers, which may outlive it.
struct Informer::Signal {
  std::mutex mutex;
  std::condition_variable_any changed;
  bool pending = true;
  bool synced = false;
  SteadyTime notBefore{};  // a failed list or watch is not repeated earlier

  void wake() {
    {
      const std::lock_guard lock(mutex);
      pending = true;
    }
    changed.notify_all();
  }
};

bool newerVersion(const std::string& one, const std::string& other) {
  return one.size() != other.size() ? one.size() > other.size() : one > other;
}

ObjectKey keyOf(const Json& object) { return {meta(object, "namespace"), meta(object, "name")}; }

Informer::Informer(const Kind& kind, InformerContext context)
    : kind_(kind), context_(context), signal_(std::make_shared<Signal>()) {}

Informer::~Informer() { stop(); }

void Informer::onChange(Handler handler) { handlers_.push_back(std::move(handler)); }

void Informer::start() {
  thread_ = Thread([this](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      {
        std::unique_lock lock(signal_->mutex);
        if (!signal_->changed.wait(lock, stop, [this] { return signal_->pending; })) return;
        signal_->pending = false;
      }
      while (!stop.stop_requested() && step()) {
      }
    }
  });
}

void Informer::stop() {
  if (!thread_.running()) return;
  thread_.stop();
  stream_.reset();
}

bool Informer::hasSynced() const {
  const std::lock_guard lock(signal_->mutex);
  return signal_->synced;
}

bool Informer::waitSynced(const std::stop_token& stop) const {
  std::unique_lock lock(signal_->mutex);
  return signal_->changed.wait(lock, stop, [this] { return signal_->synced; });
}

ObjectPtr Informer::find(const ObjectKey& key) const {
  const std::shared_lock lock(mutex_);
  const auto it = cache_.find(key);
  return it == cache_.end() ? nullptr : it->second;
}

ObjectList Informer::list(const std::string& ns) const {
  const std::shared_lock lock(mutex_);
  ObjectList out{version_, {}};
  for (auto it = ns.empty() ? cache_.begin() : cache_.lower_bound({ns, ""}); it != cache_.end(); ++it) {
    if (!ns.empty() && it->first.ns != ns) break;
    out.items.push_back(it->second);
  }
  return out;
}

bool Informer::step() {
  if (!stream_) {
    {
      const std::lock_guard lock(signal_->mutex);
      if (context_.clock.steady() < signal_->notBefore) return false;
    }
    if (!listed_) return relist();
    return openWatch();
  }
  return drain();
}

bool Informer::postpone(const Status& why) {
  Duration pause = kFirstPause;
  for (int i = 0; i < failures_ && pause < kLongestPause; ++i) pause *= 2;
  pause = std::min(pause, kLongestPause);
  ++failures_;
  const SteadyTime when = context_.clock.steady() + pause;
  {
    const std::lock_guard lock(signal_->mutex);
    signal_->notBefore = when;
  }
  context_.clock.startTimer(when, [signal = signal_] { signal->wake(); });
  context_.log.warn("cannot follow objects",
                    {{"kind", std::string(kind_.kind)}, {"error", why.toString()}, {"retryIn", formatDuration(pause)}});
  return false;
}

bool Informer::relist() {
  const auto list = context_.reader.list(kind_, "");
  if (!list) return postpone(list.status());
  if (newerVersion(version_, list->resourceVersion)) {
    if (++staleLists_ <= kStaleListsRefused) {
      return postpone({Code::Unavailable, cat("a list of version ", list->resourceVersion, " is older than version ",
                                              version_, " seen before")});
    }
    context_.log.warn("versions went back: the API server lost state; all objects are taken as new",
                      {{"kind", std::string(kind_.kind)}});
    const Cache old = cache_;
    for (const auto& [key, object] : old) change(key, object, nullptr);
  }
  staleLists_ = 0;
  adopt(*list);
  listed_ = true;
  context_.metrics.add("slipway_informer_relists_total", kindLabel(kind_));
  {
    const std::lock_guard lock(signal_->mutex);
    signal_->synced = true;
  }
  signal_->changed.notify_all();
  return true;
}

void Informer::adopt(const ObjectList& list) {
  std::map<ObjectKey, bool> present;
  for (const auto& object : list.items) {
    present.emplace(keyOf(*object), true);
    merge(object);
  }
  std::vector<std::pair<ObjectKey, ObjectPtr>> gone;
  for (const auto& [key, object] : cache_) {
    if (!present.contains(key)) gone.emplace_back(key, object);
  }
  for (const auto& [key, object] : gone) change(key, object, nullptr);
  {
    const std::unique_lock lock(mutex_);
    version_ = list.resourceVersion;
  }
  context_.metrics.set("slipway_informer_objects", kindLabel(kind_), static_cast<double>(cache_.size()));
}

void Informer::merge(const ObjectPtr& object) {
  const ObjectKey key = keyOf(*object);
  const ObjectPtr before = find(key);
  if (before && !newerVersion(versionOf(object), versionOf(before))) return;
  if (before && meta(*before, "uid") != meta(*object, "uid")) {
    // Deleted and made again while we did not look: another object, which must not inherit anything.
    change(key, before, nullptr);
    change(key, nullptr, object);
    return;
  }
  change(key, before, object);
}

void Informer::drop(const ObjectPtr& object) {
  const ObjectKey key = keyOf(*object);
  const ObjectPtr before = find(key);
  if (!before) return;
  const bool same = meta(*before, "uid") == meta(*object, "uid");
  // A deletion may carry the version of the last write; one of an earlier object of this name is old news.
  if (newerVersion(versionOf(before), versionOf(object)) || (!same && versionOf(before) == versionOf(object))) return;
  change(key, before, nullptr);
}

void Informer::change(const ObjectKey& key, const ObjectPtr& before, const ObjectPtr& after) {
  {
    const std::unique_lock lock(mutex_);
    if (after) {
      cache_[key] = after;
    } else {
      cache_.erase(key);
    }
  }
  for (const auto& handler : handlers_) handler(before, after);
}

bool Informer::openWatch() {
  auto stream = context_.watches.watch(kind_, version_, [signal = signal_] { signal->wake(); });
  if (stream) {
    stream_ = std::move(*stream);
    return true;
  }
  return stream.code() == Code::Expired ? expired(stream.status()) : postpone(stream.status());
}

bool Informer::expired(const Status& why) {
  stream_.reset();
  listed_ = false;
  // The first time at once; a server that always says so must not be asked in a loop.
  return failures_++ == 0 || postpone(why);
}

bool Informer::drain() {
  for (int i = 0; i < kEventsPerStep; ++i) {
    const auto event = stream_->tryNext();
    if (!event) return i > 0;
    if (event->type == WatchEvent::Type::Expired) {
      return expired({Code::Expired, "the watch fell behind"});
    }
    failures_ = 0;
    apply(*event);
  }
  return true;
}

void Informer::apply(const WatchEvent& event) {
  if (event.object) {
    const bool deleted = event.type == WatchEvent::Type::Deleted;
    deleted ? drop(event.object) : merge(event.object);
    auto labels = kindLabel(kind_);
    labels.emplace_back("type", deleted ? "Deleted" : event.type == WatchEvent::Type::Added ? "Added" : "Modified");
    context_.metrics.add("slipway_informer_events_total", labels);
    context_.metrics.set("slipway_informer_objects", kindLabel(kind_), static_cast<double>(cache_.size()));
  }
  const std::unique_lock lock(mutex_);
  if (newerVersion(event.resourceVersion, version_)) version_ = event.resourceVersion;
}

Informer::Handler enqueueSelf(std::function<void(const ObjectKey&)> add, bool specOnly) {
  return [add = std::move(add), specOnly](const ObjectPtr& before, const ObjectPtr& after) {
    if (specOnly && before && after) {
      const Json* one = before->find("metadata");
      const Json* other = after->find("metadata");
      const auto same = [&](std::string_view field) {
        const Json* a = one == nullptr ? nullptr : one->find(field);
        const Json* b = other == nullptr ? nullptr : other->find(field);
        return a == nullptr || b == nullptr ? a == b : *a == *b;
      };
      if (same("generation") && same("deletionTimestamp") && same("labels") && same("annotations") &&
          same("finalizers")) {
        return;
      }
    }
    add(keyOf(after ? *after : *before));
  };
}

}  // namespace slipway::runtime
