#include "reconciler/schema/lint.h"

#include <algorithm>
#include <charconv>
#include <memory>

#include "reconciler/base/strings.h"
#include "reconciler/schema/yaml.h"

namespace slipway::schema {
namespace {

constexpr std::string_view kMetadataSchema = R"({"type":"object","properties":{
  "name":{"type":"string"},"generateName":{"type":"string"},"namespace":{"type":"string"},"selfLink":{"type":"string"},
  "uid":{"type":"string"},"resourceVersion":{"type":"string"},"generation":{"type":"integer"},
  "creationTimestamp":{"type":"string","nullable":true},"deletionTimestamp":{"type":"string","nullable":true},
  "deletionGracePeriodSeconds":{"type":"integer","nullable":true},
  "labels":{"type":"object","nullable":true,"additionalProperties":{"type":"string"}},
  "annotations":{"type":"object","nullable":true,"additionalProperties":{"type":"string"}},
  "finalizers":{"type":"array","nullable":true,"items":{"type":"string"}},
  "ownerReferences":{"type":"array","nullable":true,"items":{"type":"object",
    "required":["apiVersion","kind","name","uid"],"properties":{"apiVersion":{"type":"string"},"kind":{"type":"string"},
    "name":{"type":"string"},"uid":{"type":"string"},"controller":{"type":"boolean"},
    "blockOwnerDeletion":{"type":"boolean"}}}},
  "managedFields":{"type":"array","nullable":true,
    "items":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}})";

constexpr std::string_view kSecretSchema = R"({"type":"object","properties":{"type":{"type":"string"},
  "immutable":{"type":"boolean"},"data":{"type":"object","nullable":true,
  "additionalProperties":{"type":"string","format":"byte"}},
  "stringData":{"type":"object","nullable":true,"additionalProperties":{"type":"string"}}}})";

constexpr std::string_view kConfigMapSchema = R"({"type":"object","properties":{"immutable":{"type":"boolean"},
  "data":{"type":"object","nullable":true,"additionalProperties":{"type":"string"}},
  "binaryData":{"type":"object","nullable":true,"additionalProperties":{"type":"string","format":"byte"}}}})";

constexpr std::string_view kNamespaceSchema = R"({"type":"object","properties":{
  "spec":{"type":"object","properties":{"finalizers":{"type":"array","items":{"type":"string"}}}},
  "status":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}})";

std::shared_ptr<const StructuralSchema> builtIn(std::string_view text) {
  Result<Json> source = parseJson(text);
  Result<std::shared_ptr<const StructuralSchema>> schema =
      source ? StructuralSchema::compile(*source) : Result<std::shared_ptr<const StructuralSchema>>(source.status());
  return schema ? *schema : nullptr;
}

class Linter {
 public:
  Linter(std::string_view file, const std::vector<Crd>& crds, const ObjectRules& rules)
      : file_(file), crds_(crds), rules_(rules), metadata_(builtIn(kMetadataSchema)) {}

  void text(std::string_view text) {
    Result<std::vector<YamlDocument>> documents = parseYaml(text);
    if (!documents) {
      malformed(documents.status().message());
      return;
    }
    for (const YamlDocument& document : *documents) {
      document_ = &document;
      for (const std::string& path : document.duplicates) {
        add(path, cat("duplicate field \"", path, "\""));
      }
      object(document.value, {});
    }
  }

  std::vector<LintFinding> take() {
    std::stable_sort(findings_.begin(), findings_.end(),
                     [](const LintFinding& a, const LintFinding& b) { return a.line < b.line; });
    return std::move(findings_);
  }

 private:
  // "line 3, column 5: what" → a finding on line 3.
  void malformed(const std::string& message) {
    LintFinding finding{.file = file_, .line = 1, .message = message};
    constexpr std::string_view kLine = "line ";
    if (message.starts_with(kLine)) {
      std::from_chars(message.data() + kLine.size(), message.data() + message.size(), finding.line);
    }
    findings_.push_back(std::move(finding));
  }

  static std::string joined(const std::string& prefix, const std::string& field) {
    return prefix.empty() || field.empty() ? prefix + field : field[0] == '[' ? prefix + field : prefix + "." + field;
  }

  void add(const std::string& field, std::string message) {
    findings_.push_back({file_, lineOf(field), field, std::move(message)});
  }

  // The line of the field or, when it is not written, of the nearest one around it.
  std::size_t lineOf(std::string field) const {
    // Paths inside schemas name properties in brackets: "properties[spec]".
    for (std::size_t at = field.find('['); at != std::string::npos; at = field.find('[', at + 1)) {
      const std::size_t end = field.find(']', at);
      if (end != std::string::npos && at + 1 < end && (field[at + 1] < '0' || field[at + 1] > '9')) {
        field[at] = '.';
        field.erase(end, 1);
      }
    }
    while (!field.empty()) {
      if (auto found = document_->positions.find(field); found != document_->positions.end()) {
        return found->second.line;
      }
      const std::size_t cut = field.find_last_of(".[");
      field.resize(cut == std::string::npos ? 0 : cut);
    }
    return document_->line;
  }

  void object(const Json& value, const std::string& prefix) {
    if (!value.isObject()) {
      add(prefix, "must be a map with apiVersion, kind and metadata");
      return;
    }
    const std::string apiVersion = required(value, "apiVersion", prefix);
    const std::string kind = required(value, "kind", prefix);
    if (apiVersion == "v1" && kind == "List") {
      list(value, prefix);
      return;
    }
    metadata(value, prefix);
    if (apiVersion.empty() || kind.empty()) {
      return;
    }
    if (apiVersion == "apiextensions.k8s.io/v1" && kind == "CustomResourceDefinition") {
      std::vector<FieldError> errors;
      if (!parseCrd(value, &errors)) {
        addAll(errors, prefix);
      }
      return;
    }
    if (const auto schema = schemaOf(apiVersion, kind)) {
      judge(*schema, value, prefix);
      if (rules_) {
        addAll(rules_(value), prefix);
      }
    } else {
      add(joined(prefix, "kind"), cat("no kind \"", kind, "\" in version \"", apiVersion, "\"; known are ", known()));
    }
  }

  void list(const Json& value, const std::string& prefix) {
    const Json* items = value.find("items");
    if (items == nullptr || !items->isArray()) {
      add(joined(prefix, "items"), "Required value: a list of objects");
      return;
    }
    for (std::size_t i = 0; i < items->asArray().size(); ++i) {
      const Json& item = items->asArray()[i];
      if (item.getString("kind") == "List") {
        add(joined(prefix, cat("items[", i, "].kind")), "a List inside a List is not supported");
      } else {
        object(item, joined(prefix, cat("items[", i, "]")));
      }
    }
  }

  std::string required(const Json& value, std::string_view name, const std::string& prefix) {
    const Json* member = value.find(name);
    const std::string field = joined(prefix, std::string(name));
    if (member == nullptr || member->isNull() || (member->isString() && member->asString().empty())) {
      add(field, "Required value");
      return {};
    }
    if (!member->isString()) {
      add(field, "must be a string");
      return {};
    }
    return member->asString();
  }

  void metadata(const Json& value, const std::string& prefix) {
    const std::string field = joined(prefix, "metadata");
    const Json* metadata = value.find("metadata");
    if (metadata == nullptr || !metadata->isObject()) {
      add(joined(field, "name"), "Required value: name or generateName is required");
      return;
    }
    if (metadata_ != nullptr) {
      judge(*metadata_, *metadata, field);
    }
    const std::string name = metadata->getString("name");
    if (name.empty() && metadata->getString("generateName").empty()) {
      add(joined(field, "name"), "Required value: name or generateName is required");
    } else if (!name.empty() && !isDnsSubdomain(name)) {
      add(joined(field, "name"),
          invalidError({}, name,
                       "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
                       "'.', and must start and end with an alphanumeric character")
              .message);
    }
  }

  void judge(const StructuralSchema& schema, const Json& given, const std::string& prefix) {
    Json value = given;
    for (const std::string& unknown : schema.unknownFields(value, true)) {
      const std::string field = joined(prefix, unknown);
      add(field, cat("unknown field \"", field, "\""));
    }
    schema.applyDefaults(value);
    addAll(schema.validate(value, nullptr), prefix);
  }

  void addAll(const std::vector<FieldError>& errors, const std::string& prefix) {
    for (const FieldError& error : errors) {
      add(joined(prefix, error.field), error.message);
    }
  }

  std::shared_ptr<const StructuralSchema> schemaOf(const std::string& apiVersion, const std::string& kind) const {
    if (apiVersion == "v1") {
      return kind == "Secret"      ? builtIn(kSecretSchema)
             : kind == "ConfigMap" ? builtIn(kConfigMapSchema)
             : kind == "Namespace" ? builtIn(kNamespaceSchema)
                                   : nullptr;
    }
    for (const Crd& crd : crds_) {
      for (const CrdVersion& version : crd.versions) {
        if (version.served && crd.kind == kind && cat(crd.group, "/", version.name) == apiVersion) {
          return version.schema;
        }
      }
    }
    return nullptr;
  }

  std::string known() const {
    std::vector<std::string> kinds;
    for (const Crd& crd : crds_) {
      for (const CrdVersion& version : crd.versions) {
        kinds.push_back(cat(crd.group, "/", version.name, " ", crd.kind));
      }
    }
    kinds.push_back("v1 Secret, ConfigMap, Namespace");
    return join(kinds, ", ");
  }

  std::string file_;
  const std::vector<Crd>& crds_;
  const ObjectRules& rules_;
  std::shared_ptr<const StructuralSchema> metadata_;
  const YamlDocument* document_ = nullptr;
  std::vector<LintFinding> findings_;
};

}  // namespace

std::vector<LintFinding> lintManifests(std::string_view fileName, std::string_view text, const std::vector<Crd>& crds,
                                       const ObjectRules& rules) {
  Linter linter(fileName, crds, rules);
  linter.text(text);
  return linter.take();
}

}  // namespace slipway::schema
