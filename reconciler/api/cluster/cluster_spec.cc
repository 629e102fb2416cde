#include "reconciler/api/cluster/cluster_spec.h"

#include "reconciler/api/json_fields.h"

namespace slipway {
namespace {

void readRoleProbe(const Json* json, RoleProbe& out, FieldReader& parent) {
  FieldReader fields(json, "spec.cluster.roleProbe");
  if (const Json* http = fields.child("http"); http != nullptr && http->isObject()) {
    RoleRequest& request = out.http.emplace();
    FieldReader reader(http, "spec.cluster.roleProbe.http");
    reader.read("scheme", request.scheme);
    reader.read("host", request.host);
    reader.read("path", request.path);
    reader.read("port", request.port);
    reader.read("field", request.field);
    reader.read("insecureSkipVerify", request.insecureSkipVerify);
    parent.merge(reader);
  }
  FieldReader exec(fields.child("exec"), "spec.cluster.roleProbe.exec");
  exec.read("run", out.run);
  fields.read("leaderValues", out.leaderValues);
  fields.read("followerValues", out.followerValues);
  fields.read("interval", out.interval);
  fields.read("timeout", out.timeout);
  parent.merge(exec);
  parent.merge(fields);
}

Json toJson(const RoleProbe& probe) {
  Json out = Json::object();
  if (probe.http.has_value()) {
    Json& http = out["http"];
    http["scheme"] = probe.http->scheme;
    putText(http, "host", probe.http->host);
    http["path"] = probe.http->path;
    http["port"] = probe.http->port;
    http["field"] = probe.http->field;
    http["insecureSkipVerify"] = probe.http->insecureSkipVerify;
  }
  if (!probe.run.empty()) {
    out["exec"] = Json::object({{"run", probe.run}});
  }
  putList(out, "leaderValues", probe.leaderValues);
  putList(out, "followerValues", probe.followerValues);
  out["interval"] = formatDuration(probe.interval);
  out["timeout"] = formatDuration(probe.timeout);
  return out;
}

void readBatches(const Json* json, std::vector<std::vector<std::string>>& out) {
  if (json == nullptr || !json->isArray()) {
    return;
  }
  for (const Json& batch : json->asArray()) {
    std::vector<std::string>& names = out.emplace_back();
    if (!batch.isArray()) {
      continue;
    }
    for (const Json& name : batch.asArray()) {
      names.push_back(name.isString() ? name.asString() : "");
    }
  }
}

void putBatches(Json& out, std::string_view name, const std::vector<std::vector<std::string>>& batches) {
  for (const std::vector<std::string>& batch : batches) {
    out[name].push(Json::Array(batch.begin(), batch.end()));
  }
}

}  // namespace

void readCluster(const Json* json, std::optional<ClusterSpec>& out, FieldReader& parent) {
  if (json == nullptr || !json->isObject()) {
    return;
  }
  ClusterSpec& cluster = out.emplace();
  FieldReader fields(json, "spec.cluster");
  readRoleProbe(fields.child("roleProbe"), cluster.roleProbe, parent);
  FieldReader quorum(fields.child("quorum"), "spec.cluster.quorum");
  quorum.read("minAvailable", cluster.minAvailable);
  FieldReader members(quorum.child("members"), "spec.cluster.quorum.members");
  members.read("matchLabels", cluster.memberLabels);
  fields.read("zoneLabel", cluster.zoneLabel);
  if (const Json* breaker = fields.child("tieBreaker"); breaker != nullptr && breaker->isObject()) {
    FieldReader reader(breaker, "spec.cluster.tieBreaker");
    reader.read("zone", cluster.tieBreaker.emplace().zone);
    reader.read("matchLabels", cluster.tieBreaker->matchLabels);
    parent.merge(reader);
  }
  fields.read("leaderLast", cluster.leaderLast);
  fields.read("settleTimeout", cluster.settleTimeout);
  parent.merge(quorum);
  parent.merge(members);
  parent.merge(fields);
}

Json toJson(const ClusterSpec& cluster) {
  Json out = Json::object();
  out["roleProbe"] = toJson(cluster.roleProbe);
  Json quorum = Json::object();
  if (!cluster.memberLabels.empty()) {
    putMap(quorum["members"], "matchLabels", cluster.memberLabels);
  }
  if (cluster.minAvailable > 0) {
    quorum["minAvailable"] = cluster.minAvailable;
  }
  putObject(out, "quorum", std::move(quorum));
  out["zoneLabel"] = cluster.zoneLabel;
  if (cluster.tieBreaker.has_value()) {
    Json breaker = Json::object();
    putText(breaker, "zone", cluster.tieBreaker->zone);
    putMap(breaker, "matchLabels", cluster.tieBreaker->matchLabels);
    out["tieBreaker"] = std::move(breaker);
  }
  out["leaderLast"] = cluster.leaderLast;
  out["settleTimeout"] = formatDuration(cluster.settleTimeout);
  return out;
}

ClusterRecord clusterRecordFromJson(const Json* json) {
  ClusterRecord out;
  FieldReader fields(json, "status.cluster");
  fields.read("surveys", out.surveys);
  fields.read("seenAt", out.seenAt);
  fields.read("splits", out.splits);
  fields.read("round", out.round);
  if (const Json* members = fields.child("members"); members != nullptr && members->isObject()) {
    for (const auto& [server, member] : members->asObject()) {
      out.members[server] = {member.getString("role"), member.getString("answer"), member.getString("message")};
    }
  }
  readBatches(fields.child("batches"), out.batches);
  readBatches(fields.child("back"), out.back);
  return out;
}

Json toJson(const ClusterRecord& record) {
  if (record == ClusterRecord{}) {
    return {};
  }
  Json out = Json::object({{"surveys", record.surveys}, {"splits", record.splits}, {"round", record.round}});
  putText(out, "seenAt", record.seenAt);
  for (const auto& [server, member] : record.members) {
    Json one = Json::object({{"role", member.role}});
    putText(one, "answer", member.answer);
    putText(one, "message", member.message);
    out["members"][server] = std::move(one);
  }
  putBatches(out, "batches", record.batches);
  putBatches(out, "back", record.back);
  return out;
}

}  // namespace slipway
