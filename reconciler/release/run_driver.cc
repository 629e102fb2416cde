#include "reconciler/release/run_driver.h"

#include <algorithm>
#include <array>
#include <set>

#include "reconciler/api/destination.h"
#include "reconciler/base/strings.h"
#include "reconciler/planner/cluster/cluster_pass.h"
#include "reconciler/planner/step_rules.h"
#include "reconciler/release/step_records.h"
#include "reconciler/release/summary.h"
#include "reconciler/release/targets.h"
#include "reconciler/release/used_fences.h"

namespace slipway::release {
namespace {

constexpr Duration kLockPoll = std::chrono::seconds(15);  // a changed Destination wakes us earlier
constexpr int kFetchTries = 6;

bool isTransient(Code code) { return code == Code::Unavailable || code == Code::Timeout; }

}  // namespace

ObjectKey leaseKey(const std::string& ns, const std::string& release, const std::string& destination) {
  return {ns, cat("slipway-", destination, "-", release)};
}

RunDriver::RunDriver(Services& services, StepLauncher& launcher, Subject subject)
    : services_(services),
      launcher_(launcher),
      release_(subject.release),
      run_(subject.run),
      active_(subject.active),
      before_(std::move(subject.durable)) {}

Result<Action> RunDriver::drive() {
  takeMessages();
  const bool undecided = run_.status.decisions.abort.empty() || !run_.status.decisions.commit.empty();
  if (undecided) {
    Result<Action> ready = begin();
    if (!ready || ready->requeueAfter.has_value() || isTerminal(run_.status.phase)) {
      Status saved = save();
      return saved ? ready : Result<Action>(saved);
    }
  }
  return advance();
}

void RunDriver::takeMessages() {
  const std::vector<Message> messages = active_.mailbox->peek();
  taken_ = messages.size();
  for (const Message& message : messages) {
    takeMeasured(message);
    takeRoles(message);
    for (std::size_t i = 0; i < run_.status.targets.size(); ++i) {
      RunTarget& target = run_.status.targets[i];
      for (StepKind kind : kStepKinds) {
        const StepRecord* record = target.step(kind);
        if (record != nullptr && record->operationId == message.operationId) {
          takeResult(target, i, kind, message);
        }
      }
    }
    if (run_.status.traffic.record.operationId == message.operationId) {
      takeTraffic(message);
    }
    takeHook(message);
    if (message.result.has_value()) {
      active_.inFlight.erase(message.operationId);
      active_.aborting.erase(message.operationId);
    }
  }
  measureSkew();
}

void RunDriver::takeResult(RunTarget& target, std::size_t index, StepKind kind, const Message& message) {
  if (!message.result.has_value()) {
    applyProgress(target, kind, message.operationId, message.phase);
    return;
  }
  const StepResult& result = *message.result;
  if (takeFenceRefusal(target, target.steps[kind], result)) {
    return;
  }
  if (!applyResult(target, kind, message.operationId, result, services_.clock.wall())) {
    return;
  }
  const StepRecord& record = target.steps[kind];
  services_.metrics.observe("slipway_step_duration_seconds",
                            {{"step", std::string(stepName(kind))}, {"outcome", std::string(stateName(record.state))}},
                            std::chrono::duration<double>(result.duration).count());
  takeAnswer({index, kind}, result);
  if (result.outcome == StepResult::Outcome::Done) {
    if (kind == StepKind::Check && run_.spec.spec.slots.has_value()) {
      target.slot = otherSlot(target.slotBefore);
    }
    if (kind == StepKind::Switch && !result.alreadyDone && result.effectAt != SteadyTime{}) {
      active_.flippedAt[target.name] = result.effectAt;
    }
    return;
  }
  if (result.phase == "gone") {
    target.gone = true;
    return;
  }
  if (planner::nextTry(kind, record, run_.spec.spec) != planner::NextTry::No) {
    active_.notBefore[{index, kind}] =
        services_.clock.steady() + planner::retryDelay(kind, record.tries, run_.spec.spec.health);
  }
}

std::optional<std::string> RunDriver::destinationLock() const {
  for (const DestinationRef& ref : run_.spec.spec.destinations) {
    Result<ObjectPtr> object = services_.reader.get(kDestination, {run_.meta.ns, ref.name});
    if (!object) {
      continue;
    }
    Result<Destination> destination = destinationFromJson(**object);
    if (destination && destination->spec.lock.has_value()) {
      const DestinationLock& lock = *destination->spec.lock;
      return cat("Destination '", ref.name, "' is locked", lock.by.empty() ? "" : cat(" by ", lock.by), ": ",
                 lock.message);
    }
  }
  return std::nullopt;
}

Result<Action> RunDriver::begin() {
  if (run_.status.startedAt.empty()) {
    run_.status.startedAt = formatTime(services_.clock.wall());
    run_.status.observedGeneration = run_.meta.generation;
  }
  if (run_.status.phase == RunPhase::Pending) {
    if (std::optional<std::string> lock = destinationLock()) {
      SLIPWAY_RETURN_IF_ERROR(enter(RunPhase::Pending, "DestinationLocked", *lock));
      return Action{kLockPoll};
    }
  }
  if (Status held = holdLeases(); !held) {
    if (held.code() != Code::Conflict || run_.status.phase != RunPhase::Pending) {
      return held;
    }
    SLIPWAY_RETURN_IF_ERROR(enter(RunPhase::Pending, "WaitingForLease", held.message()));
    return Action{kLockPoll};
  }
  Result<bool> have = haveArtifact();
  if (!have && !isTransient(have.code())) {
    run_.status.decisions.sourceFailed = have.status().message();
    return Action{};
  }
  SLIPWAY_RETURN_IF_ERROR(have.status());
  return *have ? Action{} : Action{leaseCheck()};
}

Status RunDriver::holdLeases() {
  std::set<std::string> destinations;
  for (const RunTarget& target : run_.status.targets) {
    destinations.insert(target.destination);
  }
  const bool renew = services_.clock.steady() - active_.renewedAt >= leaseCheck();
  for (const std::string& destination : destinations) {
    SLIPWAY_RETURN_IF_ERROR(holdLease(destination, renew));
  }
  if (renew) {
    active_.renewedAt = services_.clock.steady();
  }
  return Status::ok();
}

Status RunDriver::holdLease(const std::string& destination, bool renew) {
  const ObjectKey key = leaseKey(run_.meta.ns, run_.spec.release, destination);
  const std::string holder = cat(services_.holder, "/", run_.meta.name);
  const auto seen = active_.seenFences.find(destination);
  const std::uint64_t above = seen == active_.seenFences.end() ? 0 : seen->second + 1;
  // A record with a higher number than ours: whoever wrote it has the lease now, or had it before us.
  const std::uint64_t needed = std::max(above, before_.fence);
  const auto held = active_.grants.find(destination);
  const bool enough = held != active_.grants.end() && held->second.fence >= needed;
  if (enough) {  // also when it was granted in a visit whose record did not become durable
    run_.status.fence = std::max(run_.status.fence, held->second.fence);
  }
  if (enough && !renew) {
    return Status::ok();
  }
  if (enough) {
    Status renewed = services_.leases.renew(key, holder);
    if (!renewed) {
      active_.grants.erase(held);
    }
    return renewed;
  }
  const std::uint64_t others =
      held == active_.grants.end() ? usedFences(services_.reader, {run_.meta.ns, run_.spec.release}, run_.meta.uid) : 0;
  const std::uint64_t known = others == 0 ? 0 : others + 1;
  Result<LeaseGrant> grant = services_.leases.acquire(key, {holder, kLease, std::max(known, needed)});
  if (!grant) {
    active_.grants.erase(destination);
    return grant.status();
  }
  active_.grants[destination] = *grant;
  run_.status.fence = std::max(run_.status.fence, grant->fence);
  return Status::ok();
}

// A server has seen a higher number than ours: another controller has taken over, or the lease was deleted and made
// again with a lower one. Which of the two it is the lease says, when it is asked for a higher number. The step did not
// happen and stays as it is: it is started again with what was granted. A switch is tried again as any other, with the
// rest of its wave.
bool RunDriver::takeFenceRefusal(const RunTarget& target, const StepRecord& record, const StepResult& result) {
  constexpr int kRefusals = 3;  // of one step; a server that always asks for more is in the wrong
  if (!result.fenced || result.observed.fence >= kHighestFence ||
      ++active_.fenceRefusals[record.operationId] > kRefusals) {
    return false;
  }
  std::uint64_t& seen = active_.seenFences[target.destination];
  seen = std::max(seen, result.observed.fence);
  services_.logger.warn(
      "a server has seen a higher fencing number",
      {{"run", run_.meta.key().toString()}, {"server", target.name}, {"seen", std::to_string(result.observed.fence)}});
  return target.step(StepKind::Switch) != &record;
}

Duration RunDriver::leaseCheck() const { return kLease / 3; }

bool RunDriver::needsArtifact() const {
  return run_.status.decisions.commit.empty() && run_.status.decisions.sourceFailed.empty() &&
         (active_.artifactWanted || run_.status.artifact.empty() ||
          std::any_of(run_.status.targets.begin(), run_.status.targets.end(), [](const RunTarget& target) {
            return !target.gone && target.stateOf(StepKind::Prepare) != StepState::Done;
          }));
}

Result<bool> RunDriver::haveArtifact() {
  if (active_.artifact != nullptr) {
    SLIPWAY_RETURN_IF_ERROR(active_.pinSource(run_.status));
    return true;
  }
  if (!needsArtifact()) {
    return true;
  }
  if (std::optional<Fetched> fetched = active_.fetch->take()) {
    active_.fetching = false;
    if (fetched->status) {
      active_.artifact = std::move(fetched->artifact);
      active_.revision = std::move(fetched->revision);
      SLIPWAY_RETURN_IF_ERROR(active_.pinSource(run_.status));
      return true;
    }
    if (!isTransient(fetched->status.code()) || ++active_.fetchTries >= kFetchTries) {
      return Status(Code::Invalid, fetched->status.message());
    }
    const Duration delay = planner::retryDelay(StepKind::Prepare, active_.fetchTries, {});
    active_.nextFetch = services_.clock.steady() + delay;
    SLIPWAY_RETURN_IF_ERROR(enter(run_.status.phase, "SourceUnavailable",
                                  cat(fetched->status.message(), "; trying again in ", formatDuration(delay))));
    services_.clock.startTimer(*active_.nextFetch, [wake = services_.wake, key = release_.meta.key()] { wake(key); });
    return false;
  }
  const bool due = !active_.nextFetch.has_value() || *active_.nextFetch <= services_.clock.steady();
  if (!active_.fetching && due) {
    if (run_.status.phase == RunPhase::Pending) {
      SLIPWAY_RETURN_IF_ERROR(enter(RunPhase::Pending, "FetchingSource", "fetching the source"));
    }
    startFetch();
  }
  return false;
}

void RunDriver::startFetch() {
  active_.fetching = true;
  Result<SourceCredentials> credentials = resolveCredentials(services_.reader, run_.meta.ns, run_.spec.spec.source);
  SourceRevision pinned{run_.status.revision, run_.status.revisionDisplay};
  services_.pool.post([&source = services_.source, spec = run_.spec.spec.source, credentials, pinned,
                       slot = active_.fetch, wake = services_.wake, key = release_.meta.key()] {
    Fetched fetched;
    fetched.status = credentials.status();
    if (fetched.status) {
      Result<SourceRevision> revision = pinned.id.empty() ? source.resolve(spec, *credentials) : pinned;
      fetched.status = revision.status();
      if (revision) {
        fetched.revision = *revision;
        Result<std::shared_ptr<const Artifact>> artifact = source.fetch(spec, *credentials, *revision);
        fetched.status = artifact.status();
        fetched.artifact = artifact ? *artifact : nullptr;
      }
    }
    slot->set(std::move(fetched));
    wake(key);
  });
}

planner::Plan RunDriver::planNow() const {
  planner::PlanInput input{run_.meta.uid, run_.spec, run_.status, {}, {}};
  for (const auto& [name, wait] : run_.status.waits) {
    const auto since = active_.waitingSince.find(name);
    input.waited[name] = std::chrono::milliseconds(wait.elapsedMs) +
                         (since == active_.waitingSince.end() ? Duration(0) : services_.clock.steady() - since->second);
  }
  for (const auto& [ref, when] : active_.notBefore) {
    if (const Duration left = when - services_.clock.steady(); left > Duration(0)) {
      input.cooling[ref] = left;
    }
  }
  input.coolingHooks = coolingHooks();
  input.stale = staleAnswers();
  input.rolesAge = rolesAge();
  return planner::strategyFor(run_.spec.spec).plan(input);
}

Result<Action> RunDriver::advance() {
  while (true) {
    const planner::Plan plan = planNow();
    run_.status.step = plan.step.empty() ? run_.status.step : plan.step;
    if (plan.decision != planner::Decision::None) {
      SLIPWAY_RETURN_IF_ERROR(decide(plan));
      SLIPWAY_RETURN_IF_ERROR(save());
      continue;
    }
    if (isTerminal(plan.phase)) {
      SLIPWAY_RETURN_IF_ERROR(finish(plan));
      SLIPWAY_RETURN_IF_ERROR(save());
      return Action{};
    }
    SLIPWAY_RETURN_IF_ERROR(enter(plan.phase, plan.reason, plan.message));
    if (!plan.wave.empty() && plan.wave.front().ref.kind == StepKind::Prepare && active_.artifact == nullptr) {
      active_.artifactWanted = true;  // a kept preparation was lost: the content is needed after all
      SLIPWAY_RETURN_IF_ERROR(save());
      startFetch();
      return Action{leaseCheck()};
    }
    if (plan.wait.has_value()) {
      keepWaiting(*plan.wait);
    }
    if (settleLostHooks(plan.hooks) || !tendAnalysis(plan)) {
      continue;
    }
    const std::vector<planner::PlannedHook> hooks = markHooks(plan.hooks);
    std::vector<planner::PlannedStep> fresh;
    for (const planner::PlannedStep& step : plan.wave) {
      if (!active_.inFlight.contains(step.operationId) && !moves(run_.status.targets[step.ref.target])) {
        noteAsked(step);
        markStarted(run_.status.targets[step.ref.target], step, services_.clock.wall());
        fresh.push_back(step);
      }
    }
    const bool changes = plan.traffic.has_value() && markTraffic(*plan.traffic);
    SLIPWAY_RETURN_IF_ERROR(save());
    SLIPWAY_RETURN_IF_ERROR(checkRecorded(fresh));
    launch(fresh);
    launchHooks(hooks, plan.hooks.size());
    if (changes) {
      launchTraffic();
    }
    launchMeasurements(plan);
    launchSurvey(plan);
    kill(plan.abort);
    return Action{std::min({plan.checkAgain.value_or(leaseCheck()), untilMeasurement(plan), leaseCheck()})};
  }
}

void RunDriver::keepWaiting(const planner::PlannedWait& wait) {
  const SteadyTime now = services_.clock.steady();
  const auto [record, fresh] = run_.status.waits.try_emplace(wait.name);
  if (fresh) {
    record->second.startedAt = formatTime(services_.clock.wall());
  }
  const auto [since, first] = active_.waitingSince.try_emplace(wait.name, now);
  if (!first) {
    const auto passed = std::chrono::floor<std::chrono::milliseconds>(now - since->second);
    record->second.elapsedMs += passed.count();
    since->second += passed;
  }
}

Status RunDriver::decide(const planner::Plan& plan) {
  RunDecisions& decisions = run_.status.decisions;
  const std::string now = formatTime(services_.clock.wall());
  switch (plan.decision) {
    case planner::Decision::Commit:
      decisions.commit = now;
      announce(EventType::Normal, plan.reason, plan.message);
      if (!services_.provider.capabilities().armedSwitch) {
        announce(EventType::Warning, "SwitchInTurn",
                 "only one server can be talked to at a time: they switch one after another, not together");
      }
      return Status::ok();
    case planner::Decision::Revert:
      decisions.revert = now;
      decisions.revertReason = plan.reason;
      decisions.revertMessage = plan.message;
      decisions.pausedAt.clear();
      return Status::ok();
    case planner::Decision::Hold:
      decisions.pausedAt = now;
      return enter(RunPhase::Paused, plan.reason, plan.message);
    case planner::Decision::NextStep:
      ++run_.status.canaryStep;
      forgetConfirmations(run_.status);
      announce(EventType::Normal, plan.reason, plan.message);
      return Status::ok();
    case planner::Decision::NextBatch:
      planner::takeBatch(run_.status.cluster, *plan.batch, run_.status.targets);
      announce(EventType::Normal, plan.reason, plan.message);
      return Status::ok();
    case planner::Decision::None:
      return Status::ok();
  }
  return Status::ok();
}

Status RunDriver::enter(RunPhase phase, const std::string& reason, const std::string& message) {
  const bool changed =
      run_.status.transitions.empty() || run_.status.phase != phase || run_.status.transitions.back().reason != reason;
  measurePhase(phase);
  SLIPWAY_RETURN_IF_ERROR(enterPhase(run_.status, phase, reason, message, services_.clock.wall()));
  if (changed) {
    const bool bad = phase == RunPhase::Failed || phase == RunPhase::RollingBack || phase == RunPhase::RolledBack ||
                     phase == RunPhase::Paused;
    announce(bad ? EventType::Warning : EventType::Normal, reason, message);
  }
  return Status::ok();
}

LaunchContext RunDriver::launchContext() const {
  return {run_, active_.artifact,
          [this](const RunTarget& target) {
            auto grant = active_.grants.find(target.destination);
            return grant == active_.grants.end() ? run_.status.fence : grant->second.fence;
          },
          protectedVersions(release_, run_)};
}

LaunchEvents RunDriver::launchEvents() const {
  LaunchEvents events;
  events.done = [mailbox = active_.mailbox](std::string operationId, StepResult result) {
    mailbox->put({std::move(operationId), std::move(result), {}});
  };
  events.progress = [mailbox = active_.mailbox](std::string operationId, std::string phase) {
    mailbox->put({std::move(operationId), std::nullopt, std::move(phase)});
  };
  events.output = [&log = services_.runLog, uid = run_.meta.uid](const std::string& target, const std::string& text) {
    log.append(uid, target, text);
  };
  return events;
}

// Whether something is on its way to the target that changes what it runs. What comes next waits for its end: an undo
// that overtook a switch would be undone by it.
bool RunDriver::moves(const RunTarget& target) const {
  constexpr std::array kMoving{StepKind::Stop,      StepKind::Place, StepKind::Switch,  StepKind::Start,
                               StepKind::ScaleDown, StepKind::Undo,  StepKind::Restart, StepKind::Withdraw};
  return std::any_of(kMoving.begin(), kMoving.end(), [&](StepKind kind) {
    const StepRecord* record = target.step(kind);
    return record != nullptr && active_.inFlight.contains(record->operationId);
  });
}

// In every build, against the record as it is durable. Whoever acts has written its number there before, which makes
// the next save of the holder that it replaced a conflict. A switch needs the commit and every server prepared; after
// the decision to undo nothing goes forward. Strategies decide what happens, this only refuses what must never happen.
Status RunDriver::checkRecorded(const std::vector<planner::PlannedStep>& wave) const {
  for (const auto& [destination, grant] : active_.grants) {
    if (grant.fence > before_.fence) {
      return {Code::Internal, cat("fencing number ", grant.fence, " of destination ", destination,
                                  " is not in the record, which has ", before_.fence, ": nothing is started")};
    }
  }
  const bool forward = std::any_of(wave.begin(), wave.end(), [](const planner::PlannedStep& step) {
    return step.ref.kind == StepKind::Switch || step.ref.kind == StepKind::Prepare;
  });
  const bool switches = std::any_of(wave.begin(), wave.end(),
                                    [](const planner::PlannedStep& step) { return step.ref.kind == StepKind::Switch; });
  if (forward && !before_.decisions.revert.empty()) {
    return {Code::Internal, "a step forward was planned after the decision to undo: nothing is started"};
  }
  const bool ready = std::all_of(before_.targets.begin(), before_.targets.end(), [](const RunTarget& target) {
    return target.gone || target.stateOf(StepKind::Prepare) == StepState::Done;
  });
  if (switches && (before_.decisions.commit.empty() || !ready)) {
    return {Code::Internal, "a switch was planned before every server was prepared and the decision durable"};
  }
  return Status::ok();
}

// Whether servers wait for those at work on the same step to make room.
bool RunDriver::othersWait(const std::vector<planner::PlannedStep>& fresh) const {
  std::set<StepKind> atWork;
  for (const planner::PlannedStep& step : fresh) {
    atWork.insert(step.ref.kind);
  }
  for (const RunTarget& target : run_.status.targets) {
    for (const auto& [kind, record] : target.steps) {
      if (active_.inFlight.contains(record.operationId)) {
        atWork.insert(kind);
      }
    }
  }
  return std::any_of(run_.status.targets.begin(), run_.status.targets.end(), [&](const RunTarget& target) {
    return !target.gone && std::any_of(atWork.begin(), atWork.end(),
                                       [&](StepKind kind) { return target.stateOf(kind) == StepState::Pending; });
  });
}

void RunDriver::launch(const std::vector<planner::PlannedStep>& wave) {
  active_.mailbox->setEager(othersWait(wave));
  if (wave.empty()) {
    return;
  }
  if (!planner::verifies(wave.front().ref.kind)) {
    active_.surveyed = 0;  // what members said before holds no more
  }
  std::vector<std::string> operations;
  for (const planner::PlannedStep& step : wave) {
    active_.inFlight.insert(step.operationId);
    active_.notBefore.erase(step.ref);
    operations.push_back(step.operationId);
  }
  active_.mailbox->expect(operations);
  launcher_.start(launchContext(), wave, launchEvents());
}

void RunDriver::kill(const std::vector<std::string>& operations) {
  for (const std::string& operation : operations) {
    if (!active_.aborting.insert(operation).second) {
      continue;
    }
    killHook(operation);
    for (const RunTarget& target : run_.status.targets) {
      const StepRecord* record = target.step(StepKind::Prepare);
      if (record != nullptr && record->operationId == operation) {
        launcher_.abort(launchContext(), target, operation, launchEvents());
      }
    }
  }
}

Status RunDriver::finish(const planner::Plan& plan) {
  SLIPWAY_RETURN_IF_ERROR(enter(plan.phase, plan.reason, plan.message));
  RunStatus& status = run_.status;
  const std::string now = formatTime(services_.clock.wall());
  status.finishedAt = now;
  status.outcome = std::string(phaseName(plan.phase));
  status.transitions.back().exitedAt = now;
  const bool good = plan.phase == RunPhase::Completed;
  setCondition(status.conditions,
               {"Ready", good ? "True" : "False", plan.reason, plan.message, {}, run_.meta.generation},
               services_.clock.wall());
  return Status::ok();
}

Status RunDriver::save() {
  if (run_.status != before_) {
    Result<ObjectPtr> written =
        services_.status.replaceStatus(kReleaseRun, run_.meta.key(), run_.meta.resourceVersion, toJson(run_.status));
    SLIPWAY_RETURN_IF_ERROR(written.status());
    run_.meta.resourceVersion = metaFromJson(**written).resourceVersion;
    before_ = run_.status;
  }
  active_.mailbox->drop(taken_);
  taken_ = 0;
  return Status::ok();
}

// The Release is told of everything. What goes as planned a run's transitions and decisions say already.
void RunDriver::announce(EventType type, const std::string& reason, const std::string& message) const {
  services_.events.record(refTo(kRelease, release_.meta), type, reason, cat(run_.meta.name, ": ", message));
  if (type == EventType::Warning || isTerminal(run_.status.phase)) {
    services_.events.record(refTo(kReleaseRun, run_.meta), type, reason, message);
  }
  services_.logger.info("run changed", {{"run", run_.meta.key().toString()}, {"reason", reason}, {"message", message}});
}

}  // namespace slipway::release
