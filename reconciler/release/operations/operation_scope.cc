#include "reconciler/release/operations/operation_scope.h"

#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/release/summary.h"
#include "reconciler/release/targets.h"

namespace slipway::release {
namespace {

Result<std::optional<ReleaseRun>> readRun(const ApiReader& reader, const Release& release, const std::string& name) {
  if (name.empty()) {
    return std::optional<ReleaseRun>();
  }
  Result<ObjectPtr> object = reader.get(kReleaseRun, {release.meta.ns, name});
  if (!object && object.code() == Code::NotFound) {
    return std::optional<ReleaseRun>();
  }
  SLIPWAY_RETURN_IF_ERROR(object.status());
  Result<ReleaseRun> run = runFromJson(**object);
  SLIPWAY_RETURN_IF_ERROR(run.status());
  return std::optional<ReleaseRun>(std::move(*run));
}

// The spec of the run that brought what is live; a spec that was edited since is not what runs.
Result<ReleaseSpec> liveSpec(const ApiReader& reader, const Release& release) {
  for (const ReleaseHistoryEntry& entry : release.status.history) {
    if (entry.version == release.status.versions.applied && entry.outcome == phaseName(RunPhase::Completed)) {
      Result<std::optional<ReleaseRun>> run = readRun(reader, release, entry.run);
      SLIPWAY_RETURN_IF_ERROR(run.status());
      return run->has_value() ? (*run)->spec.spec : release.spec;
    }
  }
  return release.spec;
}

Result<std::vector<OperationTarget>> machines(const ApiReader& reader, const Operation& operation) {
  std::vector<OperationTarget> out;
  for (const std::string& name : operation.spec.servers) {
    Result<ObjectPtr> object = reader.get(kServer, {operation.meta.ns, name});
    if (!object) {
      return object.code() == Code::NotFound ? Status(Code::NotFound, cat("spec.servers: there is no Server '", name,
                                                                          "' in namespace '", operation.meta.ns, "'"))
                                             : object.status();
    }
    OperationTarget target;
    target.name = name;
    target.uid = metaFromJson(**object).uid;
    out.push_back(std::move(target));
  }
  return out;
}

Status narrow(const Operation& operation, std::vector<OperationTarget>& targets) {
  const std::vector<std::string>& wanted = operation.spec.servers;
  for (const std::string& name : wanted) {
    if (std::none_of(targets.begin(), targets.end(), [&](const OperationTarget& one) { return one.name == name; })) {
      std::vector<std::string> names;
      for (const OperationTarget& target : targets) {
        names.push_back(target.name);
      }
      return {Code::Invalid, cat("spec.servers: '", name, "' is no server of Release '", operation.spec.release,
                                 "', which has ", join(names, ", "))};
    }
  }
  std::erase_if(targets, [&](const OperationTarget& one) {
    return !wanted.empty() && std::find(wanted.begin(), wanted.end(), one.name) == wanted.end();
  });
  return Status::ok();
}

}  // namespace

Result<OperationScope> scopeOf(const ApiReader& reader, const Operation& operation) {
  OperationScope scope;
  if (operation.spec.release.empty()) {
    scope.spec.layout.root = "/srv";
    Result<std::vector<OperationTarget>> targets = machines(reader, operation);
    SLIPWAY_RETURN_IF_ERROR(targets.status());
    scope.targets = std::move(*targets);
    return scope;
  }
  Result<ObjectPtr> object = reader.get(kRelease, {operation.meta.ns, operation.spec.release});
  if (!object) {
    return object.code() == Code::NotFound
               ? Status(Code::NotFound, cat("spec.releaseRef: there is no Release '", operation.spec.release,
                                            "' in namespace '", operation.meta.ns, "'"))
               : object.status();
  }
  Result<Release> release = releaseFromJson(**object);
  SLIPWAY_RETURN_IF_ERROR(release.status());
  Result<std::optional<ReleaseRun>> run = readRun(reader, *release, release->status.currentRun);
  SLIPWAY_RETURN_IF_ERROR(run.status());
  scope.run = std::move(*run);
  Result<ReleaseSpec> spec = liveSpec(reader, *release);
  SLIPWAY_RETURN_IF_ERROR(spec.status());
  scope.spec = std::move(*spec);
  Result<std::vector<RunTarget>> targets = freezeTargets(reader, operation.meta.ns, scope.spec);
  SLIPWAY_RETURN_IF_ERROR(targets.status());
  for (const RunTarget& one : *targets) {
    OperationTarget target;
    target.name = one.name;
    target.uid = one.uid;
    target.destination = one.destination;
    scope.targets.push_back(std::move(target));
  }
  if (scope.run.has_value()) {
    scope.keep = protectedVersions(*release, *scope.run);
  }
  scope.release = std::move(*release);
  SLIPWAY_RETURN_IF_ERROR(narrow(operation, scope.targets));
  return scope;
}

}  // namespace slipway::release
