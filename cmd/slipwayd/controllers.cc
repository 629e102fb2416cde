#include "cmd/slipwayd/controllers.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include <unistd.h>

#include "reconciler/base/strings.h"
#include "reconciler/fleet/destination_reconciler.h"
#include "reconciler/fleet/server_reconciler.h"
#include "reconciler/release/release_reconciler.h"
#include "reconciler/release/targets.h"
#include "reconciler/runtime/controller.h"
#include "reconciler/runtime/event_recorder.h"
#include "reconciler/runtime/informer.h"
#include "reconciler/runtime/lease_lock.h"

namespace slipway::daemon {
namespace {

// What a probe writes is no news to those who read the spec.
bool sameButStatus(const Json& before, const Json& after) {
  const ObjectMeta one = metaFromJson(before);
  const ObjectMeta other = metaFromJson(after);
  return one.uid == other.uid && one.generation == other.generation && one.labels == other.labels &&
         one.deletionTimestamp == other.deletionTimestamp;
}

std::string reachability(const Json& server) {
  const std::vector<Condition> conditions = conditionsFromJson(server.at({"status", "conditions"}));
  const Condition* reachable = findCondition(conditions, "Reachable");
  return reachable == nullptr ? "" : reachable->status;
}

// The way into a queue for timers and steps, which may come back after the queue is gone.
class QueueDoor {
 public:
  void open(runtime::WorkQueue& queue) {
    const std::lock_guard lock(mutex_);
    queue_ = &queue;
  }
  void close() {
    const std::lock_guard lock(mutex_);
    queue_ = nullptr;
  }
  void add(const ObjectKey& key) {
    const std::lock_guard lock(mutex_);
    if (queue_ != nullptr) {
      queue_->add(key);
    }
  }

 private:
  std::mutex mutex_;
  runtime::WorkQueue* queue_ = nullptr;
};

}  // namespace

class Controllers::State {
 public:
  State(const ControllerPorts& ports, int workers)
      : ports_(ports),
        events_({}, {ports.writer, ports.clock, ports.random, ports.log, ports.metrics}),
        leases_(ports.reader, ports.writer, ports.clock, ports.log),
        releases_(services()),
        probe_({ports.runner, ports.clock, ports.metrics,
                [this](const ObjectMeta& server) {
                  return release::resolveAccess(ports_.reader, server.ns, server.name, server.uid);
                },
                [this](const ObjectKey& key) { serverLoop_.queue().add(key); }}),
        servers_({ports.reader, ports.status, events_, ports.metrics, ports.clock}, probe_),
        destinations_(ports.reader, ports.status, events_, ports.clock),
        releaseLoop_({.name = "release", .workers = workers}, releases_, context()),
        serverLoop_({.name = "server", .workers = 1}, servers_, context()),
        destinationLoop_({.name = "destination", .workers = 1}, destinations_, context()) {
    door_->open(releaseLoop_.queue());
    watch(kRelease).onChange(
        runtime::enqueueSelf([this](const ObjectKey& key) { releaseLoop_.queue().add(key); }, true));
    watch(kReleaseRun).onChange([this](const ObjectPtr& before, const ObjectPtr& after) {
      wakeOwner(before, after);
      wakePlaces(before, after);
    });
    watch(kServer).onChange([this](const ObjectPtr& before, const ObjectPtr& after) {
      const ObjectPtr& object = after != nullptr ? after : before;
      const bool onlyStatus = before != nullptr && after != nullptr && sameButStatus(*before, *after);
      if (!onlyStatus || reachability(*before) != reachability(*after)) {
        wakeAll(kDestination, destinationLoop_.queue(), runtime::keyOf(*object).ns);
      }
      if (!onlyStatus) {
        serverLoop_.queue().add(runtime::keyOf(*object));
        wakeAll(kRelease, releaseLoop_.queue(), runtime::keyOf(*object).ns);
      }
    });
    watch(kDestination).onChange([this](const ObjectPtr& before, const ObjectPtr& after) {
      const ObjectPtr& object = after != nullptr ? after : before;
      destinationLoop_.queue().add(runtime::keyOf(*object));
      if (before == nullptr || after == nullptr || !sameButStatus(*before, *after)) {
        wakeAll(kRelease, releaseLoop_.queue(), runtime::keyOf(*object).ns);
      }
    });
    watch(kAnalysisTemplate).onChange([this](const ObjectPtr& before, const ObjectPtr& after) {
      wakeAll(kRelease, releaseLoop_.queue(), runtime::keyOf(after != nullptr ? *after : *before).ns);
    });
    watch(kSecret).onChange([this](const ObjectPtr& before, const ObjectPtr& after) {
      const std::string ns = runtime::keyOf(after != nullptr ? *after : *before).ns;
      wakeAll(kServer, serverLoop_.queue(), ns);
      wakeAll(kRelease, releaseLoop_.queue(), ns);
    });
  }

  ~State() { door_->close(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  std::vector<Loop> loops() {
    std::vector<Loop> out;
    for (const auto& informer : informers_) {
      out.push_back({cat("informer ", informer->kind().plural), [one = informer.get()] { return one->step(); }});
    }
    out.push_back({"releases", [this] { return releaseLoop_.step(); }});
    out.push_back({"servers", [this] { return serverLoop_.step(); }});
    out.push_back({"destinations", [this] { return destinationLoop_.step(); }});
    out.push_back({"events", [this] { return events_.step(); }});
    return out;
  }

  void start() {
    events_.start();
    for (auto& informer : informers_) {
      informer->start();
    }
    releaseLoop_.start();
    serverLoop_.start();
    destinationLoop_.start();
  }

  void stop() {
    for (auto& informer : informers_) {
      informer->stop();
    }
    releaseLoop_.stop();
    serverLoop_.stop();
    destinationLoop_.stop();
    events_.stop();
  }

 private:
  runtime::ControllerContext context() const { return {ports_.clock, ports_.random, ports_.log, ports_.metrics}; }

  release::Services services() {
    return {ports_.reader,   ports_.writer,  ports_.status,
            ports_.provider, ports_.http,    ports_.source,
            leases_,         ports_.pool,    ports_.runLog,
            events_,         ports_.metrics, ports_.clock,
            ports_.log,      ports_.holder,  [door = door_](const ObjectKey& key) { door->add(key); },
            ports_.traffic,  ports_.analyst, ports_.outbound};
  }

  runtime::Informer& watch(const Kind& kind) {
    informers_.push_back(std::make_unique<runtime::Informer>(
        kind, runtime::InformerContext{ports_.reader, ports_.watches, ports_.clock, ports_.log, ports_.metrics}));
    return *informers_.back();
  }

  // A run that a person deleted or edited is its release's business. Our own status writes are not news.
  void wakeOwner(const ObjectPtr& before, const ObjectPtr& after) {
    const ObjectPtr& object = after != nullptr ? after : before;
    const Json* release = object->at({"spec", "releaseRef", "name"});
    if (after == nullptr && release != nullptr && release->isString()) {
      releaseLoop_.queue().add({runtime::keyOf(*object).ns, release->asString()});
    }
  }

  // A destination says which runs work there: a run that begins or ends is its news.
  void wakePlaces(const ObjectPtr& before, const ObjectPtr& after) {
    const ObjectPtr& object = after != nullptr ? after : before;
    const Json* named = object->at({"spec", "template", "destinations"});
    if (named == nullptr || !named->isArray()) {
      return;
    }
    for (const Json& each : named->asArray()) {
      const Json* name = each.at({"name"});
      if (name == nullptr || !name->isString()) {
        continue;
      }
      const bool was = before != nullptr && fleet::isOpenOn(*before, name->asString());
      const bool is = after != nullptr && fleet::isOpenOn(*after, name->asString());
      if (was != is) {
        destinationLoop_.queue().add({runtime::keyOf(*object).ns, name->asString()});
      }
    }
  }

  void wakeAll(const Kind& kind, runtime::WorkQueue& queue, const std::string& ns) {
    Result<ObjectList> objects = ports_.reader.list(kind, ns);
    if (!objects) {
      return;
    }
    for (const ObjectPtr& object : objects->items) {
      queue.add(runtime::keyOf(*object));
    }
  }

  ControllerPorts ports_;
  const std::shared_ptr<QueueDoor> door_ = std::make_shared<QueueDoor>();
  runtime::EventRecorder events_;
  runtime::LeaseLock leases_;
  release::ReleaseReconciler releases_;
  fleet::ServerProbe probe_;
  fleet::ServerReconciler servers_;
  fleet::DestinationReconciler destinations_;
  runtime::Controller releaseLoop_;
  runtime::Controller serverLoop_;
  runtime::Controller destinationLoop_;
  std::vector<std::unique_ptr<runtime::Informer>> informers_;
};

Controllers::Controllers(const ControllerPorts& ports, int workers) : state_(std::make_unique<State>(ports, workers)) {}
Controllers::~Controllers() = default;
std::vector<Controllers::Loop> Controllers::loops() { return state_->loops(); }
void Controllers::start() { state_->start(); }
void Controllers::stop() { state_->stop(); }

}  // namespace slipway::daemon
