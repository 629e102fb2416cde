#include "cmd/slipwayd/operations.h"

#include <mutex>

#include "reconciler/release/operations/operation_reconciler.h"
#include "reconciler/runtime/controller.h"
#include "reconciler/runtime/event_recorder.h"
#include "reconciler/runtime/informer.h"
#include "reconciler/runtime/lease_lock.h"

namespace slipway::daemon {
namespace {

constexpr int kWorkers = 2;

// The way into the queue for steps that come back after it is gone.
struct Door {
  std::mutex mutex;
  runtime::WorkQueue* queue = nullptr;

  void add(const ObjectKey& key) {
    const std::lock_guard lock(mutex);
    if (queue != nullptr) {
      queue->add(key);
    }
  }
  void lead(runtime::WorkQueue* to) {
    const std::lock_guard lock(mutex);
    queue = to;
  }
};

}  // namespace

class Operations::State {
 public:
  State(const ControllerPorts& ports, ServerOperator& servers)
      : ports_(ports),
        events_({}, {ports.writer, ports.clock, ports.random, ports.log, ports.metrics}),
        leases_(ports.reader, ports.writer, ports.clock, ports.log),
        operations_({ports.reader, ports.writer, ports.status, ports.provider, servers, leases_, ports.runLog, events_,
                     ports.metrics, ports.clock, ports.log, ports.holder,
                     [door = door_](const ObjectKey& key) { door->add(key); }}),
        loop_({.name = "operation", .workers = kWorkers}, operations_,
              {ports.clock, ports.random, ports.log, ports.metrics}),
        informer_(kOperation, {ports.reader, ports.watches, ports.clock, ports.log, ports.metrics}) {
    door_->lead(&loop_.queue());
    informer_.onChange(runtime::enqueueSelf([this](const ObjectKey& key) { loop_.queue().add(key); }, true));
  }
  ~State() { door_->lead(nullptr); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void start() {
    events_.start();
    informer_.start();
    loop_.start();
  }
  void stop() {
    informer_.stop();
    loop_.stop();
    events_.stop();
  }

 private:
  ControllerPorts ports_;
  const std::shared_ptr<Door> door_ = std::make_shared<Door>();
  runtime::EventRecorder events_;
  runtime::LeaseLock leases_;
  release::OperationReconciler operations_;
  runtime::Controller loop_;
  runtime::Informer informer_;
};

Operations::Operations(const ControllerPorts& ports, ServerOperator& servers)
    : state_(std::make_unique<State>(ports, servers)) {}
Operations::~Operations() = default;
void Operations::start() { state_->start(); }
void Operations::stop() { state_->stop(); }

}  // namespace slipway::daemon
