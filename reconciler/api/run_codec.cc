#include "reconciler/api/json_fields.h"
#include "reconciler/api/run.h"

namespace slipway {
namespace {

void readRunSpec(const Json* json, RunSpec& out, Status& status) {
  FieldReader fields(json, "spec");
  FieldReader release(fields.child("releaseRef"), "spec.releaseRef");
  release.read("name", out.release);
  release.read("uid", out.releaseUid);
  release.read("generation", out.releaseGeneration);
  fields.readEnum("reason", {"Apply", "Retry", "Rollback", "Repair"}, out.reason);
  fields.read("version", out.version);
  fields.read("identity", out.identity);
  fields.read("basedOn", out.basedOn);
  fields.read("previousRun", out.previousRun);
  fields.read("rollbackFrom", out.rollbackFrom);
  if (const Json* spec = fields.child("template"); spec != nullptr) {
    Result<ReleaseSpec> parsed = releaseSpecFromJson(*spec);
    if (parsed) {
      out.spec = std::move(*parsed);
    } else {
      status = parsed.status().withContext("spec.template");
    }
  }
  if (const Json* analyses = fields.child("analyses"); analyses != nullptr && analyses->isObject()) {
    for (const auto& [name, analysis] : analyses->asObject()) {
      readAnalysisTemplate(&analysis, out.analyses[name], fields);
    }
  }
  fields.merge(release);
  if (status) {
    status = fields.status();
  }
}

StepRecord recordFromJson(const Json& json) {
  StepRecord out;
  FieldReader fields(&json, "status.targets.steps");
  fields.readEnum("state", {"Pending", "Running", "Done", "Failed", "Unknown"}, out.state);
  fields.read("attempt", out.attempt);
  fields.read("tries", out.tries);
  fields.read("operationId", out.operationId);
  fields.read("startedAt", out.startedAt);
  fields.read("finishedAt", out.finishedAt);
  fields.read("notBefore", out.notBefore);
  fields.read("durationMs", out.durationMs);
  fields.read("phase", out.phase);
  fields.read("exitCode", out.exitCode);
  fields.read("code", out.code);
  fields.read("message", out.message);
  fields.read("tail", out.tail);
  fields.read("alreadyDone", out.alreadyDone);
  fields.read("consecutiveSuccesses", out.successes);
  fields.read("consecutiveFailures", out.failures);
  return out;
}

Json toJson(const StepRecord& record) {
  Json out = Json::object({{"state", stateName(record.state)}});
  if (record.attempt > 0) {
    out["attempt"] = record.attempt;
  }
  if (record.tries > 0) {
    out["tries"] = record.tries;
  }
  putText(out, "operationId", record.operationId);
  putText(out, "startedAt", record.startedAt);
  putText(out, "finishedAt", record.finishedAt);
  putText(out, "notBefore", record.notBefore);
  if (record.durationMs >= 0) {
    out["durationMs"] = record.durationMs;
  }
  putText(out, "phase", record.phase);
  if (record.exitCode >= 0) {
    out["exitCode"] = record.exitCode;
  }
  putText(out, "code", record.code);
  putText(out, "message", record.message);
  putText(out, "tail", record.tail);
  if (record.alreadyDone) {
    out["alreadyDone"] = true;
  }
  if (record.successes > 0) {
    out["consecutiveSuccesses"] = record.successes;
  }
  if (record.failures > 0) {
    out["consecutiveFailures"] = record.failures;
  }
  return out;
}

RunTarget targetFromJson(const Json& json) {
  RunTarget out;
  FieldReader fields(&json, "status.targets");
  fields.read("name", out.name);
  fields.read("destination", out.destination);
  fields.read("uid", out.uid);
  fields.read("gone", out.gone);
  fields.read("digest", out.digest);
  fields.read("before", out.before);
  fields.read("bytesSent", out.bytesSent);
  fields.read("slot", out.slot);
  fields.read("slotBefore", out.slotBefore);
  fields.read("zone", out.zone);
  fields.read("rank", out.rank);
  fields.read("group", out.group);
  fields.read("voter", out.voter);
  fields.read("tieBreaker", out.tieBreaker);
  if (const Json* steps = fields.child("steps"); steps != nullptr && steps->isObject()) {
    for (const auto& [name, record] : steps->asObject()) {
      if (Result<StepKind> kind = stepFromName(name)) {
        out.steps[*kind] = recordFromJson(record);
      }
    }
  }
  return out;
}

// One word for people: what this target is at.
std::string targetState(const RunTarget& target) {
  if (target.gone) {
    return "Gone";
  }
  std::string state = "Pending";
  for (StepKind kind : kStepKinds) {
    const StepRecord* record = target.step(kind);
    if (record == nullptr || record->state == StepState::Pending) {
      continue;
    }
    state = std::string(stepName(kind)) + " " + std::string(stateName(record->state));
  }
  return state;
}

Json toJson(const RunTarget& target) {
  Json out = Json::object({{"name", target.name}, {"destination", target.destination}, {"uid", target.uid}});
  out["state"] = targetState(target);
  if (target.gone) {
    out["gone"] = true;
  }
  putText(out, "digest", target.digest);
  putText(out, "before", target.before);
  if (target.bytesSent > 0) {
    out["bytesSent"] = target.bytesSent;
  }
  putText(out, "slot", target.slot);
  putText(out, "slotBefore", target.slotBefore);
  putText(out, "zone", target.zone);
  putText(out, "rank", target.rank);
  putText(out, "group", target.group);
  if (target.voter) {
    out["voter"] = true;
  }
  if (target.tieBreaker) {
    out["tieBreaker"] = true;
  }
  for (const auto& [kind, record] : target.steps) {
    out["steps"][stepName(kind)] = toJson(record);
  }
  return out;
}

void readTransitions(const Json* json, std::vector<RunTransition>& out) {
  if (json == nullptr || !json->isArray()) {
    return;
  }
  for (const Json& item : json->asArray()) {
    RunTransition row;
    FieldReader fields(&item, "status.transitions");
    std::string phase;
    fields.read("phase", phase);
    row.phase = phaseFromName(phase).valueOr(RunPhase::Pending);
    fields.read("enteredAt", row.enteredAt);
    fields.read("exitedAt", row.exitedAt);
    fields.read("reason", row.reason);
    fields.read("message", row.message);
    out.push_back(std::move(row));
  }
}

void readDecisions(const Json* json, RunDecisions& out) {
  FieldReader fields(json, "status.decisions");
  fields.read("commit", out.commit);
  fields.read("revert", out.revert);
  fields.read("revertReason", out.revertReason);
  fields.read("revertMessage", out.revertMessage);
  fields.read("abort", out.abort);
  fields.read("abortReason", out.abortReason);
  fields.read("pausedAt", out.pausedAt);
  fields.read("promoteFull", out.promoteFull);
  fields.read("promotedStep", out.promotedStep);
  fields.read("sourceFailed", out.sourceFailed);
}

Json toJson(const RunDecisions& decisions) {
  Json out;
  putText(out, "commit", decisions.commit);
  putText(out, "revert", decisions.revert);
  putText(out, "revertReason", decisions.revertReason);
  putText(out, "revertMessage", decisions.revertMessage);
  putText(out, "abort", decisions.abort);
  putText(out, "abortReason", decisions.abortReason);
  putText(out, "pausedAt", decisions.pausedAt);
  putText(out, "promoteFull", decisions.promoteFull);
  putText(out, "sourceFailed", decisions.sourceFailed);
  if (decisions.promotedStep >= 0) {
    out["promotedStep"] = decisions.promotedStep;
  }
  return out;
}

TrafficChange trafficFromJson(const Json* json) {
  TrafficChange out;
  FieldReader fields(json, "status.traffic");
  fields.read("number", out.number);
  fields.read("fresh", out.fresh);
  fields.read("stable", out.stable);
  out.weight = weightFromJson(fields.child("weight"));
  if (const Json* record = fields.child("change"); record != nullptr) {
    out.record = recordFromJson(*record);
  }
  return out;
}

Json toJson(const TrafficChange& traffic) {
  if (traffic.number == 0) {
    return {};
  }
  Json out = Json::object({{"number", traffic.number}});
  out["change"] = toJson(traffic.record);
  putObject(out, "weight", toJson(traffic.weight));
  putList(out, "fresh", traffic.fresh);
  putList(out, "stable", traffic.stable);
  return out;
}

void readHookRecords(const Json* json, std::map<std::string, HookRecord>& out) {
  if (json == nullptr || !json->isObject()) {
    return;
  }
  for (const auto& [key, hook] : json->asObject()) {
    out[key] = {hook.getString("server"), recordFromJson(hook)};
  }
}

void readWaits(const Json* json, std::map<std::string, RunWait>& out) {
  if (json == nullptr || !json->isObject()) {
    return;
  }
  for (const auto& [name, wait] : json->asObject()) {
    FieldReader fields(&wait, "status.waits");
    fields.read("startedAt", out[name].startedAt);
    fields.read("elapsedMs", out[name].elapsedMs);
  }
}

Status readRunStatus(const Json* json, RunStatus& out) {
  FieldReader fields(json, "status");
  fields.read("observedGeneration", out.observedGeneration);
  out.conditions = conditionsFromJson(fields.child("conditions"));
  std::string phase;
  fields.read("phase", phase);
  if (!phase.empty()) {
    Result<RunPhase> parsed = phaseFromName(phase);
    SLIPWAY_RETURN_IF_ERROR(parsed.status());
    out.phase = *parsed;
  }
  fields.read("message", out.message);
  fields.read("step", out.step);
  fields.read("startedAt", out.startedAt);
  fields.read("finishedAt", out.finishedAt);
  fields.read("outcome", out.outcome);
  fields.read("revision", out.revision);
  fields.read("revisionDisplay", out.revisionDisplay);
  fields.read("artifact", out.artifact);
  fields.read("fence", out.fence);
  fields.read("skewMs", out.skewMs);
  readDecisions(fields.child("decisions"), out.decisions);
  readWaits(fields.child("waits"), out.waits);
  fields.read("canaryStep", out.canaryStep);
  out.traffic = trafficFromJson(fields.child("traffic"));
  fields.read("liveGroup", out.liveGroup);
  readAnalyses(fields.child("analyses"), out.analyses);
  readHookRecords(fields.child("hooks"), out.hooks);
  out.cluster = clusterRecordFromJson(fields.child("cluster"));
  readTransitions(fields.child("transitions"), out.transitions);
  if (const Json* targets = fields.child("targets"); targets != nullptr && targets->isArray()) {
    for (const Json& target : targets->asArray()) {
      out.targets.push_back(targetFromJson(target));
    }
  }
  return fields.status();
}

}  // namespace

Result<ReleaseRun> runFromJson(const Json& object) {
  ReleaseRun out;
  out.meta = metaFromJson(object);
  Status status;
  readRunSpec(object.find("spec"), out.spec, status);
  SLIPWAY_RETURN_IF_ERROR(status);
  SLIPWAY_RETURN_IF_ERROR(readRunStatus(object.find("status"), out.status));
  return out;
}

Json toJson(const RunSpec& spec) {
  Json out = Json::object(
      {{"releaseRef",
        Json::object({{"name", spec.release}, {"uid", spec.releaseUid}, {"generation", spec.releaseGeneration}})},
       {"reason", reasonName(spec.reason)},
       {"version", spec.version},
       {"identity", spec.identity}});
  putText(out, "basedOn", spec.basedOn);
  putText(out, "previousRun", spec.previousRun);
  putText(out, "rollbackFrom", spec.rollbackFrom);
  out["template"] = toJson(spec.spec);
  for (const auto& [name, analysis] : spec.analyses) {
    out["analyses"][name] = toJson(analysis);
  }
  return out;
}

Json toJson(const RunStatus& status) {
  Json out = Json::object({{"observedGeneration", status.observedGeneration}, {"phase", phaseName(status.phase)}});
  if (!status.conditions.empty()) {
    out["conditions"] = toJson(status.conditions);
  }
  putText(out, "message", status.message);
  putText(out, "step", status.step);
  putText(out, "startedAt", status.startedAt);
  putText(out, "finishedAt", status.finishedAt);
  putText(out, "outcome", status.outcome);
  putText(out, "revision", status.revision);
  putText(out, "revisionDisplay", status.revisionDisplay);
  putText(out, "artifact", status.artifact);
  if (status.fence > 0) {
    out["fence"] = Json(status.fence);
  }
  if (status.skewMs >= 0) {
    out["skewMs"] = status.skewMs;
  }
  putObject(out, "decisions", toJson(status.decisions));
  for (const auto& [name, wait] : status.waits) {
    out["waits"][name] = Json::object({{"startedAt", wait.startedAt}, {"elapsedMs", wait.elapsedMs}});
  }
  if (status.canaryStep > 0) {
    out["canaryStep"] = status.canaryStep;
  }
  putObject(out, "traffic", toJson(status.traffic));
  putText(out, "liveGroup", status.liveGroup);
  for (const auto& [step, analysis] : status.analyses) {
    out["analyses"][step] = toJson(analysis);
  }
  for (const auto& [key, hook] : status.hooks) {
    Json record = toJson(hook.record);
    record["server"] = hook.server;
    out["hooks"][key] = std::move(record);
  }
  if (!status.targets.empty()) {
    const InstanceCount count = countInstances(status);
    out["instances"] = Json::object({{"total", count.total}, {"successful", count.successful}});
  }
  putObject(out, "cluster", toJson(status.cluster));
  for (const RunTransition& row : status.transitions) {
    Json item = Json::object({{"phase", phaseName(row.phase)}, {"enteredAt", row.enteredAt}});
    putText(item, "exitedAt", row.exitedAt);
    putText(item, "reason", row.reason);
    putText(item, "message", row.message);
    out["transitions"].push(std::move(item));
  }
  for (const RunTarget& target : status.targets) {
    out["targets"].push(toJson(target));
  }
  return out;
}

}  // namespace slipway
