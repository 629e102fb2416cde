#include "reconciler/release/operations/operation_reconciler.h"

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "reconciler/base/strings.h"
#include "reconciler/release/operations/operation_steps.h"
#include "reconciler/release/operations/operation_verdict.h"
#include "reconciler/release/operations/stop_mark.h"
#include "reconciler/release/run_driver.h"
#include "reconciler/release/targets.h"
#include "reconciler/release/used_fences.h"

namespace slipway::release {
namespace {

constexpr Duration kLookTime = std::chrono::seconds(60);
constexpr Duration kPatience = std::chrono::seconds(60);  // with a lease that nobody may hold any more
constexpr int kFenceRefusals = 3;

}  // namespace

// What one process knows of an Operation beside its record. Shared with the steps under way.
struct OperationReconciler::Active {
  struct Message {
    std::string server;
    bool look = false;
    StepResult result;
    std::vector<std::string> facts;
  };
  std::string uid;
  std::mutex mutex;
  std::vector<Message> inbox;  // guarded by mutex
  // The rest only by the worker that holds the key.
  std::map<std::string, std::string> inFlight;  // by server: the id of what goes on there
  std::map<std::string, int> refusals;          // by server: for its fencing number
  std::map<ObjectKey, LeaseGrant> grants;
  std::string holder;
  std::uint64_t above = 0;
};

std::shared_ptr<OperationReconciler::Active> OperationReconciler::activeOf(const Operation& operation) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Active>& active = active_[operation.meta.key()];
  if (active == nullptr || active->uid != operation.meta.uid) {
    active = std::make_shared<Active>();
    active->uid = operation.meta.uid;
    active->holder = cat(ports_.holder, "/operation/", operation.meta.name);
  }
  return active;
}

void OperationReconciler::forget(const ObjectKey& key) {
  std::shared_ptr<Active> active;
  {
    const std::lock_guard lock(mutex_);
    const auto found = active_.find(key);
    if (found == active_.end()) {
      return;
    }
    active = found->second;
    active_.erase(found);
  }
  for (const auto& [server, operation] : active->inFlight) {
    ports_.provider.cancel(operation);
    ports_.servers.cancel(operation);
  }
  for (const auto& [lease, grant] : active->grants) {
    (void)ports_.leases.release(lease, active->holder);
  }
  ports_.log.remove(active->uid);
}

Result<Action> OperationReconciler::tidy(const Operation& operation) {
  const Result<WallTime> ended = parseTime(operation.status.finishedAt);
  const Duration left = ended ? operation.spec.ttl - (ports_.clock.wall() - *ended) : Duration(0);
  if (left > Duration(0)) {
    return Action{.requeueAfter = left + std::chrono::seconds(1)};
  }
  ports_.log.remove(operation.meta.uid);
  const Status removed = ports_.writer.remove(kOperation, operation.meta.key(), operation.meta.uid);
  return removed || removed.code() == Code::NotFound ? Result<Action>(Action{}) : removed;
}

// One reconciliation of one Operation that has not ended.
class OperationReconciler::Visit {
 public:
  Visit(OperationReconciler& owner, Operation operation)
      : ports_(owner.ports_),
        operation_(std::move(operation)),
        spec_(operation_.spec),
        status_(operation_.status),
        active_(owner.activeOf(operation_)) {}

  Result<Action> run() {
    Result<OperationScope> scope = scopeOf(ports_.reader, operation_);
    if (!scope) {
      return isFinal(scope.code()) ? end(scope.status()) : scope.status();
    }
    scope_ = std::move(*scope);
    if (status_.phase == OperationPhase::Pending) {
      if (const Status possible = checkOperation(spec_, scope_); !possible) {
        return end(possible);
      }
    }
    if (Status held = holdLeases(); !held) {
      return waitForLease(held);
    }
    if (status_.phase == OperationPhase::Pending) {
      SLIPWAY_RETURN_IF_ERROR(begin());
    }
    takeMessages();
    choose();
    if (settled()) {
      return end(Status::ok());
    }
    SLIPWAY_RETURN_IF_ERROR(save());
    startChosen();
    return Action{.requeueAfter = spec_.changes() ? kLease / 3 : Duration(std::chrono::minutes(1))};
  }

 private:
  std::string now() const { return formatTime(ports_.clock.wall()); }

  // --- leases --------------------------------------------------------------------------------------------------------

  // Taken, or kept: a step that takes long must not lose them.
  Status holdLeases() {
    if (!spec_.changes()) {
      return Status::ok();
    }
    if (active_->above == 0) {
      const ObjectKey release{operation_.meta.ns, spec_.release};
      active_->above = std::max(usedFences(ports_.reader, release), status_.fence);
    }
    std::set<std::string> destinations;
    for (const OperationTarget& target : scope_.targets) {
      destinations.insert(target.destination);
    }
    for (const std::string& destination : destinations) {
      const ObjectKey key = leaseKey(operation_.meta.ns, spec_.release, destination);
      const auto held = active_->grants.find(key);
      if (held != active_->grants.end() && held->second.fence > active_->above) {
        SLIPWAY_RETURN_IF_ERROR(ports_.leases.renew(key, active_->holder));
      } else {
        Result<LeaseGrant> grant =
            ports_.leases.acquire(key, {active_->holder, kLease, active_->above == 0 ? 0 : active_->above + 1});
        SLIPWAY_RETURN_IF_ERROR(grant.status());
        active_->grants[key] = *grant;
      }
      status_.fence = std::max(status_.fence, active_->grants[key].fence);
    }
    return Status::ok();
  }

  // A run may hold it by right, or somebody who crashed: that is seen when it does not change for its duration.
  Result<Action> waitForLease(const Status& why) {
    if (why.code() != Code::Conflict) {
      return why;
    }
    if (status_.phase == OperationPhase::Running) {
      active_->grants.clear();
      return end(why.withContext("another one has taken the servers over"));
    }
    const Result<WallTime> asked = parseTime(operation_.meta.creationTimestamp);
    if (asked && ports_.clock.wall() - *asked < kPatience) {
      return Action{.requeueAfter = std::chrono::seconds(2)};
    }
    return end(why);
  }

  void giveBack() {
    for (const auto& [lease, grant] : active_->grants) {
      (void)ports_.leases.release(lease, active_->holder);
    }
    active_->grants.clear();
  }

  // --- the record ----------------------------------------------------------------------------------------------------

  bool everywhere() const { return spec_.servers.empty(); }

  // The mark that its processes are stopped; empty: none.
  Status mark(const Json& value) {
    Json patch = Json::object();
    patch["metadata"]["annotations"][kStopped] = value;
    return ports_.writer.mergePatch(kRelease, scope_.release->meta.key(), patch).status();
  }

  Status begin() {
    if (spec_.action == OperationAction::Stop && everywhere() && scope_.run.has_value()) {
      SLIPWAY_RETURN_IF_ERROR(mark(stopMark(scope_.release->status.currentRun, spec_.requestedBy)));
    }
    status_.phase = OperationPhase::Running;
    status_.startedAt = now();
    status_.targets = scope_.targets;
    tell(EventType::Normal, "OperationStarted", asked());
    return Status::ok();
  }

  Status save() {
    judgeOperation(status_, operation_.meta.generation, ports_.clock.wall());
    if (status_ == operation_.status) {
      return Status::ok();
    }
    Result<ObjectPtr> written = ports_.status.replaceStatus(kOperation, operation_.meta.key(),
                                                            operation_.meta.resourceVersion, toJson(status_));
    SLIPWAY_RETURN_IF_ERROR(written.status());
    operation_.meta.resourceVersion = metaFromJson(**written).resourceVersion;
    operation_.status = status_;
    const std::lock_guard lock(active_->mutex);
    active_->inbox.erase(active_->inbox.begin(), active_->inbox.begin() + static_cast<std::ptrdiff_t>(taken_));
    taken_ = 0;
    return Status::ok();
  }

  void takeMessages() {
    std::vector<Active::Message> inbox;
    {
      const std::lock_guard lock(active_->mutex);
      inbox = active_->inbox;
    }
    taken_ = inbox.size();
    for (Active::Message& message : inbox) {
      const auto target = std::find_if(status_.targets.begin(), status_.targets.end(),
                                       [&](const OperationTarget& one) { return one.name == message.server; });
      active_->inFlight.erase(message.server);
      if (target == status_.targets.end() || target->state != OperationState::Running) {
        continue;
      }
      if (message.result.fenced && ++active_->refusals[message.server] <= kFenceRefusals) {
        active_->above = std::max(active_->above, message.result.observed.fence);  // asked again, with a higher one
        continue;
      }
      if (message.look && message.result.outcome == StepResult::Outcome::Done) {
        target->seen = true;
        target->release = message.result.observed.current;
        target->slot = message.result.observed.slot;
        continue;
      }
      takeResult(*target, message.result, now());
      takeFacts(*target, message.facts, status_.targets.size());
    }
  }

  bool failed() const {
    return std::any_of(status_.targets.begin(), status_.targets.end(), [](const OperationTarget& one) {
      return one.state == OperationState::Failed || one.state == OperationState::Unknown;
    });
  }

  // What begins next. In turn nothing follows a failure; at once everything is begun whatever comes of the rest.
  void choose() {
    const std::size_t width = operationWidth(spec_, scope_);
    const bool inTurn = width < status_.targets.size() &&
                        (spec_.action == OperationAction::Restart || spec_.action == OperationAction::Reload);
    auto running = static_cast<std::size_t>(
        std::count_if(status_.targets.begin(), status_.targets.end(),
                      [](const OperationTarget& one) { return one.state == OperationState::Running; }));
    for (OperationTarget& target : status_.targets) {
      if (target.state != OperationState::Pending || running >= width || (inTurn && failed())) {
        continue;
      }
      target.state = OperationState::Running;
      target.startedAt = now();
      target.operationId = cat(operation_.meta.uid, ".", lowerAscii(actionName(spec_.action)), ".", target.name, ".1");
      ++running;
    }
  }

  bool settled() const {
    return std::none_of(status_.targets.begin(), status_.targets.end(),
                        [](const OperationTarget& one) { return one.state == OperationState::Running; });
  }

  // --- what is done --------------------------------------------------------------------------------------------------

  void startChosen() {
    for (OperationTarget& target : status_.targets) {
      if (target.state == OperationState::Running && !active_->inFlight.contains(target.name)) {
        start(target);
      }
    }
  }

  void start(const OperationTarget& target) {
    const bool look = looksFirst(spec_) && !target.seen;
    Result<RemoteTarget> access = resolveAccess(ports_.reader, operation_.meta.ns, target.name, target.uid);
    if (!access) {
      put({target.name, look, StepResult::refused(access.status(), "access"), {}});
      return;
    }
    if (look) {
      startStep(target, std::move(*access), ObserveStep{}, kLookTime);
      return;
    }
    Result<OperationAct> act = actFor(spec_, scope_, target);
    if (!act) {
      put({target.name, look, StepResult::refused(act.status(), "request"), {}});
    } else if (auto* process = std::get_if<ProcessStep>(&act->action)) {
      startStep(target, std::move(*access), std::move(*process), act->time);
    } else {
      startOperation(target, std::move(*access), std::get<ServerOperation>(std::move(act->action)), act->time);
    }
  }

  template <typename Request>
  void fill(Request& request, const std::string& id, RemoteTarget access, Duration time) const {
    request.operationId = id;
    request.target = std::move(access);
    request.application = cat(operation_.meta.ns, "/", spec_.release.empty() ? operation_.meta.name : spec_.release);
    request.layout = scope_.spec.layout;
    request.fence = status_.fence;
    request.deadline = ports_.clock.steady() + time;
  }

  void startStep(const OperationTarget& target, RemoteTarget access, StepAction action, Duration time) {
    const bool look = std::holds_alternative<ObserveStep>(action);
    StepRequest request;
    fill(request, look ? cat(target.operationId, ".look") : target.operationId, std::move(access), time);
    request.action = std::move(action);
    active_->inFlight[target.name] = request.operationId;
    StepEvents events;
    events.progress = [](const StepRequest&, const std::string&) {};
    events.output = [&log = ports_.log, uid = operation_.meta.uid](const StepRequest& one, std::string_view text) {
      log.append(uid, one.target.name, text);
    };
    events.done = [tell = teller(), look](const StepRequest& one, StepResult result) {
      tell({one.target.name, look, std::move(result), {}});
    };
    ports_.provider.start({std::move(request)}, std::move(events));
  }

  void startOperation(const OperationTarget& target, RemoteTarget access, ServerOperation operation, Duration time) {
    fill(operation, target.operationId, std::move(access), time);
    active_->inFlight[target.name] = operation.operationId;
    ServerOperationEvents events;
    events.output = [&log = ports_.log, uid = operation_.meta.uid, server = target.name](std::string_view text) {
      log.append(uid, server, text);
    };
    events.done = [tell = teller(), server = target.name](StepResult result, std::vector<std::string> facts) {
      tell({server, false, std::move(result), std::move(facts)});
    };
    ports_.servers.start(std::move(operation), std::move(events));
  }

  // Puts news into the inbox; may be called after this visit, on any thread.
  std::function<void(Active::Message)> teller() const {
    return [active = active_, wake = ports_.wake, key = operation_.meta.key()](Active::Message message) {
      {
        const std::lock_guard lock(active->mutex);
        active->inbox.push_back(std::move(message));
      }
      wake(key);
    };
  }
  void put(Active::Message message) const { teller()(std::move(message)); }

  // --- the end -------------------------------------------------------------------------------------------------------

  // `why`: it cannot be begun, or not gone on with.
  Result<Action> end(const Status& why) {
    const bool begun = status_.phase == OperationPhase::Running;
    concludeOperation(status_, spec_, why, now());
    const bool succeeded = status_.phase == OperationPhase::Succeeded;
    if (succeeded && spec_.action == OperationAction::Start && everywhere()) {
      SLIPWAY_RETURN_IF_ERROR(mark(Json()));
    }
    SLIPWAY_RETURN_IF_ERROR(save());
    giveBack();
    const std::string outcome(operationPhaseName(status_.phase));
    ports_.metrics.add("slipway_operations_total",
                       {{"action", std::string(actionName(spec_.action))}, {"outcome", outcome}});
    if (begun || !succeeded) {
      tell(succeeded ? EventType::Normal : EventType::Warning, cat("Operation", outcome),
           cat(asked(), ": ", status_.message));
    }
    return Action{.requeueAfter = spec_.ttl + std::chrono::seconds(1)};
  }

  std::string asked() const {
    return cat(lowerAscii(actionName(spec_.action)), spec_.servers.empty() ? "" : " on ", join(spec_.servers, ", "),
               spec_.requestedBy.empty() ? "" : cat(", asked for by ", spec_.requestedBy));
  }

  // Of the release where there is one: that is where people look. Views are no news.
  void tell(EventType type, const std::string& reason, const std::string& message) const {
    if (spec_.changes()) {
      ports_.events.record(
          scope_.release.has_value() ? refTo(kRelease, scope_.release->meta) : refTo(kOperation, operation_.meta), type,
          reason, message);
    }
  }

  const Ports& ports_;
  Operation operation_;
  const OperationSpec spec_;
  OperationStatus status_;
  const std::shared_ptr<Active> active_;
  OperationScope scope_;
  std::size_t taken_ = 0;
};

Result<Action> OperationReconciler::reconcile(const ObjectKey& key) {
  Result<ObjectPtr> object = ports_.reader.get(kOperation, key);
  if (!object && object.code() == Code::NotFound) {
    forget(key);
    return Action{};
  }
  SLIPWAY_RETURN_IF_ERROR(object.status());
  Result<Operation> operation = operationFromJson(**object);
  SLIPWAY_RETURN_IF_ERROR(operation.status());
  if (operation->meta.deleting()) {
    forget(key);
    return Action{};
  }
  return hasEnded(operation->status.phase) ? tidy(*operation) : Visit(*this, std::move(*operation)).run();
}

}  // namespace slipway::release
