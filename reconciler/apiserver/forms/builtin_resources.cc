#include "reconciler/apiserver/forms/builtin_resources.h"

#include <cassert>
#include <string>
#include <string_view>
#include <utility>

#include "reconciler/base/strings.h"

namespace slipway::apiserver {

namespace {

using enum ValueType;

Json openObject() { return Json::object({{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}}); }

Json objectSchema(const BuiltinType& type, bool root);

Json valueSchema(const TypeField& field) {
  switch (field.type) {
    case String:
      return Json::object({{"type", "string"}});
    case Bytes:
      return Json::object({{"type", "string"}, {"format", "byte"}});
    case Bool:
      return Json::object({{"type", "boolean"}});
    case Int32:
      return Json::object({{"type", "integer"}, {"format", "int32"}});
    case Int64:
      return Json::object({{"type", "integer"}, {"format", "int64"}});
    case Double:
      return Json::object({{"type", "number"}, {"format", "double"}});
    case Time:
    case MicroTime:
      return Json::object({{"type", "string"}, {"format", "date-time"}});
    case Strings:
      return Json::object({{"type", "array"}, {"items", Json::object({{"type", "string"}})}});
    case Message:
      if (field.message() == "JSONSchemaProps") {
        return openObject();
      }
      return objectSchema(*findBuiltinType(field.message()), false);
    case RawJson:
    case SchemaOrBool:
    case SchemaOrList:
    case SchemaOrStrings:
      break;
  }
  return openObject();
}

Json fieldSchema(const TypeField& field) {
  Json value = valueSchema(field);
  Json out = Json::object();
  switch (field.shape) {
    case Shape::One:
      out = std::move(value);
      break;
    case Shape::Map:
      out = Json::object({{"type", "object"}, {"additionalProperties", std::move(value)}});
      break;
    case Shape::List:
    case Shape::Set:
    case Shape::MapList:
      out = Json::object({{"type", "array"}, {"items", std::move(value)}});
      break;
  }
  if (field.shape == Shape::Set) {
    out["x-kubernetes-list-type"] = "set";
  }
  if (field.shape == Shape::MapList) {
    out["items"]["required"] = Json::array({field.listMapKey()});
    out["x-kubernetes-list-type"] = "map";
    out["x-kubernetes-list-map-keys"] = Json::array({field.listMapKey()});
  }
  if (!field.meaning.empty()) {
    out["description"] = field.meaning;
  }
  return out;
}

Json objectSchema(const BuiltinType& type, bool root) {
  Json out = Json::object({{"type", "object"}});
  if (!type.meaning.empty()) {
    out["description"] = type.meaning;
  }
  Json properties = Json::object();
  for (const TypeField& field : type.fields) {
    if (!root || field.name != "metadata") {
      properties[field.name] = fieldSchema(field);
    }
  }
  if (!properties.asObject().empty()) {
    out["properties"] = std::move(properties);
  }
  if (type.atomic) {
    out["x-kubernetes-map-type"] = "atomic";
  }
  return out;
}

schema::PrinterColumn column(std::string_view name, std::string_view type, std::string_view path, int priority = 0) {
  schema::PrinterColumn out;
  out.name = name;
  out.type = type;
  out.jsonPath = path;
  out.description = cat("the ", lowerAscii(name), " of the object");
  out.priority = priority;
  return out;
}

schema::PrinterColumn ageColumn() { return column("Age", "date", ".metadata.creationTimestamp"); }

std::shared_ptr<const schema::StructuralSchema> compiled(const Json& source) {
  auto schema = schema::StructuralSchema::compile(source);
  assert(schema.isOk());
  return schema ? *schema : nullptr;
}

// What built-in kinds have in common: no generation, open verbs, their schema found by apiVersion and kind.
ResourceInfo builtin(std::string group, std::string plural, std::string kind) {
  ResourceInfo info;
  info.group = std::move(group);
  info.version = "v1";
  info.plural = std::move(plural);
  info.kind = std::move(kind);
  info.singular = lowerAscii(info.kind);
  info.listKind = info.kind + "List";
  info.verbs = {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"};
  info.custom = false;
  info.hasGeneration = false;
  info.columns = {ageColumn()};
  const BuiltinType* type = findBuiltinKind(info.apiVersion(), info.kind);
  info.schema = compiled(type == nullptr ? openObject() : schemaOf(*type));
  return info;
}

ResourceInfo namespaceResource() {
  ResourceInfo info = builtin("", "namespaces", "Namespace");
  info.shortNames = {"ns"};
  info.namespaced = false;
  info.verbs = {"create", "delete", "get", "list", "patch", "update", "watch"};
  info.hasStatus = true;
  info.subresources = {{"finalize", "", {"update"}}};
  info.columns = {column("Status", "string", ".status.phase"), ageColumn()};
  info.selectableFields = {".status.phase"};
  return info;
}

ResourceInfo secretResource() {
  ResourceInfo info = builtin("", "secrets", "Secret");
  info.columns = {column("Type", "string", ".type"), column("Data", "integer", ".data"), ageColumn()};
  info.selectableFields = {".type"};
  return info;
}

ResourceInfo configMapResource() {
  ResourceInfo info = builtin("", "configmaps", "ConfigMap");
  info.shortNames = {"cm"};
  info.columns = {column("Data", "integer", ".data"), ageColumn()};
  return info;
}

ResourceInfo eventResource() {
  ResourceInfo info = builtin("", "events", "Event");
  info.shortNames = {"ev"};
  info.columns = {column("Last Seen", "string", ".lastTimestamp"),
                  column("Type", "string", ".type"),
                  column("Reason", "string", ".reason"),
                  column("Object", "string", ".involvedObject"),
                  column("Source", "string", ".source.component", 1),
                  column("Message", "string", ".message"),
                  column("Name", "string", ".metadata.name", 1)};
  info.selectableFields = {".involvedObject.kind",
                           ".involvedObject.namespace",
                           ".involvedObject.name",
                           ".involvedObject.uid",
                           ".involvedObject.apiVersion",
                           ".involvedObject.resourceVersion",
                           ".involvedObject.fieldPath",
                           ".reason",
                           ".reportingComponent",
                           ".source",
                           ".type"};
  return info;
}

ResourceInfo leaseResource() {
  ResourceInfo info = builtin("coordination.k8s.io", "leases", "Lease");
  info.columns = {column("Holder", "string", ".spec.holderIdentity"), ageColumn()};
  return info;
}

ResourceInfo serviceResource() {
  ResourceInfo info = builtin("", "services", "Service");
  info.shortNames = {"svc"};
  info.categories = {"all"};
  info.verbs = {"get", "list", "watch"};
  return info;
}

ResourceInfo serviceAccountResource() {
  ResourceInfo info = builtin("", "serviceaccounts", "ServiceAccount");
  info.shortNames = {"sa"};
  return info;
}

ResourceInfo definitionResource() {
  ResourceInfo info = builtin("apiextensions.k8s.io", "customresourcedefinitions", "CustomResourceDefinition");
  info.shortNames = {"crd", "crds"};
  info.categories = {"api-extensions"};
  info.namespaced = false;
  info.hasGeneration = true;
  info.hasStatus = true;
  info.columns = {column("Created At", "date", ".metadata.creationTimestamp")};
  info.columns.front().format = "date-time";
  return info;
}

ResourceInfo review(std::string group, std::string plural, std::string kind, bool namespaced = false) {
  ResourceInfo info = builtin(std::move(group), std::move(plural), std::move(kind));
  info.namespaced = namespaced;
  info.verbs = {"create"};
  info.columns.clear();
  return info;
}

}  // namespace

Json schemaOf(const BuiltinType& type) { return objectSchema(type, true); }

Json objectMetaSource() { return objectSchema(*findBuiltinType("ObjectMeta"), false); }

const schema::StructuralSchema& objectMetaSchema() {
  // A constant that needs the schema compiler; it cannot fail, its source being one too.
  static const auto kSchema = schema::StructuralSchema::compile(objectMetaSource());
  assert(kSchema.isOk());
  return **kSchema;
}

std::vector<ResourcePtr> builtinResources() {
  const std::string authorization = "authorization.k8s.io";
  const std::string authentication = "authentication.k8s.io";
  std::vector<ResourceInfo> infos{
      namespaceResource(),
      secretResource(),
      configMapResource(),
      eventResource(),
      serviceResource(),
      serviceAccountResource(),
      leaseResource(),
      definitionResource(),
      review(authorization, "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
      review(authorization, "selfsubjectrulesreviews", "SelfSubjectRulesReview"),
      review(authorization, "subjectaccessreviews", "SubjectAccessReview"),
      review(authorization, "localsubjectaccessreviews", "LocalSubjectAccessReview", true),
      review(authentication, "selfsubjectreviews", "SelfSubjectReview"),
      review(authentication, "tokenreviews", "TokenReview"),
  };
  std::vector<ResourcePtr> out;
  for (ResourceInfo& info : infos) {
    out.push_back(std::make_shared<const ResourceInfo>(std::move(info)));
  }
  return out;
}

}  // namespace slipway::apiserver
