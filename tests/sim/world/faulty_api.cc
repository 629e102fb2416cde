#include "tests/sim/world/faulty_api.h"

#include <charconv>
#include <deque>
#include <utility>

#include "reconciler/base/strings.h"
#include "reconciler/runtime/informer.h"

namespace slipway::sim {
namespace {

Status dead() { return {Code::Unavailable, "the process has ended"}; }
Status busy() { return {Code::Unavailable, "429: too many requests"}; }

}  // namespace

// A watch with what networks do to one.
class FaultyApi::Stream final : public WatchStream {
 public:
  struct Start {
    Kind kind;
    std::string resourceVersion;
  };
  Stream(FaultyApi& owner, const Start& start, std::unique_ptr<WatchStream> inner, std::function<void()> wake)
      : owner_(owner),
        ports_(owner.ports_),
        kind_(start.kind),
        name_(cat(start.kind.plural, "/")),
        inner_(std::move(inner)),
        wake_(std::move(wake)) {
    last_ = revisionOf(start.resourceVersion);
  }

  std::optional<WatchEvent> tryNext() override {
    if (ended_) {
      return std::nullopt;
    }
    if (ports_.time.now() >= endsAt_) {
      ended_ = true;
      owner_.connected_.erase(name_);
      return WatchEvent{WatchEvent::Type::Expired, "", nullptr};
    }
    while (waiting_.empty() || waiting_.front().first > ports_.time.now()) {
      auto event = pull();
      if (!event) {
        break;
      }
      receive(*std::move(event));
    }
    if (waiting_.empty() || ports_.time.now() < waiting_.front().first) {
      return std::nullopt;
    }
    WatchEvent out = std::move(waiting_.front().second);
    waiting_.pop_front();
    return out;
  }

 private:
  std::optional<WatchEvent> pull() {
    std::optional<WatchEvent> event = inner_->tryNext();
    if (event && event->type != WatchEvent::Type::Expired) {
      const std::optional<Revision> at = revisionOf(event->resourceVersion);
      if (at && last_) {
        ports_.watched(kind_, *last_, *at, event->object == nullptr);
      }
      last_ = at;
    }
    return event;
  }
  static std::optional<Revision> revisionOf(const std::string& version) {
    Revision out = 0;
    const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), out);
    return error == std::errc() && end == version.data() + version.size() && out > 0 ? std::optional(out)
                                                                                     : std::nullopt;
  }

  void receive(WatchEvent event) {
    Faults& faults = ports_.faults;
    SteadyTime when = waiting_.empty() ? SteadyTime{} : waiting_.back().first;
    if (event.object != nullptr && faults.strikes(12)) {
      endSoon();
      return;
    }
    if (faults.strikes(16)) {
      endsAt_ = ports_.time.now();
    }
    if (faults.strikes(13)) {
      when = std::max(when, ports_.time.now() + Duration(static_cast<Duration::rep>(faults.detail() % 30'000'000'000)));
      ports_.time.at(when, wake_);
    }
    const bool same = event.object != nullptr && !waiting_.empty() && waiting_.back().second.object != nullptr &&
                      event.type == WatchEvent::Type::Modified &&
                      waiting_.back().second.type == WatchEvent::Type::Modified &&
                      runtime::keyOf(*event.object) == runtime::keyOf(*waiting_.back().second.object);
    if (same && faults.strikes(15)) {
      waiting_.back().second = std::move(event);
      return;
    }
    if (event.object != nullptr && faults.strikes(14)) {
      waiting_.emplace_back(when, event);
    }
    waiting_.emplace_back(when, std::move(event));
  }

  // An event is lost only where its connection is.
  void endSoon() {
    endsAt_ = std::min(
        endsAt_, ports_.time.now() + Duration(static_cast<Duration::rep>(ports_.faults.detail() % 60'000'000'000)));
    ports_.time.at(endsAt_, wake_);
  }

  FaultyApi& owner_;
  Ports& ports_;
  const Kind kind_;
  const std::string name_;
  std::unique_ptr<WatchStream> inner_;
  std::function<void()> wake_;
  std::deque<std::pair<SteadyTime, WatchEvent>> waiting_;
  std::optional<Revision> last_;  // what was handed out last
  SteadyTime endsAt_ = SteadyTime::max();
  bool ended_ = false;
};

Result<ObjectPtr> FaultyApi::get(const Kind& kind, const ObjectKey& key) const {
  return ports_.faults.strikes(22) ? Result<ObjectPtr>(busy()) : ports_.api.get(kind, key);
}

Result<ObjectList> FaultyApi::list(const Kind& kind, const std::string& ns) const {
  if (ports_.faults.strikes(22)) {
    return busy();
  }
  const std::string name = cat(kind.plural, "/", ns);
  const auto known = ports_.stale.find(name);
  if (ns.empty() && known != ports_.stale.end()) {
    // The first list after a restart, and that after a lost watch, may come from a replica that is behind.
    if (connected_.insert(name).second && ports_.faults.strikes(listed_.contains(name) ? 19 : 18)) {
      return known->second;
    }
    listed_.insert(name);
  }
  Result<ObjectList> now = ports_.api.list(kind, ns);
  if (now && ns.empty()) {
    ports_.stale[name] = *now;
  }
  return now;
}

// Events are told, not promised: a crash beside one is a crash beside the next effect.
Result<ObjectPtr> FaultyApi::tell(const std::function<Result<ObjectPtr>()>& effect) {
  return ports_.faults.strikes(22) ? Result<ObjectPtr>(busy()) : effect();
}

Result<ObjectPtr> FaultyApi::write(const std::function<Result<ObjectPtr>()>& effect) {
  if (!ports_.before()) {
    return dead();
  }
  if (ports_.faults.strikes(22)) {
    return busy();
  }
  if (ports_.faults.strikes(20)) {
    return Status(Code::Conflict, "the object has been modified");
  }
  const Revision was = ports_.lastRevision();
  Result<ObjectPtr> done = effect();
  ports_.wrote(done.code(), ports_.lastRevision() - was);
  if (!ports_.after()) {
    return dead();
  }
  if (done && ports_.faults.strikes(21)) {
    return Status(ports_.faults.detail() % 2 == 0 ? Code::OutcomeUnknown : Code::Unavailable, "the answer was lost");
  }
  return done;
}

Result<ObjectPtr> FaultyApi::create(const Kind& kind, const Json& object) {
  const auto effect = [&] { return ports_.api.create(kind, object); };
  return kind == kEvent ? tell(effect) : write(effect);
}

Result<ObjectPtr> FaultyApi::update(const Kind& kind, const Json& object) {
  return write([&] { return ports_.api.update(kind, object); });
}

Result<ObjectPtr> FaultyApi::mergePatch(const Kind& kind, const ObjectKey& key, const Json& patch) {
  const auto effect = [&] { return ports_.api.mergePatch(kind, key, patch); };
  return kind == kEvent ? tell(effect) : write(effect);
}

Status FaultyApi::remove(const Kind& kind, const ObjectKey& key, const std::string& uid) {
  return write([&]() -> Result<ObjectPtr> {
           Status removed = ports_.api.remove(kind, key, uid);
           return removed ? Result<ObjectPtr>(ObjectPtr()) : Result<ObjectPtr>(removed);
         })
      .status();
}

Result<ObjectPtr> FaultyApi::replaceStatus(const Kind& kind, const ObjectKey& key, const std::string& resourceVersion,
                                           const Json& status) {
  return write([&] { return ports_.api.replaceStatus(kind, key, resourceVersion, status); });
}

Result<std::unique_ptr<WatchStream>> FaultyApi::watch(const Kind& kind, const std::string& resourceVersion,
                                                      std::function<void()> wake) {
  if (ports_.faults.strikes(17)) {
    return Status(Code::Expired, "that version is gone");
  }
  auto inner = ports_.api.watch(kind, resourceVersion, wake);
  if (!inner) {
    return inner.status();
  }
  return std::unique_ptr<WatchStream>(
      std::make_unique<Stream>(*this, Stream::Start{kind, resourceVersion}, *std::move(inner), std::move(wake)));
}

}  // namespace slipway::sim
