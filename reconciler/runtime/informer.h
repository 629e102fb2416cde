#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "reconciler/base/clock.h"
#include "reconciler/base/log.h"
#include "reconciler/ports/metrics.h"
#include "reconciler/ports/objects.h"
#include "reconciler/runtime/thread.h"

namespace slipway::runtime {

// What an informer works on.
struct InformerContext {
  const ApiReader& reader;
  WatchSource& watches;
  Clock& clock;
  Logger& log;
  Metrics& metrics;
};

// Keeps a copy of all objects of one kind: lists, then follows the watch; lists again when the watch expired, and tells
// what was missed. It alone writes its cache. One thread, or the caller of step(), runs it; the rest is thread-safe.
class Informer {
 public:
  // One of them is null for an object that appeared or went. Called on the informer's thread when the cache already has
  // the change; may only add keys to queues.
  using Handler = std::function<void(const ObjectPtr& before, const ObjectPtr& after)>;

  Informer(const Kind& kind, InformerContext context);
  ~Informer();
  Informer(const Informer&) = delete;
  Informer& operator=(const Informer&) = delete;

  // Before start() or the first step().
  void onChange(Handler handler);

  // Applies what is waiting: a list or some events. False when nothing was to be done.
  bool step();
  void start();
  void stop();

  // The first list is in the cache and the handlers know of it.
  bool hasSynced() const;
  // Blocks until then; false when stopped before.
  bool waitSynced(const std::stop_token& stop) const;

  const Kind& kind() const { return kind_; }
  // Null when there is none.
  ObjectPtr find(const ObjectKey& key) const;
  ObjectList list(const std::string& ns) const;

 private:
  struct Signal;
  using Cache = std::map<ObjectKey, ObjectPtr>;

  bool relist();
  void adopt(const ObjectList& list);
  void merge(const ObjectPtr& object);
  void drop(const ObjectPtr& object);
  bool openWatch();
  bool drain();
  void apply(const WatchEvent& event);
  // Writes the cache (null: erase), then calls the handlers.
  void change(const ObjectKey& key, const ObjectPtr& before, const ObjectPtr& after);
  // Lists again, at once or after a pause. True when step() may go on.
  bool expired(const Status& why);
  // Nothing more happens before a pause is over. False, for step().
  bool postpone(const Status& why);

  const Kind kind_;
  const InformerContext context_;
  const std::shared_ptr<Signal> signal_;
  std::vector<Handler> handlers_;

  // Only the running thread.
  std::unique_ptr<WatchStream> stream_;
  bool listed_ = false;
  int failures_ = 0;
  int staleLists_ = 0;

  mutable std::shared_mutex mutex_;
  Cache cache_;
  std::string version_;  // everything up to it is in the cache

  Thread thread_;
};

// A handler that adds the object's own key to something: `[&queue](auto& key) { queue.add(key); }`. Status-only changes
// are left out when `specOnly`: what counts then is a new generation, deletion, labels, annotations or finalizers.
Informer::Handler enqueueSelf(std::function<void(const ObjectKey&)> add, bool specOnly = false);

// Compares resource versions of one API server. Decimal numbers of any length; "" is before all.
bool newerVersion(const std::string& one, const std::string& other);

ObjectKey keyOf(const Json& object);

}  // namespace slipway::runtime
