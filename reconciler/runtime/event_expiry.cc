#include "reconciler/runtime/event_expiry.h"

#include <array>
#include <string_view>

#include "reconciler/runtime/informer.h"

namespace slipway::runtime {
namespace {

// Where recorders of any version leave the time of the last repetition, best first.
std::string lastTime(const Json& event) {
  if (const Json* series = event.find("series")) {
    if (std::string time = series->getString("lastObservedTime"); !time.empty()) return time;
  }
  for (const std::string_view field : std::array{"lastTimestamp", "eventTime", "firstTimestamp"}) {
    if (std::string time = event.getString(field); !time.empty()) return time;
  }
  const Json* meta = event.find("metadata");
  return meta == nullptr ? std::string() : meta->getString("creationTimestamp");
}

}  // namespace

bool EventExpiry::expired(const Json& event) const {
  const auto time = parseTime(lastTime(event));
  // Without a time it would stay for ever.
  return !time || *time + options_.keep < clock_.wall();
}

Result<Action> EventExpiry::reconcile(const ObjectKey&) {
  const auto events = reader_.list(kEvent, "");
  if (!events) return events.status();
  std::size_t removed = 0;
  for (const auto& event : events->items) {
    if (!expired(*event)) continue;
    if (removed == options_.perTurn) return Action{.requeueAfter = std::chrono::milliseconds(100)};
    const Json* uid = event->at({"metadata", "uid"});
    const Status gone = writer_.remove(kEvent, keyOf(*event), uid != nullptr && uid->isString() ? uid->asString() : "");
    // Changed or deleted meanwhile: not ours to judge before the next turn.
    if (!gone && gone.code() != Code::NotFound && gone.code() != Code::Conflict) return gone;
    ++removed;
  }
  return Action{.requeueAfter = options_.interval};
}

}  // namespace slipway::runtime
