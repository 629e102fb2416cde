#include "reconciler/fleet/server_reconciler.h"

#include "reconciler/api/server.h"
#include "reconciler/base/strings.h"

namespace slipway::fleet {
namespace {

Condition judge(const ApiReader& reader, const Server& server) {
  const ServerSpec& spec = server.spec;
  if (spec.hostKeys.empty()) {
    return {"Ready",
            "False",
            "NotEnrolled",
            cat("no host key is pinned: run 'slipway server enrol ", server.meta.name, "'"),
            {},
            server.meta.generation};
  }
  if (spec.keySecret.empty()) {
    return {"Ready", "False",
            "NoKey", "spec.keySecretRef is missing: there is no key to log in with",
            {},      server.meta.generation};
  }
  Result<ObjectPtr> secret = reader.get(kSecret, {server.meta.ns, spec.keySecret});
  if (!secret) {
    return {"Ready",
            "False",
            "SecretNotFound",
            cat("Secret '", spec.keySecret, "' does not exist"),
            {},
            server.meta.generation};
  }
  const Json* data = (*secret)->find("data");
  if (data == nullptr || data->getString(spec.keySecretKey).empty()) {
    return {"Ready",
            "False",
            "KeyNotFound",
            cat("Secret '", spec.keySecret, "' has no data key '", spec.keySecretKey, "'"),
            {},
            server.meta.generation};
  }
  return {"Ready",      "True",
          "Configured", "enrolled, with a key to log in; it was not asked yet",
          {},           server.meta.generation};
}

// Why it could not be reached, as a reason.
std::string reasonFor(Code code) { return code == Code::Denied ? "AccessRefused" : "Unreachable"; }

// What the last answer means for Ready. Nothing was asked yet, or it never is: the configuration is all there is to
// say.
Condition judgeReady(const Server& server, Condition configured) {
  const Condition* reachable = findCondition(server.status.conditions, "Reachable");
  if (configured.status != "True" || reachable == nullptr) {
    return configured;
  }
  return {"Ready", reachable->status, reachable->reason, reachable->message, {}, server.meta.generation};
}

}  // namespace

void ServerReconciler::take(Server& server, const ServerSight& sight) {
  ServerStatus& status = server.status;
  const std::int64_t generation = server.meta.generation;
  const Condition* before = findCondition(status.conditions, "Reachable");
  const std::string was = before == nullptr ? "" : cat(before->status, before->reason);
  status.probedAt = formatTime(sight.at);
  Condition reachable{"Reachable", "True", "Answers", "it lets us in and runs commands", {}, generation};
  Condition hostKey{"HostKeyVerified", "True", "Pinned", "it showed a pinned host key", {}, generation};
  if (sight.status) {
    status.seenAt = status.probedAt;
    status.capacity = sight.capacity;
  } else {
    const std::string reason = reasonFor(sight.status.code());
    reachable = {"Reachable", "False", reason, sight.status.message(), {}, generation};
    hostKey = {"HostKeyVerified", "Unknown", reason, sight.status.message(), {}, generation};
  }
  const bool changed = was != cat(reachable.status, reachable.reason);
  if (changed && (!sight.status || !was.empty())) {
    ports_.events.record(refTo(kServer, server.meta), sight.status ? EventType::Normal : EventType::Warning,
                         sight.status ? "Reachable" : reachable.reason, reachable.message);
  }
  setCondition(status.conditions, std::move(reachable), ports_.clock.wall());
  setCondition(status.conditions, std::move(hostKey), ports_.clock.wall());
  ports_.metrics.set("slipway_server_reachable", {{"namespace", server.meta.ns}, {"server", server.meta.name}},
                     sight.status ? 1 : 0);
}

Result<Action> ServerReconciler::reconcile(const ObjectKey& key) {
  Result<ObjectPtr> object = ports_.reader.get(kServer, key);
  if (!object) {
    probe_.forget(key);
    ports_.metrics.forget("server", key.name);
    return object.code() == Code::NotFound ? Result<Action>(Action{}) : object.status();
  }
  Result<Server> server = serverFromJson(**object);
  SLIPWAY_RETURN_IF_ERROR(server.status());
  const ServerStatus before = server->status;
  ServerStatus& status = server->status;
  Condition configured = judge(ports_.reader, *server);
  Action action;
  if (configured.status == "True" && server->spec.probeInterval > Duration(0)) {
    action.requeueAfter = probe_.tend(*server);
    if (const std::optional<ServerSight> sight = probe_.take(key)) {
      take(*server, *sight);
    }
  } else {
    probe_.forget(key);
    removeCondition(status.conditions, "Reachable");
    removeCondition(status.conditions, "HostKeyVerified");
  }
  status.observedGeneration = server->meta.generation;
  setCondition(status.conditions, judgeReady(*server, std::move(configured)), ports_.clock.wall());
  if (status != before) {
    SLIPWAY_RETURN_IF_ERROR(
        ports_.status.replaceStatus(kServer, key, server->meta.resourceVersion, toJson(status)).status());
  }
  return action;
}

}  // namespace slipway::fleet
