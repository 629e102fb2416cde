#include "reconciler/release/release_reconciler.h"

#include <algorithm>
#include <set>
#include <utility>

#include "reconciler/base/strings.h"
#include "reconciler/release/hooks/hook_records.h"
#include "reconciler/release/new_run.h"
#include "reconciler/release/run_driver.h"
#include "reconciler/release/step_records.h"
#include "reconciler/release/strategy_check.h"
#include "reconciler/release/summary.h"
#include "reconciler/release/targets.h"

namespace slipway::release {
namespace {

// How soon servers that lacked room are looked at again.
constexpr Duration kRoomInterval = std::chrono::minutes(1);

}  // namespace

ReleaseReconciler::ReleaseReconciler(Services services)
    : services_(std::move(services)),
      launcher_(services_.reader, services_.provider, services_.http, services_.metrics, services_.clock),
      drift_(services_.reader, services_.provider, services_.clock, services_.wake) {}

std::shared_ptr<ActiveRun> ReleaseReconciler::activeRun(const ObjectKey& release, const std::string& runUid) {
  const std::lock_guard lock(mutex_);
  auto& [uid, active] = active_[release];
  if (active == nullptr || uid != runUid) {
    uid = runUid;
    active = std::make_shared<ActiveRun>();
    active->mailbox = std::make_shared<Mailbox>(services_.clock, [wake = services_.wake, release] { wake(release); });
    services_.metrics.set("slipway_runs_open", {}, static_cast<double>(active_.size()));
  }
  return active;
}

std::shared_ptr<ActiveRun> ReleaseReconciler::activeRun(const ObjectKey& release) {
  const std::lock_guard lock(mutex_);
  const auto found = active_.find(release);
  return found == active_.end() ? nullptr : found->second.second;
}

void ReleaseReconciler::forget(const ObjectKey& release) {
  drift_.forget(release);
  const std::lock_guard lock(mutex_);
  active_.erase(release);
  services_.metrics.set("slipway_runs_open", {}, static_cast<double>(active_.size()));
}

std::string ReleaseReconciler::identityOf(const Release& release) {
  const std::lock_guard lock(mutex_);
  auto& [spec, identity] = identities_[release.meta.key()];
  if (identity.empty() || spec != release.spec) {
    spec = release.spec;
    identity = releaseIdentity(spec);
  }
  return identity;
}

// One reconciliation of one Release.
class ReleaseReconciler::Visit {
 public:
  Visit(ReleaseReconciler& owner, Release release, std::shared_ptr<ActiveRun> active)
      : owner_(owner),
        services_(owner.services_),
        active_(std::move(active)),
        release_(std::move(release)),
        identity_(owner.identityOf(release_)),
        before_(release_.status) {}

  Result<Action> run() {
    Result<Action> done = visit();
    if (done && open() && active_ != nullptr) {
      active_->release = std::move(release_);
      if (recorded_) {
        active_->run = std::move(run_);
      }
    }
    return done;
  }

 private:
  Result<Action> visit() {
    SLIPWAY_RETURN_IF_ERROR(rebuildStatus());
    SLIPWAY_RETURN_IF_ERROR(loadRun());
    SLIPWAY_RETURN_IF_ERROR(adopt());
    SLIPWAY_RETURN_IF_ERROR(handleRequests());
    supersede();
    SLIPWAY_RETURN_IF_ERROR(drive());
    Status started = open() ? Status::ok() : book();
    if (started && !open()) {
      SLIPWAY_RETURN_IF_ERROR(handleRequests());  // what waited for the end of the run
    }
    if (started && !open()) {
      started = maybeStart();
    }
    if (!started && !isFinal(started.code())) {
      return started;
    }
    if (started) {
      watchDrift();
    }
    SLIPWAY_RETURN_IF_ERROR(report(started));
    if (lacksRoom(started)) {
      return Action{.requeueAfter = kRoomInterval};
    }
    SLIPWAY_RETURN_IF_ERROR(started);
    if (release_.meta.deleting() && !open()) {
      return letGo();
    }
    return action_;
  }

  bool open() const { return run_.has_value() && !isTerminal(run_->status.phase); }
  WallTime now() const { return services_.clock.wall(); }

  // A status that somebody erased, or that a crash kept from being written, is made again from the runs.
  Status rebuildStatus() {
    if (release_.status.runCounter > 0) {
      return Status::ok();
    }
    Result<std::vector<ReleaseRun>> runs = ownRuns(services_.reader, release_);
    SLIPWAY_RETURN_IF_ERROR(runs.status());
    if (runs->empty()) {
      return Status::ok();
    }
    rebuild(release_, *runs, now());
    services_.logger.warn("status rebuilt from the runs",
                          {{"release", release_.meta.key().toString()}, {"runs", std::to_string(runs->size())}});
    return Status::ok();
  }

  Status loadRun() {
    if (release_.status.currentRun.empty()) {
      return Status::ok();
    }
    Result<ReleaseRun> run =
        readRun(services_.reader, release_, release_.status.currentRun, active_ == nullptr ? nullptr : &active_->run);
    if (!run && run.code() == Code::NotFound) {
      return Status::ok();
    }
    SLIPWAY_RETURN_IF_ERROR(run.status());
    take(std::move(*run));
    return Status::ok();
  }

  // A run of ours that the status does not name: a crash came after it was made, or the answer was lost. It goes on, or
  // is superseded as any other. One that a request made is left to that request, which is still pending.
  Status adopt() {
    if (open()) {
      return Status::ok();
    }
    for (std::int64_t number = release_.status.runCounter + 1;; ++number) {
      const std::string name = cat(release_.meta.name, "-", number);
      Result<ObjectPtr> object = services_.reader.get(kReleaseRun, {release_.meta.ns, name});
      if (!object) {
        return object.code() == Code::NotFound ? Status::ok() : object.status();
      }
      Result<ReleaseRun> run = runFromJson(**object);
      SLIPWAY_RETURN_IF_ERROR(run.status());
      if (run->spec.releaseUid != release_.meta.uid) {
        continue;  // of an earlier Release of this name
      }
      const bool ended = isTerminal(run->status.phase);
      if (!ended && asked(run->spec.reason)) {
        return Status::ok();
      }
      SLIPWAY_RETURN_IF_ERROR(book());
      services_.logger.warn("a run that the status does not name goes on", {{"run", run->meta.key().toString()}});
      begin(std::move(*run), number);
      if (!ended) {
        return Status::ok();
      }
    }
  }

  bool asked(RunReason reason) const {
    const std::vector<Request> pending = pendingRequests(release_);
    return std::any_of(pending.begin(), pending.end(), [&](const Request& request) {
      return (request.verb == Verb::Retry && reason == RunReason::Retry) ||
             (request.verb == Verb::Rollback && reason == RunReason::Rollback);
    });
  }

  void take(ReleaseRun run) {
    run_ = std::move(run);
    if (open()) {
      active_ = owner_.activeRun(release_.meta.key(), run_->meta.uid);
      durable_ = run_->status;
    }
  }

  void begin(ReleaseRun run, std::int64_t number) {
    release_.status.runCounter = number;
    release_.status.identity = run.spec.identity;
    release_.status.currentRun = run.meta.name;
    release_.status.drift.clear();
    removeCondition(release_.status.conditions, "Drifted");
    take(std::move(run));
    action_ = Action{Duration(0)};
  }

  Status handleRequests() {
    for (const Request& request : pendingRequests(release_)) {
      if (request.waited && open()) {
        continue;
      }
      Verdict verdict = judge(request, release_, run_.has_value() ? &*run_ : nullptr);
      Status done = apply(verdict);
      if (!done && !isFinal(done.code())) {
        return done;
      }
      if (!done) {
        verdict.result = cat("Refused: ", done.message());
      }
      release_.status.handledRequests[std::string(verbName(request.verb))] = {request.token, verdict.result,
                                                                              formatTime(now()), verdict.then};
      const bool refused = verdict.effect == Verdict::Effect::None || !done;
      tell(refused ? EventType::Warning : EventType::Normal, refused ? "RequestRefused" : "RequestAccepted",
           cat(verbName(request.verb), ": ", verdict.result));
    }
    return Status::ok();
  }

  Status apply(const Verdict& verdict) {
    switch (verdict.effect) {
      case Verdict::Effect::None:
        return Status::ok();
      case Verdict::Effect::AbortRun:
        requestAbort("Aborted");
        return Status::ok();
      case Verdict::Effect::PauseRun:
        run_->status.decisions.pausedAt = formatTime(now());
        return Status::ok();
      case Verdict::Effect::ResumeRun:
        run_->status.decisions.pausedAt.clear();
        forgetFailures(run_->status);
        return Status::ok();
      case Verdict::Effect::PromoteStep:
        endHoldOfAnalysis();
        run_->status.decisions.promotedStep = run_->status.canaryStep;
        return Status::ok();
      case Verdict::Effect::PromoteFull:
        endHoldOfAnalysis();
        run_->status.decisions.promoteFull = formatTime(now());
        return Status::ok();
      case Verdict::Effect::PassHooks:
        run_->status.decisions.pausedAt.clear();
        takeHooksAsDone(*run_);
        return Status::ok();
      case Verdict::Effect::StartRetry:
        SLIPWAY_RETURN_IF_ERROR(book());
        return start(retrySpec(release_, *run_));
      case Verdict::Effect::StartRollback: {
        Result<ReleaseRun> earlier = readRun(services_.reader, release_, verdict.rollbackTo->run);
        SLIPWAY_RETURN_IF_ERROR(earlier.status().withContext(
            cat("run ", verdict.rollbackTo->run, " of version ", verdict.rollbackTo->version, " cannot be read")));
        SLIPWAY_RETURN_IF_ERROR(book());
        return start(rollbackSpec(release_, *earlier));
      }
    }
    return Status::ok();
  }

  // Whoever promotes has judged.
  void endHoldOfAnalysis() {
    if (heldByAnalysis(*run_)) {
      run_->status.decisions.pausedAt.clear();
    }
  }

  void requestAbort(const std::string& why) {
    if (run_->status.decisions.abort.empty()) {
      run_->status.decisions.abort = formatTime(now());
      run_->status.decisions.abortReason = why;
    }
  }

  // A newer wish ends the run that works on an older one, and so does deletion.
  void supersede() {
    if (!open()) {
      return;
    }
    const bool newer = run_->spec.identity != identity_ && !release_.spec.suspend;
    if ((newer || release_.meta.deleting()) && run_->status.decisions.abort.empty()) {
      requestAbort("Superseded");
      tell(EventType::Normal, "Superseded",
           cat("run ", run_->meta.name,
               " ends: ", newer ? "the spec asks for something newer" : "the Release is deleted"));
    }
  }

  // A run begins with the frozen set of its targets, which the driver's first record has; a crash may have come between
  // the object and that record.
  Status initialise() {
    if (!run_->status.targets.empty()) {
      return Status::ok();
    }
    Result<std::vector<RunTarget>> targets = freezeTargets(services_.reader, release_.meta.ns, run_->spec.spec);
    SLIPWAY_RETURN_IF_ERROR(targets.status());
    std::optional<ReleaseRun> based;
    if (!run_->spec.basedOn.empty()) {
      Result<ReleaseRun> read = readRun(services_.reader, release_, run_->spec.basedOn);
      SLIPWAY_RETURN_IF_ERROR(read.status());
      based = std::move(*read);
    }
    RunDecisions decisions = run_->status.decisions;
    run_->status = initialStatus(run_->spec, based.has_value() ? &*based : nullptr, std::move(*targets));
    run_->status.decisions = std::move(decisions);
    run_->status.liveGroup = run_->spec.spec.strategy.hasGroups() ? release_.status.liveGroup : "";
    return enterPhase(run_->status, RunPhase::Pending, "Queued", "waiting for its turn", now());
  }

  Status drive() {
    if (!open()) {
      return Status::ok();
    }
    SLIPWAY_RETURN_IF_ERROR(initialise());
    RunDriver driver(services_, owner_.launcher_, {release_, *run_, *active_, std::move(durable_)});
    Result<Action> driven = driver.drive();
    SLIPWAY_RETURN_IF_ERROR(driven.status());
    action_ = *driven;
    recorded_ = driver.recorded();
    if (!open()) {
      ended(*std::exchange(active_, nullptr));
    }
    return Status::ok();
  }

  void ended(const ActiveRun& active) {
    for (const auto& [destination, grant] : active.grants) {
      const Status given = services_.leases.release(leaseKey(release_.meta.ns, release_.meta.name, destination),
                                                    cat(services_.holder, "/", run_->meta.name));
      if (!given) {
        services_.logger.warn("lease not given back", {{"run", run_->meta.name}, {"error", given.message()}});
      }
    }
    owner_.forget(release_.meta.key());
    const MetricLabels labels{{"strategy", std::string(strategyName(run_->spec.spec.strategy.type))},
                              {"outcome", run_->status.outcome}};
    services_.metrics.add("slipway_runs_total", labels);
    Result<WallTime> began = parseTime(run_->status.startedAt);
    if (began) {
      services_.metrics.observe("slipway_run_duration_seconds", labels,
                                std::chrono::duration<double>(now() - *began).count());
    }
  }

  // Books the outcome of a finished run, once, and removes records that nothing names any more.
  Status book() {
    if (!run_.has_value() || open()) {
      return Status::ok();
    }
    const std::size_t known = release_.status.history.size();
    const std::string newest = known == 0 ? "" : release_.status.history.front().run;
    bookOutcome(release_.status, *run_);
    if (release_.status.history.size() == known && release_.status.history.front().run == newest) {
      return Status::ok();
    }
    Result<std::vector<ReleaseRun>> runs = ownRuns(services_.reader, release_);
    SLIPWAY_RETURN_IF_ERROR(runs.status());
    for (const ReleaseRun& old : *runs) {
      if (isTerminal(old.status.phase) && !named(old.meta.name)) {
        SLIPWAY_RETURN_IF_ERROR(services_.writer.remove(kReleaseRun, old.meta.key(), old.meta.uid));
        services_.runLog.remove(old.meta.uid);
      }
    }
    return Status::ok();
  }

  bool named(const std::string& run) const {
    return run == run_->meta.name || std::any_of(release_.status.history.begin(), release_.status.history.end(),
                                                 [&](const ReleaseHistoryEntry& entry) { return entry.run == run; });
  }

  Status maybeStart() {
    if (release_.meta.deleting() || release_.spec.suspend) {
      return Status::ok();
    }
    if (release_.status.identity == identity_) {
      release_.status.observedGeneration = release_.meta.generation;
      return Status::ok();
    }
    return start(applySpec(release_, now()));
  }

  // Everything that can be known to be wrong is found before a run exists.
  Status start(RunSpec spec) {
    SLIPWAY_RETURN_IF_ERROR(checkReleaseId(spec.spec.layout.environment, spec.version));
    Result<std::vector<RunTarget>> targets = freezeTargets(services_.reader, release_.meta.ns, spec.spec);
    SLIPWAY_RETURN_IF_ERROR(targets.status());
    SLIPWAY_RETURN_IF_ERROR(checkStrategy(services_, release_.meta.ns, spec.spec, *targets));
    if (spec.reason != RunReason::Rollback) {  // which has no steps
      Result<std::map<std::string, AnalysisTemplateSpec>> analyses =
          freezeAnalyses(services_, release_.meta.ns, spec.spec);
      SLIPWAY_RETURN_IF_ERROR(analyses.status());
      spec.analyses = std::move(*analyses);
    }
    SLIPWAY_RETURN_IF_ERROR(addFinalizer());
    std::int64_t number = release_.status.runCounter;
    while (true) {
      ++number;
      Result<ObjectPtr> created = services_.writer.create(kReleaseRun, runObject(release_, spec, number));
      if (!created && created.code() == Code::AlreadyExists) {
        Result<std::optional<ReleaseRun>> existing = alreadyThere(services_.reader, release_, number, spec);
        SLIPWAY_RETURN_IF_ERROR(existing.status());
        if (!existing->has_value()) {
          continue;
        }
        begin(std::move(**existing), number);
        break;
      }
      SLIPWAY_RETURN_IF_ERROR(created.status());
      Result<ReleaseRun> run = runFromJson(**created);
      SLIPWAY_RETURN_IF_ERROR(run.status());
      begin(std::move(*run), number);
      break;
    }
    release_.status.observedGeneration = release_.meta.generation;
    tell(EventType::Normal, "RunCreated", cat("run ", run_->meta.name, " for version ", run_->spec.version));
    return Status::ok();
  }

  // Between runs: what is on the servers, compared with what the last run left there.
  void watchDrift() {
    if (open() || !run_.has_value() || release_.meta.deleting()) {
      return;
    }
    if (const auto sights = owner_.drift_.take(release_.meta.key(), *run_)) {
      const std::string was = release_.status.drift;
      const DriftVerdict verdict = judgeDrift(*run_, release_.status.versions.applied, *sights);
      showDrift(release_.status, verdict, release_.meta.generation, now());
      services_.metrics.set("slipway_release_drifted_targets",
                            {{"namespace", release_.meta.ns}, {"release", release_.meta.name}},
                            static_cast<double>(verdict.differing));
      if (was != release_.status.drift && verdict.state == DriftVerdict::State::Drifted) {
        tell(EventType::Warning, "DriftDetected", verdict.message);
      } else if (was == "Drifted" && verdict.state == DriftVerdict::State::None) {
        tell(EventType::Normal, "DriftGone", "every server is as the last run left it");
      }
    }
    const Duration next = owner_.drift_.tend(release_, *run_);
    action_.requeueAfter = std::min(action_.requeueAfter.value_or(next), next);
  }

  Status setFinalizers(std::vector<std::string> finalizers) {
    Json patch = Json::object();
    patch["metadata"]["resourceVersion"] = release_.meta.resourceVersion;
    patch["metadata"]["finalizers"] = Json::Array(finalizers.begin(), finalizers.end());
    Result<ObjectPtr> written = services_.writer.mergePatch(kRelease, release_.meta.key(), patch);
    SLIPWAY_RETURN_IF_ERROR(written.status());
    release_.meta = metaFromJson(**written);
    return Status::ok();
  }

  Status addFinalizer() {
    std::vector<std::string> finalizers = release_.meta.finalizers;
    if (std::find(finalizers.begin(), finalizers.end(), kRunFinalizer) != finalizers.end()) {
      return Status::ok();
    }
    finalizers.emplace_back(kRunFinalizer);
    return setFinalizers(std::move(finalizers));
  }

  // What runs on the servers stays as it is: a deleted Release is no longer managed, nothing is taken down.
  Result<Action> letGo() {
    std::vector<std::string> finalizers = release_.meta.finalizers;
    if (std::erase(finalizers, kRunFinalizer) > 0) {
      SLIPWAY_RETURN_IF_ERROR(setFinalizers(std::move(finalizers)));
    }
    owner_.forget(release_.meta.key());
    services_.metrics.forget("release", release_.meta.name);
    return Action{};
  }

  Status report(const Status& started) {
    if (started) {
      release_.status =
          summarise(release_, release_.status.identity == identity_, run_.has_value() ? &*run_ : nullptr, now());
      judgeReadiness(release_.status, release_.meta.generation, now());
      keepTransitionTimes(release_.status.conditions, before_.conditions);
      if (run_.has_value() && !open() && !release_.meta.deleting()) {
        release_.status.observedGeneration = release_.meta.generation;
      }
    } else {
      release_.status = stalled(release_, reasonFor(started), started.message(), now());
    }
    measure();
    if (release_.status == before_) {
      return Status::ok();
    }
    if (open() && active_ != nullptr && onlyMoved(before_, release_.status)) {
      const Duration left = active_->shownAt + Mailbox::kGather - services_.clock.steady();
      if (left > Duration(0)) {
        release_.status = before_;
        action_.requeueAfter = std::min(action_.requeueAfter.value_or(left), left);
        return Status::ok();
      }
    }
    if (!started && before_.message != release_.status.message) {
      tell(EventType::Warning, reasonFor(started), started.message());
    }
    Result<ObjectPtr> written = services_.status.replaceStatus(kRelease, release_.meta.key(),
                                                               release_.meta.resourceVersion, toJson(release_.status));
    SLIPWAY_RETURN_IF_ERROR(written.status());
    release_.meta.resourceVersion = metaFromJson(**written).resourceVersion;
    if (active_ != nullptr) {
      active_->shownAt = services_.clock.steady();
    }
    return Status::ok();
  }

  void measure() const {
    MetricLabels labels{{"namespace", release_.meta.ns}, {"release", release_.meta.name}};
    services_.metrics.set("slipway_release_ready", labels, ready() ? 1 : 0);
    if (!run_.has_value()) {
      return;
    }
    for (const auto& [state, count] : countTargets(*run_)) {
      MetricLabels with = labels;
      with.emplace_back("state", state);
      services_.metrics.set("slipway_release_targets", with, count);
    }
  }

  bool ready() const {
    const Condition* condition = findCondition(release_.status.conditions, "Ready");
    return condition != nullptr && condition->status == "True";
  }

  static bool lacksRoom(const Status& status) { return status.code() == Code::ResourceExhausted; }

  static std::string reasonFor(const Status& status) {
    if (status.code() == Code::NotFound) {
      return "DestinationNotFound";
    }
    if (lacksRoom(status)) {
      return "InsufficientCapacity";
    }
    return status.code() == Code::Invalid ? "InvalidSpec" : std::string(codeName(status.code()));
  }

  void tell(EventType type, const std::string& reason, const std::string& message) {
    services_.events.record(refTo(kRelease, release_.meta), type, reason, message);
  }

  ReleaseReconciler& owner_;
  Services& services_;
  std::shared_ptr<ActiveRun> active_;  // nullptr: no run is open
  Release release_;
  const std::string identity_;  // that the spec asks for
  ReleaseStatus before_;
  std::optional<ReleaseRun> run_;
  RunStatus durable_;      // of the run, while it is open and nothing was written yet
  bool recorded_ = false;  // the run is as it is stored
  Action action_;
};

Result<Action> ReleaseReconciler::reconcile(const ObjectKey& key) {
  Result<ObjectPtr> object = services_.reader.get(kRelease, key);
  if (!object && object.code() == Code::NotFound) {
    forget(key);
    const std::lock_guard lock(mutex_);
    identities_.erase(key);
    services_.metrics.forget("release", key.name);
    return Action{};
  }
  SLIPWAY_RETURN_IF_ERROR(object.status());
  std::shared_ptr<ActiveRun> active = activeRun(key);
  Result<Release> release = takeKept(active == nullptr ? nullptr : &active->release, **object, releaseFromJson);
  SLIPWAY_RETURN_IF_ERROR(release.status());
  return Visit(*this, std::move(*release), std::move(active)).run();
}

}  // namespace slipway::release
