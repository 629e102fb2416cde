#include "reconciler/api/destination.h"

#include <algorithm>
#include <set>

#include "reconciler/api/json_fields.h"
#include "reconciler/base/strings.h"

namespace slipway {
namespace {

std::optional<DestinationLock> readLock(const Json* lock, const std::string& path, FieldReader& parent) {
  if (lock == nullptr || !lock->isObject()) {
    return std::nullopt;
  }
  DestinationLock held;
  FieldReader reader(lock, path);
  reader.read("message", held.message);
  reader.read("by", held.by);
  reader.read("at", held.at);
  parent.merge(reader);
  return held;
}

void putLock(Json& out, const std::optional<DestinationLock>& held) {
  if (held.has_value()) {
    Json& lock = out["lock"];
    lock["message"] = held->message;
    putText(lock, "by", held->by);
    putText(lock, "at", held->at);
  }
}

}  // namespace

Result<Destination> destinationFromJson(const Json& object) {
  Destination out;
  out.meta = metaFromJson(object);
  FieldReader spec(object.find("spec"), "spec");
  spec.read("type", out.spec.type);
  std::string single;
  spec.read("server", single);
  if (!single.empty()) {
    out.spec.servers = {single};
  }
  spec.read("servers", out.spec.servers);
  FieldReader selector(spec.child("selector"), "spec.selector");
  selector.read("matchLabels", out.spec.matchLabels);
  spec.merge(selector);
  out.spec.lock = readLock(spec.child("lock"), "spec.lock", spec);
  FieldReader status(object.find("status"), "status");
  status.read("observedGeneration", out.status.observedGeneration);
  status.read("servers", out.status.servers);
  status.read("activeRun", out.status.activeRun);
  status.read("reachable", out.status.reachable);
  out.status.lock = readLock(status.child("lock"), "status.lock", status);
  status.read("lockOverride", out.status.lockOverride);
  out.status.conditions = conditionsFromJson(status.child("conditions"));
  SLIPWAY_RETURN_IF_ERROR(spec.status());
  return out;
}

bool hasLabels(const std::map<std::string, std::string>& labels, const std::map<std::string, std::string>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& want) {
    auto found = labels.find(want.first);
    return found != labels.end() && found->second == want.second;
  });
}

Result<std::vector<std::string>> selectServers(const Destination& destination, const std::vector<ObjectMeta>& servers) {
  std::set<std::string> names;
  for (const std::string& name : destination.spec.servers) {
    if (std::none_of(servers.begin(), servers.end(), [&](const ObjectMeta& meta) { return meta.name == name; })) {
      return Status(Code::Invalid, cat("Destination '", destination.meta.name, "' names server '", name,
                                       "', which does not exist in namespace '", destination.meta.ns, "'"));
    }
    names.insert(name);
  }
  for (const ObjectMeta& meta : servers) {
    if (!destination.spec.matchLabels.empty() && !meta.deleting() &&
        hasLabels(meta.labels, destination.spec.matchLabels)) {
      names.insert(meta.name);
    }
  }
  return std::vector<std::string>(names.begin(), names.end());
}

Json toJson(const DestinationSpec& spec) {
  Json out = Json::object({{"type", spec.type}});
  putList(out, "servers", spec.servers);
  if (!spec.matchLabels.empty()) {
    putMap(out["selector"], "matchLabels", spec.matchLabels);
  }
  putLock(out, spec.lock);
  return out;
}

Json toJson(const DestinationStatus& status) {
  Json out =
      Json::object({{"observedGeneration", status.observedGeneration}, {"conditions", toJson(status.conditions)}});
  out["servers"] = Json::Array(status.servers.begin(), status.servers.end());
  out["serverCount"] = static_cast<std::int64_t>(status.servers.size());
  out["reachable"] = status.reachable;
  putText(out, "activeRun", status.activeRun);
  putLock(out, status.lock);
  putText(out, "lockOverride", status.lockOverride);
  return out;
}

}  // namespace slipway
