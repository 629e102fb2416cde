#include "reconciler/release/drift_watch.h"

#include <algorithm>

#include "reconciler/base/spread.h"
#include "reconciler/base/strings.h"
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

}  // namespace

// One release's looks. Shared with the events of the steps under way: they may outlive the watch.
struct DriftWatch::Looking {
  std::mutex mutex;
  std::string run;  // uid
  SteadyTime next{};
  std::size_t waiting = 0;
  std::vector<DriftSight> sights;
  bool complete = false;
};

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
  }
  if (requests.empty()) {
    return kDriftInterval;
  }
  StepEvents events;
  events.output = [](const StepRequest&, std::string_view) {};
  events.progress = [](const StepRequest&, const std::string&) {};
  events.done = [looking, wake = wake_, key = release.meta.key()](const StepRequest& request, StepResult result) {
    {
      const std::lock_guard lock(looking->mutex);
      looking->sights.push_back(sightOf(request.target.name, result));
      looking->complete = --looking->waiting == 0;
      if (!looking->complete) {
        return;
      }
    }
    wake(key);
  };
  provider_.start(std::move(requests), std::move(events));
  return kDriftInterval;
}

void DriftWatch::forget(const ObjectKey& release) {
  const std::lock_guard lock(mutex_);
  looking_.erase(release);
}

}  // namespace slipway::release
