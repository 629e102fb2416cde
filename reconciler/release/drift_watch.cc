#include "reconciler/release/drift_watch.h"

#include <algorithm>

#include "reconciler/base/spread.h"
#include "reconciler/base/strings.h"
#include "reconciler/planner/step_rules.h"
#include "reconciler/release/targets.h"

namespace slipway::release {
namespace {

constexpr Duration kLookTime = std::chrono::seconds(60);
constexpr Duration kFirstLook = std::chrono::seconds(30);

DriftSight sightOf(const std::string& server, const StepResult& result) {
  const TargetObservation& seen = result.observed;
  const bool present = std::any_of(seen.releases.begin(), seen.releases.end(),
                                   [&](const PreparedRelease& one) { return one.id == seen.current && one.ready; });
  return {server, result.status, seen.current, present, seen.problem};
}

// For the look at what the manager runs, after `links`; nothing where none does. Only of a release that came to its
// end: what one that failed would have run is not what has to run.
std::optional<StepRequest> processLook(const ReleaseRun& run, const RunTarget& target, const StepRequest& links) {
  const ReleaseSpec& spec = run.spec.spec;
  if (run.status.phase != RunPhase::Completed || !planner::runsProcess(spec, StepKind::Start, target.name) ||
      !spec.process->manager.has_value()) {
    return std::nullopt;
  }
  VerifyStep step{run.spec.version, std::nullopt};
  step.manager = planner::managerOn(spec, run.spec.release, target.name);
  if (spec.slots.has_value() && !target.slot.empty()) {
    step.slot = {target.slot, spec.slots->portOf(target.slot)};
  }
  StepRequest request = links;
  request.operationId = cat(run.meta.uid, ".processes.", target.name);
  request.action = std::move(step);
  return request;
}

// That a look could not be made says nothing about the processes.
bool saysNo(const StepResult& result) {
  return result.outcome == StepResult::Outcome::Refused && result.status.code() == Code::Unavailable &&
         (result.phase == "check" || result.phase == "process");
}

}  // namespace

// One release's looks. Shared with the events of the steps under way: they may outlive the watch.
struct DriftWatch::Looking {
  std::mutex mutex;
  std::string run;  // uid
  SteadyTime next{};
  std::size_t waiting = 0;
  std::vector<DriftSight> sights;
  std::map<std::string, StepRequest> processes;  // by server: to be looked at where the links are right
  std::string version;                           // … which is that they name this one
  bool complete = false;

  struct Taken {
    std::optional<StepRequest> next;  // to be looked at on that server
    bool wasLast = false;
  };
  // Takes what a look has seen.
  Taken take(const StepRequest& request, const StepResult& result) {
    const std::lock_guard lock(mutex);
    const std::string& server = request.target.name;
    if (std::holds_alternative<ObserveStep>(request.action)) {
      sights.push_back(sightOf(server, result));
      const bool right = result.status && sights.back().current == version && sights.back().present;
      if (auto look = processes.extract(server); right && look) {
        return {std::move(look.mapped()), false};
      }
    } else if (saysNo(result)) {
      const auto sight =
          std::find_if(sights.begin(), sights.end(), [&](const DriftSight& one) { return one.server == server; });
      sight->process = result.status.message();
    }
    complete = --waiting == 0;
    return {std::nullopt, complete};
  }
};

// The watch may be gone when they come; the provider, which sends them, is not.
StepEvents DriftWatch::eventsFor(const std::shared_ptr<Looking>& looking, Provider& provider,
                                 std::function<void()> complete) {
  StepEvents events;
  events.output = [](const StepRequest&, std::string_view) {};
  events.progress = [](const StepRequest&, const std::string&) {};
  events.done = [looking, &provider, complete = std::move(complete)](const StepRequest& request,
                                                                     const StepResult& result) {
    Looking::Taken taken = looking->take(request, result);
    if (taken.next.has_value()) {
      provider.start({std::move(*taken.next)}, eventsFor(looking, provider, complete));
    } else if (taken.wasLast) {
      complete();
    }
  };
  return events;
}

DriftWatch::DriftWatch(const ApiReader& reader, Provider& provider, Clock& clock,
                       std::function<void(const ObjectKey&)> wake)
    : reader_(reader), provider_(provider), clock_(clock), wake_(std::move(wake)) {}

std::optional<std::vector<DriftSight>> DriftWatch::take(const ObjectKey& release, const ReleaseRun& run) {
  const std::lock_guard lock(mutex_);
  const auto found = looking_.find(release);
  if (found == looking_.end() || found->second->run != run.meta.uid) {
    return std::nullopt;
  }
  Looking& looking = *found->second;
  const std::lock_guard inner(looking.mutex);
  if (!std::exchange(looking.complete, false)) {
    return std::nullopt;
  }
  return std::exchange(looking.sights, {});
}

// A new run, or a new process: the first look comes soon, and not at the same moment for all.
std::shared_ptr<DriftWatch::Looking> DriftWatch::lookingAt(const Release& release, const ReleaseRun& run) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Looking>& looking = looking_[release.meta.key()];
  if (looking == nullptr || looking->run != run.meta.uid) {
    looking = std::make_shared<Looking>();
    looking->run = run.meta.uid;
    looking->next = clock_.steady() + part(kFirstLook, placeOf(release.meta.uid));
  }
  return looking;
}

std::vector<StepRequest> DriftWatch::requestsFor(const Release& release, const ReleaseRun& run) const {
  std::vector<StepRequest> requests;
  const Result<std::vector<RunTarget>> members = freezeTargets(reader_, release.meta.ns, run.spec.spec);
  if (!members) {
    return requests;
  }
  for (const RunTarget& target : run.status.targets) {
    const bool member = std::any_of(members->begin(), members->end(), [&](const RunTarget& one) {
      return one.name == target.name && one.uid == target.uid;
    });
    Result<RemoteTarget> access = resolveAccess(reader_, release.meta.ns, target.name, target.uid);
    if (!member || target.gone || !access || expectedOn(run, target, release.status.versions.applied).empty()) {
      continue;
    }
    StepRequest request;
    request.operationId = cat(run.meta.uid, ".observe.", target.name);
    request.target = std::move(*access);
    request.application = cat(release.meta.ns, "/", release.meta.name);
    request.layout = run.spec.spec.layout;
    request.fence = run.status.fence;
    request.deadline = clock_.steady() + kLookTime;
    request.action = ObserveStep{};
    requests.push_back(std::move(request));
  }
  return requests;
}

Duration DriftWatch::tend(const Release& release, const ReleaseRun& run) {
  const std::shared_ptr<Looking> looking = lookingAt(release, run);
  {
    const std::lock_guard lock(looking->mutex);
    const Duration left = looking->next - clock_.steady();
    if (looking->waiting > 0 || looking->complete || left > Duration(0)) {
      return std::max<Duration>(left, std::chrono::seconds(1));
    }
  }
  std::vector<StepRequest> requests = requestsFor(release, run);
  {
    const std::lock_guard lock(looking->mutex);
    looking->next = clock_.steady() + kDriftInterval;
    looking->waiting = requests.size();
    looking->sights.clear();
    looking->processes.clear();
    looking->version = run.spec.version;
    for (const StepRequest& request : requests) {
      const auto target = std::find_if(run.status.targets.begin(), run.status.targets.end(),
                                       [&](const RunTarget& one) { return one.name == request.target.name; });
      if (std::optional<StepRequest> look = processLook(run, *target, request)) {
        looking->processes.emplace(request.target.name, std::move(*look));
      }
    }
  }
  if (requests.empty()) {
    return kDriftInterval;
  }
  provider_.start(std::move(requests),
                  eventsFor(looking, provider_, [wake = wake_, key = release.meta.key()] { wake(key); }));
  return kDriftInterval;
}

void DriftWatch::forget(const ObjectKey& release) {
  const std::lock_guard lock(mutex_);
  looking_.erase(release);
}

}  // namespace slipway::release
