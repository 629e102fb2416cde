#include "reconciler/api/operation.h"

#include <array>

#include "reconciler/api/json_fields.h"
#include "reconciler/base/strings.h"

namespace slipway {
namespace {

constexpr std::array<std::string_view, 10> kActions{"Processes", "Logs",   "Restart",     "Reload",  "Stop",
                                                    "Start",     "System", "Permissions", "Cleanup", "Fallback"};
constexpr std::array<std::string_view, 5> kPhases{"Pending", "Running", "Succeeded", "Failed", "Refused"};
constexpr std::array<std::string_view, 5> kStates{"Pending", "Running", "Done", "Failed", "Unknown"};
constexpr std::array<std::string_view, 3> kStreams{"Combined", "Out", "Error"};

template <typename Enum>
std::string_view nameOf(Enum value, const auto& names) {
  return names[static_cast<std::size_t>(value)];
}

OperationFact factFromJson(const Json& json) {
  OperationFact fact;
  FieldReader reader(&json, "status.targets.facts");
  reader.read("type", fact.type);
  reader.read("values", fact.values);
  return fact;
}

OperationTarget targetFromJson(const Json& json, FieldReader& parent) {
  OperationTarget out;
  FieldReader reader(&json, "status.targets");
  reader.read("name", out.name);
  reader.read("uid", out.uid);
  reader.read("destination", out.destination);
  reader.readEnum("state", {"Pending", "Running", "Done", "Failed", "Unknown"}, out.state);
  reader.read("operationId", out.operationId);
  reader.read("seen", out.seen);
  reader.read("release", out.release);
  reader.read("slot", out.slot);
  reader.read("startedAt", out.startedAt);
  reader.read("finishedAt", out.finishedAt);
  reader.read("message", out.message);
  reader.read("code", out.code);
  reader.read("exitCode", out.exitCode);
  reader.read("tail", out.tail);
  reader.read("alreadyDone", out.alreadyDone);
  if (const Json* facts = reader.child("facts"); facts != nullptr && facts->isArray()) {
    for (const Json& fact : facts->asArray()) {
      out.facts.push_back(factFromJson(fact));
    }
  }
  parent.merge(reader);
  return out;
}

Json toJson(const OperationTarget& target) {
  Json out = Json::object({{"name", target.name}, {"state", nameOf(target.state, kStates)}});
  putText(out, "uid", target.uid);
  putText(out, "destination", target.destination);
  putText(out, "operationId", target.operationId);
  if (target.seen) {
    out["seen"] = true;
  }
  putText(out, "release", target.release);
  putText(out, "slot", target.slot);
  putText(out, "startedAt", target.startedAt);
  putText(out, "finishedAt", target.finishedAt);
  putText(out, "message", target.message);
  putText(out, "code", target.code);
  if (target.exitCode >= 0) {
    out["exitCode"] = target.exitCode;
  }
  putText(out, "tail", target.tail);
  if (target.alreadyDone) {
    out["alreadyDone"] = true;
  }
  Json::Array facts;
  for (const OperationFact& fact : target.facts) {
    Json one = Json::object({{"type", fact.type}});
    putMap(one, "values", fact.values);
    facts.push_back(std::move(one));
  }
  if (!facts.empty()) {
    out["facts"] = std::move(facts);
  }
  return out;
}

void readSpec(FieldReader& spec, OperationSpec& out) {
  spec.readEnum(
      "action",
      {"Processes", "Logs", "Restart", "Reload", "Stop", "Start", "System", "Permissions", "Cleanup", "Fallback"},
      out.action);
  FieldReader release(spec.child("releaseRef"), "spec.releaseRef");
  release.read("name", out.release);
  spec.merge(release);
  spec.read("servers", out.servers);
  FieldReader logs(spec.child("logs"), "spec.logs");
  logs.readEnum("stream", {"Combined", "Out", "Error"}, out.stream);
  logs.read("lines", out.lines);
  logs.read("follow", out.follow);
  spec.merge(logs);
  spec.read("allAtOnce", out.allAtOnce);
  spec.read("fix", out.fix);
  spec.read("emergency", out.emergency);
  spec.read("fallBackTo", out.fallBackTo);
  spec.read("timeout", out.timeout);
  spec.read("ttlAfterFinished", out.ttl);
  spec.read("requestedBy", out.requestedBy);
}

}  // namespace

std::string_view actionName(OperationAction action) { return nameOf(action, kActions); }
std::string_view operationPhaseName(OperationPhase phase) { return nameOf(phase, kPhases); }

bool OperationSpec::changes() const {
  switch (action) {
    case OperationAction::Processes:
    case OperationAction::Logs:
    case OperationAction::System:
      return false;
    case OperationAction::Permissions:
      return fix;
    case OperationAction::Restart:
    case OperationAction::Reload:
    case OperationAction::Stop:
    case OperationAction::Start:
    case OperationAction::Cleanup:
    case OperationAction::Fallback:
      break;
  }
  return true;
}

Result<Operation> operationFromJson(const Json& object) {
  Operation out;
  out.meta = metaFromJson(object);
  FieldReader spec(object.find("spec"), "spec");
  readSpec(spec, out.spec);
  SLIPWAY_RETURN_IF_ERROR(spec.status());
  FieldReader status(object.find("status"), "status");
  status.read("observedGeneration", out.status.observedGeneration);
  out.status.conditions = conditionsFromJson(status.child("conditions"));
  status.readEnum("phase", {"Pending", "Running", "Succeeded", "Failed", "Refused"}, out.status.phase);
  status.read("message", out.status.message);
  status.read("startedAt", out.status.startedAt);
  status.read("finishedAt", out.status.finishedAt);
  status.read("fence", out.status.fence);
  if (const Json* targets = status.child("targets"); targets != nullptr && targets->isArray()) {
    for (const Json& target : targets->asArray()) {
      out.status.targets.push_back(targetFromJson(target, status));
    }
  }
  SLIPWAY_RETURN_IF_ERROR(status.status());
  return out;
}

Json toJson(const OperationSpec& spec) {
  Json out = Json::object({{"action", actionName(spec.action)}});
  putObject(out, "releaseRef", spec.release.empty() ? Json() : Json::object({{"name", spec.release}}));
  putList(out, "servers", spec.servers);
  if (spec.action == OperationAction::Logs) {
    out["logs"] =
        Json::object({{"stream", nameOf(spec.stream, kStreams)}, {"lines", spec.lines}, {"follow", spec.follow}});
  }
  for (const auto& [name, value] :
       {std::pair("allAtOnce", spec.allAtOnce), std::pair("fix", spec.fix), std::pair("emergency", spec.emergency)}) {
    if (value) {
      out[name] = true;
    }
  }
  putText(out, "fallBackTo", spec.fallBackTo);
  out["timeout"] = formatDuration(spec.timeout);
  out["ttlAfterFinished"] = formatDuration(spec.ttl);
  putText(out, "requestedBy", spec.requestedBy);
  return out;
}

Json toJson(const OperationStatus& status) {
  Json out = Json::object({{"observedGeneration", status.observedGeneration},
                           {"conditions", toJson(status.conditions)},
                           {"phase", operationPhaseName(status.phase)}});
  putText(out, "message", status.message);
  putText(out, "startedAt", status.startedAt);
  putText(out, "finishedAt", status.finishedAt);
  if (status.fence > 0) {
    out["fence"] = status.fence;
  }
  Json::Array targets;
  for (const OperationTarget& target : status.targets) {
    targets.push_back(toJson(target));
  }
  if (!targets.empty()) {
    out["targets"] = std::move(targets);
  }
  return out;
}

}  // namespace slipway
