#include "reconciler/api/server.h"

#include "reconciler/api/json_fields.h"

namespace slipway {

Result<Server> serverFromJson(const Json& object) {
  Server out;
  out.meta = metaFromJson(object);
  FieldReader spec(object.find("spec"), "spec");
  int port = out.spec.port;
  spec.read("address", out.spec.address);
  spec.read("port", port);
  spec.read("user", out.spec.user);
  spec.read("hostKeys", out.spec.hostKeys);
  FieldReader secret(spec.child("keySecretRef"), "spec.keySecretRef");
  secret.read("name", out.spec.keySecret);
  secret.read("key", out.spec.keySecretKey);
  spec.merge(secret);
  FieldReader probe(spec.child("probe"), "spec.probe");
  probe.read("interval", out.spec.probeInterval);
  probe.read("timeout", out.spec.probeTimeout);
  spec.merge(probe);
  if (port < 1 || port > 65535) {
    spec.fail("port", "must be 1 to 65535");
  }
  out.spec.port = static_cast<std::uint16_t>(port);
  FieldReader status(object.find("status"), "status");
  status.read("observedGeneration", out.status.observedGeneration);
  out.status.conditions = conditionsFromJson(status.child("conditions"));
  status.read("probedAt", out.status.probedAt);
  status.read("seenAt", out.status.seenAt);
  FieldReader capacity(status.child("capacity"), "status.capacity");
  capacity.read("cpuMilli", out.status.capacity.cpuMilli);
  capacity.read("memory", out.status.capacity.memory);
  capacity.read("diskFree", out.status.capacity.diskFree);
  SLIPWAY_RETURN_IF_ERROR(spec.status());
  return out;
}

Json toJson(const ServerSpec& spec) {
  Json out = Json::object({{"address", spec.address}, {"port", int{spec.port}}, {"user", spec.user}});
  putObject(out, "keySecretRef",
            spec.keySecret.empty() ? Json() : Json::object({{"name", spec.keySecret}, {"key", spec.keySecretKey}}));
  putList(out, "hostKeys", spec.hostKeys);
  out["probe"] =
      Json::object({{"interval", formatDuration(spec.probeInterval)}, {"timeout", formatDuration(spec.probeTimeout)}});
  return out;
}

Json toJson(const ServerStatus& status) {
  Json out =
      Json::object({{"observedGeneration", status.observedGeneration}, {"conditions", toJson(status.conditions)}});
  putText(out, "probedAt", status.probedAt);
  putText(out, "seenAt", status.seenAt);
  for (const auto& [name, amount] :
       {std::pair("cpuMilli", status.capacity.cpuMilli), std::pair("memory", status.capacity.memory),
        std::pair("diskFree", status.capacity.diskFree)}) {
    if (amount >= 0) {
      out["capacity"][name] = amount;
    }
  }
  return out;
}

}  // namespace slipway
