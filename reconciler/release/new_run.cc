#include "reconciler/release/new_run.h"

#include <algorithm>
#include <charconv>

#include "reconciler/base/strings.h"
#include "reconciler/release/hooks/hook_records.h"

namespace slipway::release {
namespace {

RunSpec specFor(const Release& release, RunReason reason) {
  RunSpec spec;
  spec.release = release.meta.name;
  spec.releaseUid = release.meta.uid;
  spec.releaseGeneration = release.meta.generation;
  spec.reason = reason;
  spec.identity = releaseIdentity(release.spec);
  const std::vector<ReleaseHistoryEntry>& history = release.status.history;
  const auto live = std::find_if(history.begin(), history.end(),
                                 [](const ReleaseHistoryEntry& entry) { return entry.outcome == "Completed"; });
  spec.previousRun = live == history.end() ? "" : live->run;
  return spec;
}

void keepPrepared(const ReleaseRun& from, RunTarget& target) {
  for (const RunTarget& earlier : from.status.targets) {
    const bool same = earlier.name == target.name && earlier.uid == target.uid;
    if (!same || earlier.stateOf(StepKind::Prepare) != StepState::Done || earlier.digest.empty()) {
      continue;
    }
    StepRecord kept = *earlier.step(StepKind::Prepare);
    kept.alreadyDone = true;
    kept.attempt = 1;
    kept.durationMs = 0;
    kept.message = cat("kept from run ", from.meta.name);
    target.steps[StepKind::Prepare] = std::move(kept);
    target.digest = earlier.digest;
  }
}

}  // namespace

RunSpec applySpec(const Release& release, WallTime now) {
  RunSpec spec = specFor(release, RunReason::Apply);
  spec.spec = release.spec;
  std::vector<std::string> taken;
  for (const ReleaseHistoryEntry& entry : release.status.history) {
    taken.push_back(entry.version);
  }
  spec.version = newReleaseId(release.spec, now, taken);
  return spec;
}

RunSpec retrySpec(const Release& release, const ReleaseRun& failed) {
  RunSpec spec = failed.spec;
  spec.reason = failed.spec.reason == RunReason::Rollback ? RunReason::Rollback : RunReason::Retry;
  spec.releaseGeneration = release.meta.generation;
  spec.basedOn = failed.meta.name;
  return spec;
}

RunSpec rollbackSpec(const Release& release, const ReleaseRun& earlier) {
  RunSpec spec = specFor(release, RunReason::Rollback);
  spec.version = earlier.spec.version;
  spec.rollbackFrom = release.status.versions.applied;
  spec.basedOn = earlier.meta.name;
  spec.spec = earlier.spec.spec;
  spec.spec.strategy = release.spec.strategy;
  spec.spec.destinations = release.spec.destinations;
  // The way there is today's: where instances run and which proxies send requests to them.
  spec.spec.traffic = release.spec.traffic;
  spec.spec.hooks = release.spec.hooks;
  spec.spec.cluster = release.spec.cluster;
  if (release.spec.slots.has_value() || spec.spec.slots.has_value()) {
    spec.spec.process = release.spec.process;
  }
  spec.spec.slots = release.spec.slots;
  spec.spec.maxParallel = release.spec.maxParallel;
  spec.spec.prepareTimeout = release.spec.prepareTimeout;
  return spec;
}

RunStatus initialStatus(const RunSpec& spec, const ReleaseRun* basedOn, std::vector<RunTarget> targets) {
  RunStatus status;
  if (basedOn != nullptr) {
    status.revision = basedOn->status.revision;
    status.revisionDisplay = basedOn->status.revisionDisplay;
    status.artifact = basedOn->status.artifact;
    for (RunTarget& target : targets) {
      if (basedOn->status.phase != RunPhase::Completed && spec.version == basedOn->spec.version) {
        keepPrepared(*basedOn, target);
      }
    }
  }
  status.targets = std::move(targets);
  if (basedOn != nullptr && spec.reason == RunReason::Retry) {
    keepHooks(*basedOn, status);
  }
  return status;
}

std::int64_t runNumber(const ReleaseRun& run) {
  const std::string prefix = cat(run.spec.release, "-");
  const std::string_view name = run.meta.name;
  std::int64_t number = 0;
  if (name.starts_with(prefix)) {
    const char* end = name.data() + name.size();
    const auto parsed = std::from_chars(name.data() + prefix.size(), end, number);
    number = parsed.ec == std::errc() && parsed.ptr == end ? number : 0;
  }
  return number;
}

Json runObject(const Release& release, const RunSpec& spec, std::int64_t number) {
  ObjectMeta meta;
  meta.name = cat(release.meta.name, "-", number);
  meta.ns = release.meta.ns;
  meta.labels = {{cat(kGroup, "/release"), release.meta.name.substr(0, 63)}};
  meta.ownerReferences.push_back(
      {kRelease.apiVersion(), std::string(kRelease.kind), release.meta.name, release.meta.uid, true, true});
  Json object = newObject(kReleaseRun, meta);
  object["spec"] = toJson(spec);
  return object;
}

Result<ReleaseRun> readRun(const ApiReader& reader, const Release& release, const std::string& name,
                           std::optional<ReleaseRun>* kept) {
  Result<ObjectPtr> object = reader.get(kReleaseRun, {release.meta.ns, name});
  SLIPWAY_RETURN_IF_ERROR(object.status());
  Result<ReleaseRun> run = takeKept(kept, **object, runFromJson);
  if (run && run->spec.releaseUid != release.meta.uid) {
    return Status(Code::NotFound, cat("run ", name, " belongs to an earlier Release of this name"));
  }
  return run;
}

Result<std::vector<ReleaseRun>> ownRuns(const ApiReader& reader, const Release& release) {
  Result<ObjectList> objects = reader.list(kReleaseRun, release.meta.ns);
  SLIPWAY_RETURN_IF_ERROR(objects.status());
  std::vector<ReleaseRun> out;
  for (const ObjectPtr& object : objects->items) {
    const Json* owner = object->at({"spec", "releaseRef", "uid"});
    if (owner == nullptr || !owner->isString() || owner->asString() != release.meta.uid) {
      continue;  // before it is decoded: a namespace may hold the runs of very many
    }
    Result<ReleaseRun> run = runFromJson(*object);
    if (run && runNumber(*run) > 0) {
      out.push_back(std::move(*run));
    }
  }
  std::sort(out.begin(), out.end(),
            [](const ReleaseRun& one, const ReleaseRun& other) { return runNumber(one) < runNumber(other); });
  return out;
}

Result<std::optional<ReleaseRun>> alreadyThere(const ApiReader& reader, const Release& release, std::int64_t number,
                                               const RunSpec& wanted) {
  const std::string name = cat(release.meta.name, "-", number);
  if (Result<ObjectPtr> seen = reader.get(kReleaseRun, {release.meta.ns, name}); !seen) {
    return seen.code() == Code::NotFound
               ? Status(Code::Unavailable, cat("run ", name, " is there already, and not seen yet"))
               : seen.status();
  }
  Result<ReleaseRun> existing = readRun(reader, release, name);
  if (!existing && existing.code() == Code::NotFound) {
    return std::optional<ReleaseRun>();
  }
  SLIPWAY_RETURN_IF_ERROR(existing.status());
  const RunSpec& spec = existing->spec;
  if (!isTerminal(existing->status.phase) && spec.identity == wanted.identity && spec.reason == wanted.reason &&
      spec.version == wanted.version) {
    return std::optional<ReleaseRun>(std::move(*existing));
  }
  return Status(wanted.reason == RunReason::Apply ? Code::Unavailable : Code::Invalid,
                cat("run ", name, " of version ", spec.version, " was begun before: ask again when it has ended"));
}

}  // namespace slipway::release
