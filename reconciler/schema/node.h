#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "reconciler/base/json.h"
#include "reconciler/cel/cel.h"
#include "reconciler/cel/pattern.h"
#include "reconciler/schema/structural_schema.h"

namespace slipway::schema {

enum class Type { Any, Object, Array, String, Integer, Number, Boolean, IntOrString };

// The schema's word: "integer"; empty for Any.
std::string_view typeName(Type type);

struct Node;

// What a node demands of a value, beyond its type. Absent bounds are empty.
struct ValueChecks {
  std::optional<Json> minimum;
  std::optional<Json> maximum;
  std::optional<Json> multipleOf;
  bool exclusiveMinimum = false;
  bool exclusiveMaximum = false;
  std::optional<std::size_t> minLength;
  std::optional<std::size_t> maxLength;
  std::optional<std::size_t> minItems;
  std::optional<std::size_t> maxItems;
  std::optional<std::size_t> minProperties;
  std::optional<std::size_t> maxProperties;
  std::string patternText;
  std::shared_ptr<const cel::Pattern> pattern;
  std::string format;
  std::vector<Json> enumeration;
  std::vector<std::string> required;
  std::vector<std::unique_ptr<Node>> allOf;
  std::vector<std::unique_ptr<Node>> anyOf;
  std::vector<std::unique_ptr<Node>> oneOf;
  std::unique_ptr<Node> negated;
};

// One entry of x-kubernetes-validations.
struct Rule {
  std::shared_ptr<const cel::Program> program;
  std::string message;                                    // "failed rule: …" when the schema gives none
  std::shared_ptr<const cel::Program> messageExpression;  // may be empty
  std::string reason = "FieldValueInvalid";
  std::string fieldPath;  // below the node, without the leading dot; may be empty
  bool usesOld = false;
  bool optionalOld = false;  // runs without an old value too
};

// One level of a compiled schema.
struct Node {
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  const Node* find(std::string_view name) const {
    auto found = index.find(name);
    return found == index.end() ? nullptr : found->second;
  }
  // The declared property, else what additionalProperties says of it, else nullptr.
  const Node* member(std::string_view name) const {
    const Node* declared = find(name);
    return declared != nullptr ? declared : additional.get();
  }

  const Json* source = nullptr;  // inside the root's copy
  Type type = Type::Any;
  bool root = false;
  bool nullable = false;
  bool preserve = false;
  bool embedded = false;
  bool atomicMap = false;
  ListType listType = ListType::Atomic;
  std::vector<std::string> listMapKeys;
  std::vector<std::pair<std::string, std::unique_ptr<Node>>> properties;  // in the order written
  std::unordered_map<std::string, const Node*, Hash, std::equal_to<>> index;
  std::unique_ptr<Node> items;
  std::unique_ptr<Node> additional;
  std::optional<Json> defaultValue;
  ValueChecks checks;
  std::vector<Rule> rules;
  bool rulesBelow = false;                 // here or further down
  bool oldRulesBelow = false;              // those that compare with the old value
  cel::TypePtr celType;                    // what rules see of it; empty for what they cannot see
  std::unique_ptr<StructuralSchema> view;  // what the outside sees of this level
};

// Where a value stands in its object. Lives on the stack; text is made only for errors.
struct Place {
  const Place* parent = nullptr;
  std::string_view name;
  std::size_t index = 0;
  bool isIndex = false;

  Place member(std::string_view key) const { return {.parent = this, .name = key}; }
  Place item(std::size_t at) const { return {.parent = this, .index = at, .isIndex = true}; }
  std::string text() const;
};

// Compiles `source`, which must outlive the node. Adds every finding to `errors` under `path`; nullptr with any.
std::unique_ptr<Node> compileNode(const Json& source, const std::string& path, std::vector<FieldError>& errors);

// Compiles the rules of the whole tree. Adds every finding to `errors` under `path`.
void compileRules(Node& root, const std::string& path, std::vector<FieldError>& errors);

// See StructuralSchema for these and for `known`, which may be null.
std::vector<std::string> findUnknown(const Node& node, const Json& value, const Json* known);
void dropUnknown(const Node& node, Json& value);
void fillDefaults(const Node& node, Json& value, const Json* known);
// Everything but CEL rules.
std::vector<FieldError> validateValue(const Node& node, const Json& value, const Json* known);
// The rules of a value that is valid otherwise; `old` may be null.
std::vector<FieldError> validateRules(const Node& node, const Json& value, const Json* old, const Json* known);

// Whether `value` is, in memory, what is known.
inline bool isKnown(const Json& value, const Json* known) { return known != nullptr && value.sharesWith(*known); }
// What is known at this place further down, or nullptr.
inline const Json* knownMember(const Json* known, std::string_view name) {
  return known == nullptr ? nullptr : known->find(name);
}
inline const Json* knownItem(const Json* known, std::size_t at) {
  return known != nullptr && known->isArray() && at < known->asArray().size() ? &known->asArray()[at] : nullptr;
}

}  // namespace slipway::schema
