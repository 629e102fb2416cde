#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "reconciler/base/strings.h"
#include "reconciler/ports/objects.h"

namespace slipway {

// All API ports over one map: an API server without admission, so that what is above the ports can be tested alone.
// Every write takes the next version; streams get every change of their kind.
class FakeObjects final : public ApiReader, public ApiWriter, public StatusWriter, public WatchSource {
 public:
  Result<ObjectPtr> get(const Kind& kind, const ObjectKey& key) const override {
    const std::lock_guard lock(mutex_);
    return find(kind, key);
  }
  Result<ObjectList> list(const Kind& kind, const std::string& ns) const override {
    const std::lock_guard lock(mutex_);
    if (!listStatus_) return listStatus_;
    ObjectList out{listVersion_.empty() ? std::to_string(version_) : listVersion_, {}};
    for (const auto& [id, object] : objects_) {
      if (id.first == kind.plural && (ns.empty() || ns == id.second.ns)) out.items.push_back(object);
    }
    return out;
  }

  Result<ObjectPtr> create(const Kind& kind, const Json& object) override {
    return locked([&]() -> Result<ObjectPtr> {
      const ObjectKey key = keyIn(object);
      if (find(kind, key)) return Status(Code::AlreadyExists, key.toString() + " exists");
      Json made = object;
      made["metadata"]["uid"] = cat("uid-", version_ + 1);
      made["metadata"]["generation"] = 1;
      return put(kind, key, std::move(made), WatchEvent::Type::Added);
    });
  }
  Result<ObjectPtr> update(const Kind& kind, const Json& object) override {
    return locked([&] { return replace(kind, keyIn(object), object, versionIn(object)); });
  }
  Result<ObjectPtr> mergePatch(const Kind& kind, const ObjectKey& key, const Json& patch) override {
    return locked([&]() -> Result<ObjectPtr> {
      const auto old = find(kind, key);
      if (!old) return old;
      Json merged = **old;
      merge(merged, patch);
      return replace(kind, key, merged, versionIn(patch));
    });
  }
  Result<ObjectPtr> replaceStatus(const Kind& kind, const ObjectKey& key, const std::string& resourceVersion,
                                  const Json& status) override {
    return locked([&]() -> Result<ObjectPtr> {
      const auto old = find(kind, key);
      if (!old) return old;
      Json changed = **old;
      changed["status"] = status;
      return replace(kind, key, changed, resourceVersion);
    });
  }
  Status remove(const Kind& kind, const ObjectKey& key, const std::string& uid) override {
    return locked([&]() -> Result<ObjectPtr> {
             const auto old = find(kind, key);
             if (!old) return old;
             if (!uid.empty() && (*old)->at({"metadata", "uid"})->asString() != uid) {
               return Status(Code::Conflict, key.toString() + " is another object");
             }
             objects_.erase({std::string(kind.plural), key});
             return publish(kind, **old, WatchEvent::Type::Deleted);
           })
        .status();
  }

  Result<std::unique_ptr<WatchStream>> watch(const Kind& kind, const std::string& resourceVersion,
                                             std::function<void()> wake) override {
    const std::lock_guard lock(mutex_);
    if (!watchStatus_) return watchStatus_;
    const std::uint64_t after = std::stoull(resourceVersion);
    if (after < floor_) return Status(Code::Expired, cat("version ", after, " is too old"));
    auto feed = std::make_shared<Feed>();
    feed->wake = std::move(wake);
    feed->plural = kind.plural;
    for (const auto& [version, plural, event] : log_) {
      if (version > after && plural == kind.plural) feed->events.push_back(event);
    }
    feeds_.push_back(feed);
    return std::unique_ptr<WatchStream>(std::make_unique<Stream>(*this, feed));
  }

  // Faults, each until changed again.
  void failLists(Status status) {
    const std::lock_guard lock(mutex_);
    listStatus_ = std::move(status);
  }
  void failWatches(Status status) {
    const std::lock_guard lock(mutex_);
    watchStatus_ = std::move(status);
  }
  void failWrites(Status status) {
    const std::lock_guard lock(mutex_);
    writeStatus_ = std::move(status);
  }
  // Lists claim this version; empty: the true one.
  void pretendListVersion(std::string version) {
    const std::lock_guard lock(mutex_);
    listVersion_ = std::move(version);
  }
  // Ends every open stream with Expired; what happened before can no longer be watched.
  void expireWatches() {
    std::vector<std::shared_ptr<Feed>> feeds;
    {
      const std::lock_guard lock(mutex_);
      floor_ = version_;
      log_.clear();
      feeds.swap(feeds_);
      for (const auto& feed : feeds) feed->events = {WatchEvent{WatchEvent::Type::Expired, {}, {}}};
    }
    for (const auto& feed : feeds) feed->wake();
  }
  // Hands an event to every stream of the kind, whatever the state is: duplicates, old news.
  void inject(const Kind& kind, const WatchEvent& event) {
    std::vector<std::shared_ptr<Feed>> feeds;
    {
      const std::lock_guard lock(mutex_);
      feeds = feeds_;
      for (const auto& feed : feeds) {
        if (feed->plural == kind.plural) feed->events.push_back(event);
      }
    }
    for (const auto& feed : feeds) feed->wake();
  }
  std::size_t openWatches() const {
    const std::lock_guard lock(mutex_);
    return feeds_.size();
  }
  std::size_t writes() const {
    const std::lock_guard lock(mutex_);
    return version_;
  }

 private:
  struct Feed {
    std::string plural;
    std::deque<WatchEvent> events;
    std::function<void()> wake;
  };
  class Stream final : public WatchStream {
   public:
    Stream(FakeObjects& owner, std::shared_ptr<Feed> feed) : owner_(owner), feed_(std::move(feed)) {}
    ~Stream() override {
      const std::lock_guard lock(owner_.mutex_);
      std::erase(owner_.feeds_, feed_);
    }
    std::optional<WatchEvent> tryNext() override {
      const std::lock_guard lock(owner_.mutex_);
      if (feed_->events.empty()) return std::nullopt;
      WatchEvent event = std::move(feed_->events.front());
      feed_->events.pop_front();
      return event;
    }

   private:
    FakeObjects& owner_;
    std::shared_ptr<Feed> feed_;
  };
  using Id = std::pair<std::string, ObjectKey>;

  static ObjectKey keyIn(const Json& object) {
    const Json* meta = object.find("metadata");
    return meta == nullptr ? ObjectKey{} : ObjectKey{meta->getString("namespace"), meta->getString("name")};
  }
  static std::string versionIn(const Json& object) {
    const Json* meta = object.find("metadata");
    return meta == nullptr ? std::string() : meta->getString("resourceVersion");
  }
  static void merge(Json& into, const Json& patch) {
    if (!patch.isObject()) {
      into = patch;
      return;
    }
    if (!into.isObject()) into = Json::object();
    for (const auto& [key, value] : patch.asObject()) {
      if (value.isNull()) {
        into.asObject().erase(key);
      } else {
        merge(into[key], value);
      }
    }
  }

  template <typename Body>
  Result<ObjectPtr> locked(Body body) {
    std::vector<std::shared_ptr<Feed>> feeds;
    Result<ObjectPtr> result = [&]() -> Result<ObjectPtr> {
      const std::lock_guard lock(mutex_);
      if (!writeStatus_) return writeStatus_;
      auto done = body();
      feeds = feeds_;
      return done;
    }();
    for (const auto& feed : feeds) feed->wake();
    return result;
  }
  Result<ObjectPtr> find(const Kind& kind, const ObjectKey& key) const {
    const auto it = objects_.find({std::string(kind.plural), key});
    if (it == objects_.end()) return Status(Code::NotFound, cat(kind.plural, " ", key.toString(), " not found"));
    return it->second;
  }
  Result<ObjectPtr> replace(const Kind& kind, const ObjectKey& key, Json object, const std::string& precondition) {
    const auto old = find(kind, key);
    if (!old) return old;
    if (!precondition.empty() && precondition != versionIn(**old)) {
      return Status(Code::Conflict, key.toString() + " has changed");
    }
    object["metadata"]["uid"] = (*old)->at({"metadata", "uid"})->asString();
    object["metadata"]["resourceVersion"] = versionIn(**old);
    if (object == **old) return *old;
    const Json* before = (*old)->find("spec");
    const Json* after = object.find("spec");
    if (before != nullptr && after != nullptr && !(*before == *after)) {
      object["metadata"]["generation"] = (*old)->find("metadata")->getInt("generation") + 1;
    }
    return put(kind, key, std::move(object), WatchEvent::Type::Modified);
  }
  Result<ObjectPtr> put(const Kind& kind, const ObjectKey& key, Json object, WatchEvent::Type type) {
    auto stored = publish(kind, std::move(object), type);
    objects_[{std::string(kind.plural), key}] = stored;
    return stored;
  }
  ObjectPtr publish(const Kind& kind, Json object, WatchEvent::Type type) {
    const std::string version = std::to_string(++version_);
    object["metadata"]["resourceVersion"] = version;
    const auto shared = std::make_shared<const Json>(std::move(object));
    const WatchEvent event{type, version, shared};
    log_.emplace_back(version_, kind.plural, event);
    for (const auto& feed : feeds_) {
      if (feed->plural == kind.plural) feed->events.push_back(event);
    }
    return shared;
  }

  mutable std::mutex mutex_;
  std::map<Id, ObjectPtr> objects_;
  std::vector<std::tuple<std::uint64_t, std::string, WatchEvent>> log_;
  std::vector<std::shared_ptr<Feed>> feeds_;
  std::uint64_t version_ = 0;
  std::uint64_t floor_ = 0;
  std::string listVersion_;
  Status listStatus_;
  Status watchStatus_;
  Status writeStatus_;
};

}  // namespace slipway
