#include "reconciler/schema/crd.h"

#include <algorithm>
#include <array>
#include <set>

#include "reconciler/base/strings.h"

namespace slipway::schema {
namespace {

constexpr std::array<std::string_view, 5> kColumnTypes{"integer", "number", "string", "boolean", "date"};

// "v1", "v1alpha2" or any other DNS label that starts with a letter.
bool isVersionName(std::string_view name) { return isDnsLabel(name) && name[0] >= 'a' && name[0] <= 'z'; }

// A path of one or more plain field names: ".spec.replicas".
bool isSimplePath(std::string_view path) {
  if (path.size() < 2 || path[0] != '.') {
    return false;
  }
  const std::vector<std::string> parts = split(path.substr(1), '.');
  return std::all_of(parts.begin(), parts.end(), [](const std::string& part) {
    return !part.empty() && part.find_first_of("[]'\"*@?() ") == std::string::npos;
  });
}

class CrdReader {
 public:
  CrdReader(const Json& definition, std::vector<FieldError>& errors) : definition_(definition), errors_(errors) {}

  Crd read() {
    Crd crd;
    const Json none = Json::object();
    const Json* spec = definition_.find("spec");
    if (spec == nullptr || !spec->isObject()) {
      errors_.push_back(requiredError("spec"));
      return crd;
    }
    type();
    crd.group = text(*spec, "group", "spec.group");
    if (!crd.group.empty() && (!isDnsSubdomain(crd.group) || crd.group.find('.') == std::string::npos)) {
      errors_.push_back(invalidError("spec.group", crd.group, "should be a domain with at least one dot"));
    }
    scope(crd, *spec);
    const Json* names = spec->find("names");
    readNames(crd, names != nullptr && names->isObject() ? *names : none);
    const std::string expected = cat(crd.plural, ".", crd.group);
    const Json* metadata = definition_.find("metadata");
    const std::string name = metadata == nullptr ? std::string() : metadata->getString("name");
    if (name.empty()) {
      errors_.push_back(requiredError("metadata.name", cat("must be ", expected)));
    } else if (name != expected) {
      errors_.push_back(invalidError("metadata.name", name, "must be spec.names.plural+\".\"+spec.group"));
    }
    versions(crd, *spec);
    conversion(*spec);
    return crd;
  }

 private:
  void type() {
    if (const std::string version = definition_.getString("apiVersion"); version != "apiextensions.k8s.io/v1") {
      errors_.push_back(invalidError("apiVersion", version, "must be apiextensions.k8s.io/v1"));
    }
    if (const std::string kind = definition_.getString("kind"); kind != "CustomResourceDefinition") {
      errors_.push_back(invalidError("kind", kind, "must be CustomResourceDefinition"));
    }
  }

  std::string text(const Json& object, std::string_view name, const std::string& field) {
    const Json* value = object.find(name);
    if (value == nullptr || value->isNull() || (value->isString() && value->asString().empty())) {
      errors_.push_back(requiredError(field));
      return {};
    }
    if (!value->isString()) {
      errors_.push_back(invalidError(field, *value, "must be a string"));
      return {};
    }
    return value->asString();
  }

  std::vector<std::string> texts(const Json& object, std::string_view name, const std::string& field) {
    std::vector<std::string> out;
    const Json* list = object.find(name);
    if (list == nullptr || list->isNull()) {
      return out;
    }
    if (!list->isArray()) {
      errors_.push_back(invalidError(field, *list, "must be a list of strings"));
      return out;
    }
    for (std::size_t i = 0; i < list->asArray().size(); ++i) {
      const Json& item = list->asArray()[i];
      if (!item.isString()) {
        errors_.push_back(invalidError(cat(field, "[", i, "]"), item, "must be a string"));
        continue;
      }
      label(item.asString(), cat(field, "[", i, "]"));
      out.push_back(item.asString());
    }
    return out;
  }

  void label(const std::string& value, const std::string& field) {
    if (!value.empty() && !isDnsLabel(value)) {
      errors_.push_back(invalidError(field, value,
                                     "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
                                     "start with an alphabetic character, and end with an alphanumeric character"));
    }
  }

  // Objects are stored as they came: between versions only apiVersion changes.
  void conversion(const Json& spec) {
    const Json* strategy = spec.at({"conversion", "strategy"});
    if (strategy != nullptr && !(*strategy == Json("None"))) {
      errors_.push_back(notSupportedError("spec.conversion.strategy", *strategy, std::vector<Json>{"None"}));
    }
    if (spec.getBool("preserveUnknownFields")) {
      errors_.push_back(invalidError("spec.preserveUnknownFields", true,
                                     "must be false; use x-kubernetes-preserve-unknown-fields in the schema"));
    }
  }

  void scope(Crd& crd, const Json& spec) {
    const std::string scope = text(spec, "scope", "spec.scope");
    if (!scope.empty() && scope != "Namespaced" && scope != "Cluster") {
      errors_.push_back(notSupportedError("spec.scope", scope, {"Cluster", "Namespaced"}));
    }
    crd.namespaced = scope != "Cluster";
  }

  void readNames(Crd& crd, const Json& names) {
    crd.plural = text(names, "plural", "spec.names.plural");
    crd.kind = text(names, "kind", "spec.names.kind");
    label(crd.plural, "spec.names.plural");
    label(lowerAscii(crd.kind), "spec.names.kind");
    crd.singular = names.getString("singular");
    crd.singular = crd.singular.empty() ? lowerAscii(crd.kind) : crd.singular;
    label(crd.singular, "spec.names.singular");
    crd.listKind = names.getString("listKind");
    crd.listKind = crd.listKind.empty() ? crd.kind + "List" : crd.listKind;
    label(lowerAscii(crd.listKind), "spec.names.listKind");
    if (!crd.kind.empty() && crd.listKind == crd.kind) {
      errors_.push_back(invalidError("spec.names.listKind", crd.listKind, "kind and listKind may not be the same"));
    }
    crd.shortNames = texts(names, "shortNames", "spec.names.shortNames");
    crd.categories = texts(names, "categories", "spec.names.categories");
  }

  void versions(Crd& crd, const Json& spec) {
    const Json* list = spec.find("versions");
    if (list == nullptr || !list->isArray() || list->asArray().empty()) {
      errors_.push_back(requiredError("spec.versions", "must have at least one version"));
      return;
    }
    std::set<std::string> seen;
    std::size_t stored = 0;
    for (std::size_t i = 0; i < list->asArray().size(); ++i) {
      const std::string path = cat("spec.versions[", i, "]");
      const Json& source = list->asArray()[i];
      if (!source.isObject()) {
        errors_.push_back(invalidError(path, source, "must be a map"));
        continue;
      }
      crd.versions.push_back(version(source, path));
      stored += crd.versions.back().storage ? 1 : 0;
      const std::string& name = crd.versions.back().name;
      if (!name.empty() && !seen.insert(name).second) {
        errors_.push_back(duplicateError(path + ".name", name));
      }
    }
    if (stored != 1) {
      errors_.push_back(invalidError("spec.versions", static_cast<std::int64_t>(stored),
                                     "must have exactly one version marked as storage version"));
    }
  }

  bool flag(const Json& source, std::string_view name, const std::string& path) {
    const Json* value = source.find(name);
    if (value == nullptr || !value->isBool()) {
      errors_.push_back(requiredError(cat(path, ".", name), "must be true or false"));
      return false;
    }
    return value->asBool();
  }

  CrdVersion version(const Json& source, const std::string& path) {
    CrdVersion out;
    out.name = text(source, "name", path + ".name");
    if (!out.name.empty() && !isVersionName(out.name)) {
      label(out.name, path + ".name");
    }
    out.served = flag(source, "served", path);
    out.storage = flag(source, "storage", path);
    const Json* schema = source.find("schema");
    const Json* openApi = schema == nullptr ? nullptr : schema->find("openAPIV3Schema");
    if (openApi == nullptr || openApi->isNull()) {
      errors_.push_back(requiredError(path + ".schema.openAPIV3Schema", "schemas are required"));
    } else if (auto compiled = compileSchema(*openApi, path + ".schema.openAPIV3Schema", errors_)) {
      out.schema = *std::move(compiled);
      rootMetadata(*openApi, path + ".schema.openAPIV3Schema");
    }
    subresources(out, source, path + ".subresources");
    columns(out, source, path + ".additionalPrinterColumns");
    selectable(out, source, path + ".selectableFields");
    return out;
  }

  // Metadata is the API server's: a schema may only restrict name and generateName.
  void rootMetadata(const Json& openApi, const std::string& path) {
    const Json* metadata = openApi.at({"properties", "metadata"});
    const Json* properties = metadata == nullptr ? nullptr : metadata->find("properties");
    if (properties == nullptr || !properties->isObject()) {
      return;
    }
    for (const auto& [name, value] : properties->asObject()) {
      if (name != "name" && name != "generateName") {
        errors_.push_back(forbiddenError(cat(path, ".properties[metadata].properties[", name, "]"),
                                         "only name and generateName may be restricted"));
      }
    }
  }

  void subresources(CrdVersion& out, const Json& source, const std::string& path) {
    const Json* given = source.find("subresources");
    if (given == nullptr || given->isNull()) {
      return;
    }
    out.hasStatus = given->find("status") != nullptr && !given->find("status")->isNull();
    const Json* scale = given->find("scale");
    if (scale == nullptr || scale->isNull()) {
      return;
    }
    out.hasScale = true;
    out.specReplicasPath = text(*scale, "specReplicasPath", path + ".scale.specReplicasPath");
    out.statusReplicasPath = text(*scale, "statusReplicasPath", path + ".scale.statusReplicasPath");
    replicasPath(out.specReplicasPath, ".spec.", path + ".scale.specReplicasPath");
    replicasPath(out.statusReplicasPath, ".status.", path + ".scale.statusReplicasPath");
  }

  void replicasPath(const std::string& value, std::string_view prefix, const std::string& field) {
    if (!value.empty() && (!isSimplePath(value) || !value.starts_with(prefix))) {
      errors_.push_back(
          invalidError(field, value, cat("should be a json path under ", prefix.substr(0, prefix.size() - 1))));
    }
  }

  void columns(CrdVersion& out, const Json& source, const std::string& path) {
    const Json* list = source.find("additionalPrinterColumns");
    if (list == nullptr || !list->isArray()) {
      return;
    }
    for (std::size_t i = 0; i < list->asArray().size(); ++i) {
      const Json& given = list->asArray()[i];
      const std::string here = cat(path, "[", i, "]");
      PrinterColumn column;
      column.name = text(given, "name", here + ".name");
      column.type = text(given, "type", here + ".type");
      column.jsonPath = text(given, "jsonPath", here + ".jsonPath");
      column.format = given.getString("format");
      column.description = given.getString("description");
      column.priority = static_cast<int>(given.getInt("priority"));
      if (!column.type.empty() &&
          std::find(kColumnTypes.begin(), kColumnTypes.end(), column.type) == kColumnTypes.end()) {
        errors_.push_back(
            notSupportedError(here + ".type", column.type, {"boolean", "date", "integer", "number", "string"}));
      }
      if (!column.jsonPath.empty() && column.jsonPath[0] != '.') {
        errors_.push_back(
            invalidError(here + ".jsonPath", column.jsonPath, "must be a json path that starts with '.'"));
      }
      out.columns.push_back(std::move(column));
    }
  }

  void selectable(CrdVersion& out, const Json& source, const std::string& path) {
    const Json* list = source.find("selectableFields");
    if (list == nullptr || !list->isArray()) {
      return;
    }
    for (std::size_t i = 0; i < list->asArray().size(); ++i) {
      const std::string here = cat(path, "[", i, "].jsonPath");
      const std::string field = text(list->asArray()[i], "jsonPath", here);
      if (field.empty()) {
        continue;
      }
      if (!isSimplePath(field)) {
        errors_.push_back(invalidError(here, field, "must be a simple json path, like .spec.channel"));
      } else if (std::find(out.selectableFields.begin(), out.selectableFields.end(), field) !=
                 out.selectableFields.end()) {
        errors_.push_back(duplicateError(here, field));
      } else if (!isScalarIn(out.schema.get(), field)) {
        errors_.push_back(
            invalidError(here, field, "must be a field of type string, integer or boolean in the schema"));
      }
      out.selectableFields.push_back(field);
    }
  }

  static bool isScalarIn(const StructuralSchema* schema, std::string_view path) {
    if (schema == nullptr) {
      return true;  // reported already
    }
    for (const std::string& name : split(path.substr(1), '.')) {
      schema = schema == nullptr ? nullptr : schema->property(name);
    }
    const std::string type = schema == nullptr ? std::string() : schema->source().getString("type");
    return type == "string" || type == "integer" || type == "boolean";
  }

  const Json& definition_;
  std::vector<FieldError>& errors_;
};

}  // namespace

Result<Crd> parseCrd(const Json& definition, std::vector<FieldError>* errors) {
  std::vector<FieldError> own;
  std::vector<FieldError>& findings = errors == nullptr ? own : *errors;
  findings.clear();
  Crd crd = CrdReader(definition, findings).read();
  if (!findings.empty()) {
    return Status(
        Code::Invalid,
        cat("CustomResourceDefinition \"",
            definition.find("metadata") == nullptr ? std::string() : definition.find("metadata")->getString("name"),
            "\" is invalid: ", describe(findings)));
  }
  return crd;
}

}  // namespace slipway::schema
