#include "reconciler/runtime/event_recorder.h"

#include <algorithm>
#include <condition_variable>
#include <utility>

#include "reconciler/base/strings.h"

namespace slipway::runtime {
namespace {

std::string_view typeName(EventType type) { return type == EventType::Normal ? "Normal" : "Warning"; }

Json involvedObject(const ObjectRef& about, const std::string& ns) {
  Json out = Json::object({{"apiVersion", about.apiVersion}, {"kind", about.kind}});
  // The registry insists on the event's own namespace, also for cluster-scoped objects in "default".
  if (!about.ns.empty()) out["namespace"] = ns;
  out["name"] = about.name;
  if (!about.uid.empty()) out["uid"] = about.uid;
  if (!about.resourceVersion.empty()) out["resourceVersion"] = about.resourceVersion;
  return out;
}

}  // namespace

EventRecorder::EventRecorder(EventRecorderOptions options, EventRecorderContext context)
    : options_(std::move(options)), context_(context) {}

EventRecorder::~EventRecorder() {
  {
    const std::lock_guard lock(mutex_);
    queue_.clear();
  }
  stop();
}

EventRecorder::Identity EventRecorder::identityOf(const Pending& pending) {
  return {pending.about.kind, cat(pending.about.ns, "/", pending.about.name),
          pending.about.uid,  pending.reason,
          pending.message,    static_cast<int>(pending.type)};
}

std::string EventRecorder::clipped(const std::string& message) const {
  if (message.size() <= options_.maxMessage) return message;
  std::size_t end = options_.maxMessage - 3;
  while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xc0U) == 0x80U) --end;  // not inside a character
  return message.substr(0, end) + "...";
}

void EventRecorder::record(const ObjectRef& about, EventType type, const std::string& reason,
                           const std::string& message) {
  Pending pending{about, type, reason, clipped(message), context_.clock.wall()};
  bool full = false;
  {
    const std::lock_guard lock(mutex_);
    // A burst of one event needs one place.
    if (!queue_.empty() && identityOf(queue_.back()) == identityOf(pending)) {
      ++queue_.back().times;
      queue_.back().when = pending.when;
      return;
    }
    full = queue_.size() >= options_.maxQueued;
    if (!full) queue_.push_back(std::move(pending));
  }
  if (full) {
    context_.metrics.add("slipway_events_dropped_total", {{"reason", "full"}});
    return;
  }
  changed_.notify_one();
}

bool EventRecorder::step() {
  Pending pending;
  {
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) return false;
    pending = std::move(queue_.front());
    queue_.pop_front();
  }
  const Status done = write(pending);
  if (done) {
    context_.metrics.add("slipway_events_recorded_total", {{"type", std::string(typeName(pending.type))}});
    return true;
  }
  context_.metrics.add("slipway_events_dropped_total", {{"reason", "failed"}});
  context_.log.debug("an event was not written", {{"about", cat(pending.about.kind, " ", pending.about.name)},
                                                  {"reason", pending.reason},
                                                  {"error", done.toString()}});
  return true;
}

Status EventRecorder::write(const Pending& pending) {
  const auto it = written_.find(identityOf(pending));
  if (it != written_.end()) {
    const Status done = repeat(pending, it->second);
    if (done.code() != Code::NotFound) return done;
    // The first one was cleaned up meanwhile.
    ages_.erase(it->second.age);
    written_.erase(it);
  }
  return create(pending);
}

Status EventRecorder::create(const Pending& pending) {
  const std::string ns = pending.about.ns.empty() ? "default" : pending.about.ns;
  const std::string time = formatTime(pending.when);
  const ObjectKey key{ns, cat(pending.about.name.substr(0, 230), ".", newNameSuffix(context_.random, 16))};
  Json event = Json::object({{"apiVersion", kEvent.apiVersion()}, {"kind", kEvent.kind}});
  event["metadata"] = Json::object({{"name", key.name}, {"namespace", key.ns}});
  event["involvedObject"] = involvedObject(pending.about, ns);
  event["reason"] = pending.reason;
  event["message"] = pending.message;
  event["source"] = Json::object({{"component", options_.component}});
  event["reportingComponent"] = options_.component;
  event["reportingInstance"] = options_.component;
  event["firstTimestamp"] = time;
  event["lastTimestamp"] = time;
  event["count"] = pending.times;
  event["type"] = typeName(pending.type);
  const auto made = context_.writer.create(kEvent, event);
  if (made) remember(pending, key);
  return made.status();
}

void EventRecorder::remember(const Pending& pending, const ObjectKey& event) {
  if (written_.size() >= options_.maxRemembered) {
    written_.erase(ages_.front());
    ages_.pop_front();
  }
  const Identity identity = identityOf(pending);
  written_[identity] = {event, pending.times, ages_.insert(ages_.end(), identity)};
}

Status EventRecorder::repeat(const Pending& pending, Written& written) {
  const std::int64_t count = written.count + pending.times;
  const auto patched = context_.writer.mergePatch(
      kEvent, written.event, Json::object({{"count", count}, {"lastTimestamp", formatTime(pending.when)}}));
  if (!patched) return patched.status();
  written.count = count;
  ages_.splice(ages_.end(), ages_, written.age);
  return {};
}

void EventRecorder::run(const std::stop_token& stop) {
  while (true) {
    while (step()) {
    }
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stop, [this] { return !queue_.empty(); })) return;
  }
}

void EventRecorder::start() {
  thread_ = Thread([this](const std::stop_token& stop) { run(stop); });
}

void EventRecorder::stop() { thread_.stop(); }

}  // namespace slipway::runtime
