#include "reconciler/apiserver/object_rules.h"

#include <algorithm>
#include <array>
#include <utility>

#include "reconciler/base/strings.h"
#include "reconciler/schema/crd.h"

namespace slipway::apiserver {

using schema::FieldError;

namespace {

constexpr std::size_t kMaxAnnotationBytes = 262'144;
constexpr std::size_t kMaxDataBytes = 1'048'576;
constexpr std::size_t kMaxLabelValue = 63;

constexpr std::array<std::string_view, 15> kMetadataFields = {"name",
                                                              "namespace",
                                                              "generateName",
                                                              "uid",
                                                              "resourceVersion",
                                                              "generation",
                                                              "creationTimestamp",
                                                              "deletionTimestamp",
                                                              "deletionGracePeriodSeconds",
                                                              "labels",
                                                              "annotations",
                                                              "finalizers",
                                                              "ownerReferences",
                                                              "managedFields",
                                                              "selfLink"};

bool isAlnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

// Letters, digits, '-', '_', '.', the first and last a letter or digit.
bool isNameToken(std::string_view text) {
  return !text.empty() && text.size() <= kMaxLabelValue && isAlnum(text.front()) && isAlnum(text.back()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return isAlnum(c) || c == '-' || c == '_' || c == '.'; });
}

bool isQualifiedName(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) {
    return isNameToken(text);
  }
  return isDnsSubdomain(text.substr(0, slash)) && isNameToken(text.substr(slash + 1));
}

std::string quoted(std::string_view text) {
  std::string out;
  appendJsonString(out, text);
  return out;
}

FieldError invalid(std::string field, std::string_view value, std::string_view why) {
  return {"FieldValueInvalid", std::move(field), cat("Invalid value: ", quoted(value), ": ", why)};
}

ApiCheck wrongType(std::string_view field, std::string_view expected) {
  return badRequest(cat("json: cannot unmarshal value into Go struct field ObjectMeta.", field, " of type ", expected));
}

bool isTextMap(const Json& value) {
  return value.isObject() && std::all_of(value.asObject().begin(), value.asObject().end(),
                                         [](const auto& member) { return member.second.isString(); });
}

ApiCheck checkMetadataTypes(Json& metadata) {
  for (const char* name : {"labels", "annotations"}) {
    if (const Json* map = metadata.find(name); map != nullptr && !map->isNull() && !isTextMap(*map)) {
      return wrongType(cat("metadata.", name), "map[string]string");
    }
  }
  for (const char* name : {"name", "namespace", "generateName", "uid", "resourceVersion"}) {
    if (const Json* text = metadata.find(name); text != nullptr && !text->isNull() && !text->isString()) {
      return wrongType(cat("metadata.", name), "string");
    }
  }
  for (const char* name : {"finalizers", "ownerReferences"}) {
    const Json* list = metadata.find(name);
    if (list == nullptr || list->isNull()) {
      continue;
    }
    const bool texts = std::string_view(name) == "finalizers";
    if (!list->isArray() || !std::all_of(list->asArray().begin(), list->asArray().end(),
                                         [&](const Json& item) { return texts ? item.isString() : item.isObject(); })) {
      return wrongType(cat("metadata.", name), texts ? "[]string" : "[]v1.OwnerReference");
    }
  }
  return std::nullopt;
}

ApiCheck checkKind(const ResourceInfo& resource, const Json& object) {
  const std::string apiVersion = object.getString("apiVersion");
  const std::string kind = object.getString("kind");
  if (resource.custom && kind.empty()) {
    return badRequest(cat("the object provided is unrecognized (must be of type ", resource.kind,
                          "): Object 'Kind' is missing in '", object.dump().substr(0, 200), "'"));
  }
  if (resource.custom && apiVersion.empty()) {
    return badRequest(cat("the object provided is unrecognized (must be of type ", resource.kind,
                          "): Object 'apiVersion' is missing in '", object.dump().substr(0, 200), "'"));
  }
  if (!apiVersion.empty() && apiVersion != resource.apiVersion()) {
    return badRequest(cat("the API version in the data (", apiVersion, ") does not match the expected API version (",
                          resource.apiVersion(), ")"));
  }
  if (!kind.empty() && kind != resource.kind) {
    ResourceInfo other = resource;
    other.kind = kind;
    const Json* name = object.at({"metadata", "name"});
    return invalidObject(other, name != nullptr && name->isString() ? name->asString() : "",
                         {invalid("kind", kind, "must be " + resource.kind)});
  }
  return std::nullopt;
}

void dropEmpty(Json& metadata) {
  for (const char* name : {"labels", "annotations", "finalizers", "ownerReferences", "creationTimestamp"}) {
    const Json* value = metadata.find(name);
    if (value != nullptr && (value->isNull() || (value->isObject() && value->asObject().empty()) ||
                             (value->isArray() && value->asArray().empty()))) {
      metadata.asObject().erase(name);
    }
  }
}

}  // namespace

ApiCheck admitIdentity(const ResourceInfo& resource, const ObjectKey& url, Json& object) {
  if (!object.isObject()) {
    return badRequest(cat("the object provided is unrecognized (must be of type ", resource.kind, "): not an object"));
  }
  if (auto error = checkKind(resource, object)) {
    return error;
  }
  Json& metadata = object["metadata"];
  if (metadata.isNull()) {
    metadata = Json::object();
  }
  if (!metadata.isObject()) {
    return badRequest("json: cannot unmarshal value into Go struct field .metadata of type v1.ObjectMeta");
  }
  if (auto error = checkMetadataTypes(metadata)) {
    return error;
  }
  if (resource.namespaced) {
    const std::string ns = metadata.getString("namespace");
    if (!ns.empty() && ns != url.ns) {
      return badRequest("the namespace of the provided object does not match the namespace sent on the request");
    }
    metadata["namespace"] = url.ns;
  } else {
    metadata.asObject().erase("namespace");
  }
  const std::string name = metadata.getString("name");
  if (!url.name.empty() && !name.empty() && name != url.name) {
    return badRequest(cat("the name of the object (", name, ") does not match the name on the URL (", url.name, ")"));
  }
  dropEmpty(metadata);
  return std::nullopt;
}

std::vector<std::string> dropUnknownMetadata(Json& object) {
  std::vector<std::string> unknown;
  Json* metadata = object.find("metadata");
  for (const auto& [name, value] : metadata->asObject()) {
    if (std::find(kMetadataFields.begin(), kMetadataFields.end(), name) == kMetadataFields.end()) {
      unknown.push_back("metadata." + name);
    }
  }
  for (const std::string& field : unknown) {
    metadata->asObject().erase(std::string_view(field).substr(std::string_view("metadata.").size()));
  }
  return unknown;
}

namespace {

bool hasNulls(const Json& value) {
  if (value.isArray()) {
    return std::any_of(value.asArray().begin(), value.asArray().end(), hasNulls);
  }
  return value.isObject() &&
         std::any_of(value.asObject().begin(), value.asObject().end(), [](const JsonObject::Member& member) {
           return member.second.isNull() || hasNulls(member.second);
         });
}

}  // namespace

void dropNulls(Json& object) {
  if (!hasNulls(object)) {
    return;
  }
  if (object.isArray()) {
    for (Json& item : object.asArray()) {
      dropNulls(item);
    }
  }
  if (!object.isObject()) {
    return;
  }
  JsonObject kept;
  for (auto& [name, value] : object.asObject()) {
    if (!value.isNull()) {
      dropNulls(value);
      kept.append(name, std::move(value));
    }
  }
  object = Json(std::move(kept));
}

std::string mergeOwnerReferences(Json& object) {
  const Json* owners = std::as_const(object).at({"metadata", "ownerReferences"});
  if (owners == nullptr || !owners->isArray() || owners->asArray().size() < 2) {
    return {};
  }
  Json::Array kept;
  std::vector<std::string> twice;
  for (const Json& owner : owners->asArray()) {
    const std::string uid = owner.getString("uid");
    const bool known = !uid.empty() && std::any_of(kept.begin(), kept.end(),
                                                   [&](const Json& other) { return other.getString("uid") == uid; });
    if (known) {
      twice.push_back(uid);
    } else {
      kept.push_back(owner);
    }
  }
  if (!twice.empty()) {
    object["metadata"]["ownerReferences"] = Json(std::move(kept));
  }
  return twice.empty() ? std::string()
                       : cat(".metadata.ownerReferences contains duplicate entries; API server dedups owner references "
                             "in 1.20+, and may reject such requests as early as 1.24; please fix your requests; "
                             "duplicate UID(s) observed: ",
                             join(twice, ", "));
}

namespace {

ApiCheck secretStrategy(Json& secret) {
  if (const Json* texts = secret.find("stringData"); texts != nullptr) {
    if (!isTextMap(*texts)) {
      return badRequest("Secret in version \"v1\" cannot be handled as a Secret: stringData must be a map of strings");
    }
    const Json copy = *texts;
    secret.asObject().erase("stringData");
    for (const auto& [name, value] : copy.asObject()) {
      secret["data"][name] = base64Encode(value.asString());
    }
  }
  if (secret.getString("type").empty()) {
    secret["type"] = "Opaque";
  }
  if (const Json* data = secret.find("data"); data != nullptr && data->isObject()) {
    for (const auto& [name, value] : data->asObject()) {
      std::string bytes;
      if (!value.isString() || !base64Decode(value.asString(), bytes)) {
        return badRequest(
            cat("Secret in version \"v1\" cannot be handled as a Secret: illegal base64 data in data[", name, "]"));
      }
    }
  }
  return std::nullopt;
}

void namespaceStrategy(const Json* old, Json& ns) {
  const std::string name = ns.at({"metadata", "name"})->isString() ? ns.at({"metadata", "name"})->asString() : "";
  if (old == nullptr) {
    ns["spec"] = Json::object({{"finalizers", Json::array({"kubernetes"})}});
    ns["status"] = Json::object({{"phase", "Active"}});
  } else {
    ns["spec"] = old->find("spec") == nullptr ? Json::object() : *old->find("spec");
  }
  ns["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
}

}  // namespace

ApiCheck applyStrategy(const ResourceInfo& resource, const Json* old, Json& object) {
  if (resource.custom) {
    return std::nullopt;
  }
  if (resource.kind == "Secret") {
    return secretStrategy(object);
  }
  if (resource.kind == "Namespace") {
    if (object.at({"metadata", "name"}) != nullptr) {
      namespaceStrategy(old, object);
    }
  }
  if (resource.kind == "ConfigMap") {
    if (const Json* data = object.find("binaryData"); data != nullptr && data->isObject()) {
      for (const auto& [name, value] : data->asObject()) {
        std::string bytes;
        if (!value.isString() || !base64Decode(value.asString(), bytes)) {
          return badRequest("ConfigMap in version \"v1\" cannot be handled as a ConfigMap: illegal base64 data");
        }
      }
    }
  }
  return std::nullopt;
}

namespace {

constexpr std::string_view kSubdomainText =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
constexpr std::string_view kDnsLabelText =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
constexpr std::string_view kLabelText =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
constexpr std::string_view kQualifiedText =
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

void validateName(const ResourceInfo& resource, const Json& metadata, std::vector<FieldError>& out) {
  const std::string name = metadata.getString("name");
  if (name.empty()) {
    out.push_back({"FieldValueRequired", "metadata.name", "Required value: name or generateName is required"});
  } else if (!resource.custom && resource.kind == "Namespace") {
    if (!isDnsLabel(name)) {
      out.push_back(invalid("metadata.name", name, kDnsLabelText));
    }
  } else if (!isDnsSubdomain(name)) {
    out.push_back(invalid("metadata.name", name, kSubdomainText));
  }
}

void validateLabels(const Json& metadata, std::vector<FieldError>& out) {
  if (const Json* labels = metadata.find("labels")) {
    for (const auto& [name, value] : labels->asObject()) {
      if (!isQualifiedName(name)) {
        out.push_back(invalid("metadata.labels", name, kQualifiedText));
      }
      const std::string& text = value.asString();
      if (text.size() > kMaxLabelValue) {
        out.push_back({"FieldValueInvalid", "metadata.labels",
                       cat("Invalid value: ", quoted(text), ": must be no more than ", kMaxLabelValue, " bytes")});
      } else if (!text.empty() && !isNameToken(text)) {
        out.push_back(invalid("metadata.labels", text, kLabelText));
      }
    }
  }
  std::size_t bytes = 0;
  if (const Json* annotations = metadata.find("annotations")) {
    for (const auto& [name, value] : annotations->asObject()) {
      bytes += name.size() + value.asString().size();
      if (!isQualifiedName(lowerAscii(name))) {
        out.push_back(invalid("metadata.annotations", name, kQualifiedText));
      }
    }
  }
  if (bytes > kMaxAnnotationBytes) {
    out.push_back({"FieldValueTooLong", "metadata.annotations",
                   cat("Too long: may not be more than ", kMaxAnnotationBytes, " bytes")});
  }
}

void validateOwners(const Json& metadata, std::vector<FieldError>& out) {
  const Json* owners = metadata.find("ownerReferences");
  if (owners == nullptr) {
    return;
  }
  int controllers = 0;
  for (const Json& owner : owners->asArray()) {
    for (const char* field : {"apiVersion", "kind", "name", "uid"}) {
      if (owner.getString(field).empty()) {
        out.push_back(invalid(cat("metadata.ownerReferences.", field), "", cat(field, " must not be empty")));
      }
    }
    controllers += owner.getBool("controller") ? 1 : 0;
  }
  if (controllers > 1) {
    out.push_back({"FieldValueInvalid", "metadata.ownerReferences",
                   cat("Invalid value: ", owners->dump(),
                       ": Only one reference can have Controller set to true. Found \"", "true\" in references")});
  }
}

void validateFinalizers(const Json* old, const Json& metadata, std::vector<FieldError>& out) {
  const Json* finalizers = metadata.find("finalizers");
  if (finalizers == nullptr) {
    return;
  }
  const Json* before = old == nullptr ? nullptr : old->at({"metadata", "finalizers"});
  const bool deleting = old != nullptr && !old->find("metadata")->getString("deletionTimestamp").empty();
  std::vector<std::string> added;
  for (const Json& finalizer : finalizers->asArray()) {
    if (!isQualifiedName(finalizer.asString())) {
      out.push_back(invalid("metadata.finalizers", finalizer.asString(), kQualifiedText));
    }
    const bool known =
        before != nullptr && before->isArray() &&
        std::find(before->asArray().begin(), before->asArray().end(), finalizer) != before->asArray().end();
    if (deleting && !known) {
      added.push_back(quoted(finalizer.asString()));
    }
  }
  if (!added.empty()) {
    std::sort(added.begin(), added.end());
    out.push_back({"FieldValueForbidden", "metadata.finalizers",
                   cat("Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers "
                       "[]string{",
                       join(added, ", "), "}")});
  }
}

}  // namespace

std::vector<FieldError> validateMetadata(const ResourceInfo& resource, const Json* old, const Json& object) {
  std::vector<FieldError> out;
  const Json& metadata = *object.find("metadata");
  validateName(resource, metadata, out);
  validateLabels(metadata, out);
  validateOwners(metadata, out);
  validateFinalizers(old, metadata, out);
  return out;
}

namespace {

std::size_t dataBytes(const Json& object) {
  std::size_t bytes = 0;
  for (const char* field : {"data", "binaryData"}) {
    if (const Json* data = object.find(field); data != nullptr && data->isObject()) {
      for (const auto& [name, value] : data->asObject()) {
        bytes += name.size() + (value.isString() ? value.asString().size() : 0);
      }
    }
  }
  return bytes;
}

void validateData(const ResourceInfo& resource, const Json* old, const Json& object, std::vector<FieldError>& out) {
  // A Secret's size counts decoded.
  const std::size_t bytes = dataBytes(object);
  if ((resource.kind == "Secret" ? bytes / 4 * 3 : bytes) > kMaxDataBytes) {
    out.push_back({"FieldValueTooLong", resource.kind == "Secret" ? "data" : "",
                   cat("Too long: may not be more than ", kMaxDataBytes, " bytes")});
  }
  for (const char* field : {"data", "binaryData"}) {
    if (const Json* data = object.find(field); data != nullptr && data->isObject()) {
      for (const auto& [name, value] : data->asObject()) {
        const bool valid = !name.empty() && name.size() <= 253 && name != "." && !name.starts_with("..") &&
                           std::all_of(name.begin(), name.end(),
                                       [](char c) { return isAlnum(c) || c == '-' || c == '_' || c == '.'; });
        if (!valid) {
          out.push_back(invalid(cat(field, "[", name, "]"), name,
                                "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"));
        }
      }
    }
  }
  if (old == nullptr || !old->getBool("immutable")) {
    return;
  }
  if (!object.getBool("immutable")) {
    out.push_back({"FieldValueForbidden", "immutable", "Forbidden: field is immutable when `immutable` is set"});
  }
  for (const char* field : {"data", "binaryData"}) {
    const Json* before = old->find(field);
    const Json* after = object.find(field);
    if ((before == nullptr ? Json() : *before) != (after == nullptr ? Json() : *after)) {
      out.push_back({"FieldValueForbidden", field, "Forbidden: field is immutable when `immutable` is set"});
    }
  }
}

}  // namespace

std::vector<FieldError> validateKind(const ResourceInfo& resource, const Json* old, const Json& object) {
  std::vector<FieldError> out;
  if (resource.custom) {
    return out;
  }
  const Json& metadata = *object.find("metadata");
  if (resource.kind == "Secret" || resource.kind == "ConfigMap") {
    validateData(resource, old, object, out);
  }
  if (resource.kind == "Secret" && old != nullptr && old->getString("type") != object.getString("type")) {
    out.push_back(invalid("type", object.getString("type"), "field is immutable"));
  }
  if (resource.kind == "Event") {
    const Json* about = object.find("involvedObject");
    const std::string ns = about == nullptr ? std::string() : about->getString("namespace");
    if (!ns.empty() && ns != metadata.getString("namespace")) {
      out.push_back(invalid("involvedObject.namespace", ns, "does not match event.namespace"));
    }
  }
  if (resource.kind == "CustomResourceDefinition") {
    auto crd = schema::parseCrd(object, &out);
    if (!crd && out.empty()) {
      out.push_back({"FieldValueInvalid", "spec", "Invalid value: " + crd.status().message()});
    }
    if (crd && metadata.getString("name") != crd->plural + "." + crd->group) {
      out.push_back(
          invalid("metadata.name", metadata.getString("name"), cat("must be spec.names.plural+\".\"+spec.group")));
    }
  }
  return out;
}

}  // namespace slipway::apiserver
