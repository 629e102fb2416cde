#include <algorithm>
#include <array>
#include <cmath>

#include "reconciler/base/strings.h"
#include "reconciler/schema/node.h"

namespace slipway::schema {
namespace {

constexpr std::array<std::pair<std::string_view, Type>, 6> kTypes{{{"object", Type::Object},
                                                                   {"array", Type::Array},
                                                                   {"string", Type::String},
                                                                   {"integer", Type::Integer},
                                                                   {"number", Type::Number},
                                                                   {"boolean", Type::Boolean}}};

// Known words that are checked elsewhere or say nothing about values.
constexpr std::array<std::string_view, 37> kKeywords{"description",
                                                     "type",
                                                     "format",
                                                     "title",
                                                     "default",
                                                     "maximum",
                                                     "exclusiveMaximum",
                                                     "minimum",
                                                     "exclusiveMinimum",
                                                     "maxLength",
                                                     "minLength",
                                                     "pattern",
                                                     "maxItems",
                                                     "minItems",
                                                     "uniqueItems",
                                                     "multipleOf",
                                                     "enum",
                                                     "maxProperties",
                                                     "minProperties",
                                                     "required",
                                                     "items",
                                                     "allOf",
                                                     "oneOf",
                                                     "anyOf",
                                                     "not",
                                                     "properties",
                                                     "additionalProperties",
                                                     "externalDocs",
                                                     "example",
                                                     "nullable",
                                                     "x-kubernetes-preserve-unknown-fields",
                                                     "x-kubernetes-embedded-resource",
                                                     "x-kubernetes-int-or-string",
                                                     "x-kubernetes-list-type",
                                                     "x-kubernetes-list-map-keys",
                                                     "x-kubernetes-map-type",
                                                     "x-kubernetes-validations"};

constexpr std::array<std::string_view, 7> kForbidden{
    "$ref", "definitions", "dependencies", "patternProperties", "additionalItems", "id", "$schema"};

// Words of structure, which value-only parts (allOf, anyOf, oneOf, not) must leave alone.
constexpr std::array<std::string_view, 13> kStructural{"description",
                                                       "default",
                                                       "additionalProperties",
                                                       "nullable",
                                                       "title",
                                                       "type",
                                                       "x-kubernetes-preserve-unknown-fields",
                                                       "x-kubernetes-embedded-resource",
                                                       "x-kubernetes-int-or-string",
                                                       "x-kubernetes-list-type",
                                                       "x-kubernetes-list-map-keys",
                                                       "x-kubernetes-map-type",
                                                       "x-kubernetes-validations"};

class Compiler {
 public:
  explicit Compiler(std::vector<FieldError>& errors) : errors_(errors) {}

  // `valueOnly`: inside allOf and the like, where types come from outside.
  std::unique_ptr<Node> node(const Json& source, const std::string& path, bool valueOnly) {
    auto out = std::make_unique<Node>();
    out->source = &source;
    if (!source.isObject()) {
      wrong(path, source, "must be a schema (a map)");
      return out;
    }
    words(source, path);
    flags(*out, source, path);
    if (valueOnly) {
      refuseStructure(source, path);
    } else {
      type(*out, source, path);
      lists(*out, source, path);
    }
    bounds(out->checks, source, path);
    texts(out->checks, source, path);
    children(*out, source, path, valueOnly);
    junctors(out->checks, source, path);
    if (!valueOnly) {
      listKeys(*out, path);
      defaults(*out, source, path);
    }
    return out;
  }

 private:
  void wrong(const std::string& path, const Json& value, std::string_view detail) {
    errors_.push_back(invalidError(path, value, detail));
  }
  static std::string child(const std::string& path, std::string_view name) {
    return path.empty() ? std::string(name) : cat(path, ".", name);
  }

  void words(const Json& source, const std::string& path) {
    for (const auto& [name, value] : source.asObject()) {
      if (std::find(kForbidden.begin(), kForbidden.end(), name) != kForbidden.end()) {
        errors_.push_back(forbiddenError(child(path, name), cat(name, " is not supported")));
      } else if (std::find(kKeywords.begin(), kKeywords.end(), name) == kKeywords.end()) {
        errors_.push_back(forbiddenError(child(path, name), "is no word of a schema"));
      }
    }
  }

  bool flag(const Json& source, std::string_view name, const std::string& path) {
    const Json* value = source.find(name);
    if (value != nullptr && !value->isBool() && !value->isNull()) {
      wrong(child(path, name), *value, "must be true or false");
    }
    return source.getBool(name);
  }

  void flags(Node& out, const Json& source, const std::string& path) {
    out.nullable = flag(source, "nullable", path);
    out.preserve = flag(source, "x-kubernetes-preserve-unknown-fields", path);
    out.embedded = flag(source, "x-kubernetes-embedded-resource", path);
    if (source.getBool("uniqueItems")) {
      errors_.push_back(forbiddenError(child(path, "uniqueItems"),
                                       "uniqueItems cannot be set to true since the runtime complexity becomes "
                                       "quadratic; use x-kubernetes-list-type: set"));
    }
  }

  void refuseStructure(const Json& source, const std::string& path) {
    for (std::string_view name : kStructural) {
      const Json* value = source.find(name);
      if (value == nullptr || (name == "type" && isIntOrStringPart(source))) {
        continue;
      }
      errors_.push_back(forbiddenError(child(path, name), "must be empty to be structural"));
    }
  }

  // {type: integer} and {type: string}: the two halves of anyOf that go with int-or-string.
  static bool isIntOrStringPart(const Json& source) {
    const std::string type = source.getString("type");
    return source.asObject().size() == 1 && (type == "integer" || type == "string");
  }

  void type(Node& out, const Json& source, const std::string& path) {
    const std::string name = source.getString("type");
    if (flag(source, "x-kubernetes-int-or-string", path)) {
      out.type = Type::IntOrString;
      if (!name.empty()) {
        wrong(child(path, "type"), name, "must be empty if x-kubernetes-int-or-string is true");
      }
      return;
    }
    auto found = std::find_if(kTypes.begin(), kTypes.end(), [&](const auto& one) { return one.first == name; });
    if (found != kTypes.end()) {
      out.type = found->second;
    } else if (!name.empty()) {
      errors_.push_back(
          notSupportedError(child(path, "type"), name, {"array", "boolean", "integer", "number", "object", "string"}));
    } else if (!out.preserve) {
      errors_.push_back(requiredError(child(path, "type"), "must not be empty for specified object fields"));
    }
    if (out.embedded && out.type != Type::Object) {
      wrong(child(path, "type"), name, "must be object if x-kubernetes-embedded-resource is true");
    }
  }

  void lists(Node& out, const Json& source, const std::string& path) {
    if (const Json* listType = source.find("x-kubernetes-list-type")) {
      const std::string name = listType->isString() ? listType->asString() : std::string();
      const std::string here = child(path, "x-kubernetes-list-type");
      if (name != "atomic" && name != "set" && name != "map") {
        errors_.push_back(notSupportedError(here, *listType, {"atomic", "map", "set"}));
      }
      out.listType = name == "set" ? ListType::Set : name == "map" ? ListType::Map : ListType::Atomic;
      if (out.type != Type::Array) {
        wrong(child(path, "type"), source.getString("type"), "must be array if x-kubernetes-list-type is specified");
      }
    }
    if (const Json* mapType = source.find("x-kubernetes-map-type")) {
      const std::string name = mapType->isString() ? mapType->asString() : std::string();
      if (name != "atomic" && name != "granular") {
        errors_.push_back(notSupportedError(child(path, "x-kubernetes-map-type"), *mapType, {"atomic", "granular"}));
      }
      out.atomicMap = name == "atomic";
      if (out.type != Type::Object) {
        wrong(child(path, "type"), source.getString("type"), "must be object if x-kubernetes-map-type is specified");
      }
    }
    out.listMapKeys = strings(source, "x-kubernetes-list-map-keys", path);
    if ((out.listType == ListType::Map) == out.listMapKeys.empty()) {
      const std::string here = child(path, "x-kubernetes-list-map-keys");
      errors_.push_back(out.listMapKeys.empty()
                            ? requiredError(here, "must not be empty if x-kubernetes-list-type is map")
                            : forbiddenError(here, "may only be given with x-kubernetes-list-type map"));
    }
  }

  std::vector<std::string> strings(const Json& source, std::string_view name, const std::string& path) {
    std::vector<std::string> out;
    const Json* list = source.find(name);
    if (list == nullptr || list->isNull()) {
      return out;
    }
    if (!list->isArray()) {
      wrong(child(path, name), *list, "must be a list of strings");
      return out;
    }
    for (const Json& item : list->asArray()) {
      if (item.isString()) {
        out.push_back(item.asString());
      } else {
        wrong(child(path, name), item, "must be a string");
      }
    }
    return out;
  }

  std::optional<Json> number(const Json& source, std::string_view name, const std::string& path) {
    const Json* value = source.find(name);
    if (value == nullptr || value->isNull()) {
      return std::nullopt;
    }
    if (!value->isNumber()) {
      wrong(child(path, name), *value, "must be a number");
      return std::nullopt;
    }
    return *value;
  }

  std::optional<std::size_t> count(const Json& source, std::string_view name, const std::string& path) {
    std::optional<Json> value = number(source, name, path);
    if (value && (!value->isInt() || value->asInt() < 0)) {
      wrong(child(path, name), *value, "must be a whole number, 0 or more");
      return std::nullopt;
    }
    return value ? std::optional(static_cast<std::size_t>(value->asInt())) : std::nullopt;
  }

  void bounds(ValueChecks& out, const Json& source, const std::string& path) {
    out.minimum = number(source, "minimum", path);
    out.maximum = number(source, "maximum", path);
    out.multipleOf = number(source, "multipleOf", path);
    if (out.multipleOf && out.multipleOf->asDouble() <= 0) {
      wrong(child(path, "multipleOf"), *out.multipleOf, "must be over 0");
      out.multipleOf.reset();
    }
    out.exclusiveMinimum = flag(source, "exclusiveMinimum", path);
    out.exclusiveMaximum = flag(source, "exclusiveMaximum", path);
    out.minLength = count(source, "minLength", path);
    out.maxLength = count(source, "maxLength", path);
    out.minItems = count(source, "minItems", path);
    out.maxItems = count(source, "maxItems", path);
    out.minProperties = count(source, "minProperties", path);
    out.maxProperties = count(source, "maxProperties", path);
  }

  void texts(ValueChecks& out, const Json& source, const std::string& path) {
    out.format = source.getString("format");
    out.required = strings(source, "required", path);
    if (const Json* values = source.find("enum"); values != nullptr && !values->isNull()) {
      if (!values->isArray() || values->asArray().empty()) {
        wrong(child(path, "enum"), *values, "must be a list of values");
      } else {
        out.enumeration = values->asArray();
      }
    }
    const Json* pattern = source.find("pattern");
    if (pattern == nullptr || !pattern->isString() || pattern->asString().empty()) {
      return;
    }
    out.patternText = pattern->asString();
    Result<std::shared_ptr<const cel::Pattern>> compiled = cel::Pattern::compile(out.patternText);
    if (compiled) {
      out.pattern = *std::move(compiled);
    } else {
      wrong(child(path, "pattern"), *pattern, cat("must be a regular expression: ", compiled.status().message()));
    }
  }

  void children(Node& out, const Json& source, const std::string& path, bool valueOnly) {
    const Json* properties = source.find("properties");
    if (properties != nullptr && properties->isObject()) {
      for (const auto& [name, value] : properties->asObject()) {
        out.properties.emplace_back(name, node(value, cat(child(path, "properties"), "[", name, "]"), valueOnly));
        out.index.emplace(name, out.properties.back().second.get());
      }
    } else if (properties != nullptr && !properties->isNull()) {
      wrong(child(path, "properties"), *properties, "must be a map of schemas");
    }
    if (const Json* items = source.find("items"); items != nullptr && !items->isNull()) {
      if (items->isArray()) {
        errors_.push_back(forbiddenError(child(path, "items"), "items must be a schema object and not an array"));
      } else {
        out.items = node(*items, child(path, "items"), valueOnly);
      }
    } else if (out.type == Type::Array) {
      errors_.push_back(requiredError(child(path, "items"), "must be specified"));
    }
    additional(out, source, path, valueOnly);
  }

  void additional(Node& out, const Json& source, const std::string& path, bool valueOnly) {
    const Json* given = source.find("additionalProperties");
    if (given == nullptr || given->isNull() || valueOnly) {
      return;
    }
    const std::string here = child(path, "additionalProperties");
    if (!out.properties.empty()) {
      errors_.push_back(forbiddenError(here, "additionalProperties and properties are mutual exclusive"));
    } else if (given->isBool() && !given->asBool()) {
      errors_.push_back(forbiddenError(here, "additionalProperties cannot be set to false"));
    } else if (given->isBool()) {
      out.additional = std::make_unique<Node>();
      out.additional->source = given;
      out.additional->preserve = true;
      out.additional->nullable = true;
    } else {
      out.additional = node(*given, here, false);
    }
  }

  void junctors(ValueChecks& out, const Json& source, const std::string& path) {
    const auto each = [&](std::string_view name, std::vector<std::unique_ptr<Node>>& parts) {
      const Json* list = source.find(name);
      if (list == nullptr || list->isNull()) {
        return;
      }
      if (!list->isArray()) {
        wrong(child(path, name), *list, "must be a list of schemas");
        return;
      }
      for (std::size_t i = 0; i < list->asArray().size(); ++i) {
        parts.push_back(valuePart(list->asArray()[i], cat(child(path, name), "[", i, "]")));
      }
    };
    each("allOf", out.allOf);
    each("anyOf", out.anyOf);
    each("oneOf", out.oneOf);
    if (const Json* negated = source.find("not"); negated != nullptr && !negated->isNull()) {
      out.negated = valuePart(*negated, child(path, "not"));
    }
  }

  std::unique_ptr<Node> valuePart(const Json& source, const std::string& path) {
    std::unique_ptr<Node> part = node(source, path, true);
    part->nullable = true;
    if (source.isObject() && isIntOrStringPart(source)) {
      part->type = source.getString("type") == "integer" ? Type::Integer : Type::String;
    }
    return part;
  }

  void listKeys(const Node& node, const std::string& path) {
    if (node.listType == ListType::Set && node.items != nullptr) {
      const Node& item = *node.items;
      const bool atomic = (item.type == Type::Array && item.listType == ListType::Atomic) ||
                          (item.type == Type::Object && item.atomicMap) ||
                          (item.type != Type::Array && item.type != Type::Object);
      if (!atomic) {
        wrong(child(path, "items.x-kubernetes-map-type"), "granular",
              "must be atomic as item of a list with x-kubernetes-list-type=set");
      }
    }
    if (node.listType != ListType::Map || node.items == nullptr) {
      return;
    }
    if (node.items->type != Type::Object) {
      wrong(child(path, "items.type"), std::string(typeName(node.items->type)),
            "must be object if parent array's x-kubernetes-list-type is map");
      return;
    }
    for (std::size_t i = 0; i < node.listMapKeys.size(); ++i) {
      const std::string& key = node.listMapKeys[i];
      const std::string here = cat(child(path, "x-kubernetes-list-map-keys"), "[", i, "]");
      if (std::count(node.listMapKeys.begin(), node.listMapKeys.end(), key) > 1) {
        errors_.push_back(duplicateError(here, key));
      }
      const Node* property = node.items->find(key);
      if (property == nullptr) {
        wrong(here, key, "must be a property of items");
        continue;
      }
      const std::string itemPath = cat(child(path, "items.properties"), "[", key, "]");
      if (property->type == Type::Object || property->type == Type::Array || property->type == Type::Any) {
        wrong(cat(itemPath, ".type"), std::string(typeName(property->type)),
              "must be a scalar type if parent array's x-kubernetes-list-type is map");
      }
      const std::vector<std::string>& required = node.items->checks.required;
      if (!property->defaultValue && std::find(required.begin(), required.end(), key) == required.end()) {
        errors_.push_back(requiredError(cat(itemPath, ".default"),
                                        "this property is in x-kubernetes-list-map-keys, so "
                                        "it must have a default or be a required property"));
      }
    }
  }

  void defaults(Node& out, const Json& source, const std::string& path) {
    const Json* given = source.find("default");
    if (given == nullptr) {
      return;
    }
    const std::size_t before = errors_.size();
    Json value = *given;
    for (const std::string& field : findUnknown(out, value, nullptr)) {
      errors_.push_back(invalidError(child(path, "default"), *given, cat("must not have unknown field ", field)));
    }
    fillDefaults(out, value, nullptr);
    for (FieldError& error : validateValue(out, value, nullptr)) {
      error.field = error.field.empty() ? child(path, "default") : cat(child(path, "default"), ".", error.field);
      errors_.push_back(std::move(error));
    }
    if (errors_.size() == before) {
      out.defaultValue = std::move(value);
    }
  }

  std::vector<FieldError>& errors_;
};

}  // namespace

std::string_view typeName(Type type) {
  if (type == Type::IntOrString) {
    return "integer,string";
  }
  auto found = std::find_if(kTypes.begin(), kTypes.end(), [&](const auto& one) { return one.second == type; });
  return found == kTypes.end() ? std::string_view() : found->first;
}

std::unique_ptr<Node> compileNode(const Json& source, const std::string& path, std::vector<FieldError>& errors) {
  const std::size_t before = errors.size();
  std::unique_ptr<Node> root = Compiler(errors).node(source, path, false);
  if (errors.size() == before && root->type != Type::Object) {
    errors.push_back(invalidError(path.empty() ? "type" : cat(path, ".type"), source.getString("type"),
                                  "must be object at the root"));
  }
  root->root = true;
  if (errors.size() == before) {
    compileRules(*root, path, errors);
  }
  return errors.size() == before ? std::move(root) : nullptr;
}

}  // namespace slipway::schema
