#include "reconciler/api/meta.h"

#include "reconciler/api/json_fields.h"

namespace slipway {
namespace {

OwnerReference ownerFromJson(const Json& json) {
  OwnerReference owner;
  owner.apiVersion = json.getString("apiVersion");
  owner.kind = json.getString("kind");
  owner.name = json.getString("name");
  owner.uid = json.getString("uid");
  owner.controller = json.getBool("controller");
  owner.blockOwnerDeletion = json.getBool("blockOwnerDeletion");
  return owner;
}

Json toJson(const OwnerReference& owner) {
  Json out =
      Json::object({{"apiVersion", owner.apiVersion}, {"kind", owner.kind}, {"name", owner.name}, {"uid", owner.uid}});
  if (owner.controller) {
    out["controller"] = true;
  }
  if (owner.blockOwnerDeletion) {
    out["blockOwnerDeletion"] = true;
  }
  return out;
}

}  // namespace

ObjectMeta metaFromJson(const Json& object) {
  ObjectMeta meta;
  const Json* json = object.find("metadata");
  FieldReader reader(json, "metadata");
  reader.read("name", meta.name);
  reader.read("namespace", meta.ns);
  reader.read("uid", meta.uid);
  reader.read("resourceVersion", meta.resourceVersion);
  reader.read("generation", meta.generation);
  reader.read("creationTimestamp", meta.creationTimestamp);
  reader.read("deletionTimestamp", meta.deletionTimestamp);
  reader.read("labels", meta.labels);
  reader.read("annotations", meta.annotations);
  reader.read("finalizers", meta.finalizers);
  if (const Json* owners = reader.child("ownerReferences"); owners != nullptr && owners->isArray()) {
    for (const Json& owner : owners->asArray()) {
      meta.ownerReferences.push_back(ownerFromJson(owner));
    }
  }
  return meta;
}

Json toJson(const ObjectMeta& meta) {
  Json out = Json::object({{"name", meta.name}});
  putText(out, "namespace", meta.ns);
  putMap(out, "labels", meta.labels);
  putMap(out, "annotations", meta.annotations);
  putList(out, "finalizers", meta.finalizers);
  for (const OwnerReference& owner : meta.ownerReferences) {
    out["ownerReferences"].push(toJson(owner));
  }
  return out;
}

Json newObject(const Kind& kind, const ObjectMeta& meta) {
  return Json::object({{"apiVersion", kind.apiVersion()}, {"kind", kind.kind}, {"metadata", toJson(meta)}});
}

}  // namespace slipway
