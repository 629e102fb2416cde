#include "reconciler/api/json_fields.h"
#include "reconciler/api/release.h"

namespace slipway {
namespace {

void readHistory(const Json* json, std::vector<ReleaseHistoryEntry>& out) {
  if (json == nullptr || !json->isArray()) {
    return;
  }
  for (const Json& item : json->asArray()) {
    ReleaseHistoryEntry entry;
    FieldReader reader(&item, "status.history");
    reader.read("version", entry.version);
    reader.read("run", entry.run);
    reader.read("outcome", entry.outcome);
    reader.read("revision", entry.revision);
    reader.read("identity", entry.identity);
    reader.read("digest", entry.digest);
    reader.read("finishedAt", entry.finishedAt);
    reader.read("bad", entry.bad);
    reader.read("badReason", entry.badReason);
    reader.read("analysis", entry.analysis);
    out.push_back(std::move(entry));
  }
}

void readStatus(const Json* json, ReleaseStatus& out) {
  FieldReader status(json, "status");
  status.read("observedGeneration", out.observedGeneration);
  out.conditions = conditionsFromJson(status.child("conditions"));
  status.read("phase", out.phase);
  status.read("step", out.step);
  status.read("message", out.message);
  out.weight = weightFromJson(status.child("weight"));
  FieldReader versions(status.child("versions"), "status.versions");
  versions.read("desired", out.versions.desired);
  versions.read("attempted", out.versions.attempted);
  versions.read("applied", out.versions.applied);
  versions.read("stable", out.versions.stable);
  status.read("identity", out.identity);
  status.read("currentRun", out.currentRun);
  status.read("lastOutcome", out.lastOutcome);
  status.read("drift", out.drift);
  status.read("liveGroup", out.liveGroup);
  status.read("runCounter", out.runCounter);
  readHistory(status.child("history"), out.history);
  if (const Json* handled = status.child("handledRequests"); handled != nullptr && handled->isObject()) {
    for (const auto& [verb, value] : handled->asObject()) {
      HandledRequest& request = out.handledRequests[verb];
      FieldReader reader(&value, "status.handledRequests");
      reader.read("token", request.token);
      reader.read("result", request.result);
      reader.read("at", request.at);
      reader.read("then", request.then);
    }
  }
}

Json historyToJson(const std::vector<ReleaseHistoryEntry>& history) {
  Json::Array out;
  for (const ReleaseHistoryEntry& entry : history) {
    Json item = Json::object({{"version", entry.version}, {"run", entry.run}, {"outcome", entry.outcome}});
    putText(item, "revision", entry.revision);
    putText(item, "identity", entry.identity);
    putText(item, "digest", entry.digest);
    putText(item, "finishedAt", entry.finishedAt);
    if (entry.bad) {
      item["bad"] = true;
      putText(item, "badReason", entry.badReason);
    }
    putText(item, "analysis", entry.analysis);
    out.push_back(std::move(item));
  }
  return out;
}

}  // namespace

TrafficWeight weightFromJson(const Json* json) {
  TrafficWeight out;
  FieldReader fields(json, "status.weight");
  fields.read("requested", out.requested);
  fields.read("set", out.set);
  fields.read("verified", out.verified);
  return out;
}

Json toJson(const TrafficWeight& weight) {
  Json out = Json::object();
  const auto put = [&](const char* name, int value) {
    if (value >= 0) {
      out[name] = value;
    }
  };
  put("requested", weight.requested);
  put("set", weight.set);
  put("verified", weight.verified);
  return out;
}

Json toJson(const ReleaseStatus& status) {
  Json out = Json::object({{"observedGeneration", status.observedGeneration}});
  if (!status.conditions.empty()) {
    out["conditions"] = toJson(status.conditions);
  }
  putText(out, "phase", status.phase);
  putText(out, "step", status.step);
  putText(out, "message", status.message);
  putObject(out, "weight", toJson(status.weight));
  Json versions;
  putText(versions, "desired", status.versions.desired);
  putText(versions, "attempted", status.versions.attempted);
  putText(versions, "applied", status.versions.applied);
  putText(versions, "stable", status.versions.stable);
  putObject(out, "versions", versions);
  putText(out, "identity", status.identity);
  putText(out, "currentRun", status.currentRun);
  putText(out, "lastOutcome", status.lastOutcome);
  putText(out, "drift", status.drift);
  putText(out, "liveGroup", status.liveGroup);
  if (status.runCounter > 0) {
    out["runCounter"] = status.runCounter;
  }
  if (!status.history.empty()) {
    out["history"] = historyToJson(status.history);
  }
  for (const auto& [verb, request] : status.handledRequests) {
    Json& entry = out["handledRequests"][verb];
    entry = Json::object({{"token", request.token}, {"result", request.result}, {"at", request.at}});
    putText(entry, "then", request.then);
  }
  return out;
}

Result<Release> releaseFromJson(const Json& object) {
  Release out;
  out.meta = metaFromJson(object);
  const Json* spec = object.find("spec");
  Result<ReleaseSpec> parsed = releaseSpecFromJson(spec == nullptr ? Json::object() : *spec);
  SLIPWAY_RETURN_IF_ERROR(parsed.status());
  out.spec = std::move(*parsed);
  readStatus(object.find("status"), out.status);
  return out;
}

}  // namespace slipway
