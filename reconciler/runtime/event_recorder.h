#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

#include "reconciler/base/clock.h"
#include "reconciler/base/log.h"
#include "reconciler/base/random.h"
#include "reconciler/ports/events.h"
#include "reconciler/ports/metrics.h"
#include "reconciler/ports/objects.h"
#include "reconciler/runtime/thread.h"

namespace slipway::runtime {

struct EventRecorderOptions {
  std::string component = "slipway";
  std::size_t maxQueued = 1000;      // more are dropped and counted
  std::size_t maxRemembered = 4096;  // events that a repetition is added to
  std::size_t maxMessage = 1024;     // bytes; Kubernetes' limit
};

struct EventRecorderContext {
  ApiWriter& writer;
  Clock& clock;
  Random& random;
  Logger& log;
  Metrics& metrics;
};

// Writes core/v1 Events on a thread of its own. The same event of the same object again becomes a higher count of the
// first one. What cannot be written is dropped and counted: events are told, not promised.
class EventRecorder final : public EventSink {
 public:
  EventRecorder(EventRecorderOptions options, EventRecorderContext context);
  // Drops what is queued.
  ~EventRecorder() override;

  void record(const ObjectRef& about, EventType type, const std::string& reason, const std::string& message) override;

  // Writes one queued event. False when there is none.
  bool step();
  void start();
  // Writes what is queued, then ends the thread.
  void stop();

 private:
  struct Pending {
    ObjectRef about;
    EventType type;
    std::string reason;
    std::string message;
    WallTime when;
    std::int64_t times = 1;
  };
  // What makes two events the same one.
  using Identity = std::tuple<std::string, std::string, std::string, std::string, std::string, int>;
  struct Written {
    ObjectKey event;
    std::int64_t count = 0;
    std::list<Identity>::iterator age;
  };

  static Identity identityOf(const Pending& pending);
  std::string clipped(const std::string& message) const;
  Status write(const Pending& pending);
  Status create(const Pending& pending);
  Status repeat(const Pending& pending, Written& written);
  void remember(const Pending& pending, const ObjectKey& event);
  void run(const std::stop_token& stop);

  const EventRecorderOptions options_;
  const EventRecorderContext context_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Pending> queue_;
  // Only the writing thread.
  std::map<Identity, Written> written_;
  std::list<Identity> ages_;  // oldest first
  Thread thread_;
};

}  // namespace slipway::runtime
