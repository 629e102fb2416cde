#include "reconciler/fleet/destination_reconciler.h"

#include <algorithm>
#include <set>

#include "reconciler/api/destination.h"
#include "reconciler/base/strings.h"

namespace slipway::fleet {

bool isOpenOn(const Json& run, std::string_view destination) {
  const Json* outcome = run.at({"status", "outcome"});
  const Json* named = run.at({"spec", "template", "destinations"});
  if ((outcome != nullptr && outcome->isString() && !outcome->asString().empty()) || named == nullptr ||
      !named->isArray()) {
    return false;
  }
  return std::any_of(named->asArray().begin(), named->asArray().end(), [&](const Json& each) {
    const Json* name = each.at({"name"});
    return name != nullptr && name->isString() && name->asString() == destination;
  });
}

// Not decoded: there are many that ended.
Result<std::string> DestinationReconciler::openRuns(const ObjectKey& destination) const {
  Result<ObjectList> runs = reader_.list(kReleaseRun, destination.ns);
  SLIPWAY_RETURN_IF_ERROR(runs.status());
  std::vector<std::string> open;
  for (const ObjectPtr& run : runs->items) {
    if (isOpenOn(*run, destination.name)) {
      open.push_back(metaFromJson(*run).name);
    }
  }
  std::sort(open.begin(), open.end());
  return join(open, ", ");
}

void DestinationReconciler::tellOfLock(const Destination& before, const DestinationStatus& now) {
  const ObjectRef about = refTo(kDestination, before.meta);
  if (now.lockOverride != before.status.lockOverride && !now.lockOverride.empty()) {
    events_.record(about, EventType::Warning, "LockOverridden", now.lockOverride);
  }
  if (now.lock == before.status.lock) {
    return;
  }
  if (now.lock.has_value()) {
    const std::string by = now.lock->by.empty() ? "" : cat(" by ", now.lock->by);
    events_.record(about, EventType::Normal, "Locked", cat("locked", by, ": ", now.lock->message));
  } else {
    events_.record(about, EventType::Normal, "Unlocked", cat("unlocked; it was: ", before.status.lock->message));
  }
}

Result<Action> DestinationReconciler::reconcile(const ObjectKey& key) {
  Result<ObjectPtr> object = reader_.get(kDestination, key);
  if (!object) {
    return object.code() == Code::NotFound ? Result<Action>(Action{}) : object.status();
  }
  Result<Destination> destination = destinationFromJson(**object);
  SLIPWAY_RETURN_IF_ERROR(destination.status());
  DestinationStatus status = destination->status;
  const std::int64_t generation = destination->meta.generation;
  status.observedGeneration = generation;
  Result<ObjectList> objects = reader_.list(kServer, key.ns);
  SLIPWAY_RETURN_IF_ERROR(objects.status());
  std::vector<ObjectMeta> known;
  std::set<std::string> answering;
  for (const ObjectPtr& server : objects->items) {
    known.push_back(metaFromJson(*server));
    const std::vector<Condition> conditions = conditionsFromJson(server->at({"status", "conditions"}));
    const Condition* reachable = findCondition(conditions, "Reachable");
    if (reachable != nullptr && reachable->status == "True") {
      answering.insert(known.back().name);
    }
  }
  Result<std::vector<std::string>> servers = selectServers(*destination, known);
  Condition ready{"Ready", "True", "ServersFound", "", {}, generation};
  if (!servers) {
    ready = {"Ready", "False", "UnknownServer", servers.status().message(), {}, generation};
    status.servers.clear();
  } else {
    status.servers = *servers;
    ready.message = cat(servers->size(), " servers");
    if (servers->empty()) {
      ready = {"Ready", "False", "NoServers", "no server is selected", {}, generation};
    }
  }
  status.reachable = std::count_if(status.servers.begin(), status.servers.end(),
                                   [&](const std::string& name) { return answering.contains(name); });
  setCondition(status.conditions, std::move(ready), clock_.wall());
  Result<std::string> open = openRuns(key);
  SLIPWAY_RETURN_IF_ERROR(open.status());
  status.activeRun = *open;
  status.lock = destination->spec.lock;
  const auto overridden = destination->meta.annotations.find(std::string(kLockOverride));
  status.lockOverride = overridden == destination->meta.annotations.end() ? "" : overridden->second;
  if (status != destination->status) {
    SLIPWAY_RETURN_IF_ERROR(
        status_.replaceStatus(kDestination, key, destination->meta.resourceVersion, toJson(status)).status());
    tellOfLock(*destination, status);
  }
  return Action{};
}

}  // namespace slipway::fleet
