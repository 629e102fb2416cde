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
          "Configured", "enrolled, with a key to log in; a run finds out whether it answers",
          {},           server.meta.generation};
}

}  // namespace

Result<Action> ServerReconciler::reconcile(const ObjectKey& key) {
  Result<ObjectPtr> object = reader_.get(kServer, key);
  if (!object) {
    return object.code() == Code::NotFound ? Result<Action>(Action{}) : object.status();
  }
  Result<Server> server = serverFromJson(**object);
  SLIPWAY_RETURN_IF_ERROR(server.status());
  ServerStatus status = server->status;
  status.observedGeneration = server->meta.generation;
  setCondition(status.conditions, judge(reader_, *server), clock_.wall());
  if (status != server->status) {
    SLIPWAY_RETURN_IF_ERROR(status_.replaceStatus(kServer, key, server->meta.resourceVersion, toJson(status)).status());
  }
  return Action{};
}

}  // namespace slipway::fleet
