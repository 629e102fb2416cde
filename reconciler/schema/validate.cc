#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_set>

#include "reconciler/base/strings.h"
#include "reconciler/base/utf8.h"
#include "reconciler/schema/formats.h"
#include "reconciler/schema/node.h"

namespace slipway::schema {
namespace {

bool isWhole(const Json& value) {
  return value.isInt() || (value.isDouble() && value.asDouble() == std::trunc(value.asDouble()));
}

// -1, 0 or 1; exact for integers.
int compareNumbers(const Json& a, const Json& b) {
  if (a.isInt() && b.isInt()) {
    return a.asInt() < b.asInt() ? -1 : a.asInt() > b.asInt() ? 1 : 0;
  }
  return a.asDouble() < b.asDouble() ? -1 : a.asDouble() > b.asDouble() ? 1 : 0;
}

std::string_view kindOf(const Json& value) {
  return value.isNull()     ? "null"
         : value.isBool()   ? "boolean"
         : value.isInt()    ? "integer"
         : value.isDouble() ? "number"
         : value.isString() ? "string"
         : value.isArray()  ? "array"
                            : "object";
}

bool hasType(const Node& node, const Json& value) {
  switch (node.type) {
    case Type::Any:
      return true;
    case Type::Object:
      return value.isObject();
    case Type::Array:
      return value.isArray();
    case Type::String:
      return value.isString();
    case Type::Integer:
      return value.isNumber() && isWhole(value);
    case Type::Number:
      return value.isNumber();
    case Type::Boolean:
      return value.isBool();
    case Type::IntOrString:
      return value.isString() || (value.isNumber() && isWhole(value));
  }
  return false;
}

class Validator {
 public:
  std::vector<FieldError> take() {
    errors_.insert(errors_.end(), std::make_move_iterator(doubles_.begin()), std::make_move_iterator(doubles_.end()));
    return std::move(errors_);
  }

  void visit(const Node& node, const Json& value, const Json* known, const Place& place) {
    if (isKnown(value, known) || (value.isNull() && node.nullable)) {
      return;
    }
    if (!hasType(node, value)) {
      const std::string kind(kindOf(value));
      errors_.push_back(typeInvalidError(
          place.text(), kind, cat(place.text(), " in body must be of type ", typeName(node.type), ": \"", kind, "\"")));
      enumeration(node.checks, value, place);
      return;
    }
    junctors(node.checks, value, place);
    if (value.isString()) {
      text(node.checks, value, place);
    } else if (value.isNumber()) {
      number(node, value, place);
    } else if (value.isArray()) {
      list(node, value, known, place);
    } else if (value.isObject()) {
      object(node, value, known, place);
    }
    enumeration(node.checks, value, place);
  }

 private:
  void invalid(const Place& place, const Json& value, std::string_view what) {
    const std::string field = place.text();
    errors_.push_back(invalidError(field, value, cat(field, " in body ", what)));
  }

  void enumeration(const ValueChecks& checks, const Json& value, const Place& place) {
    const std::vector<Json>& allowed = checks.enumeration;
    if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
      errors_.push_back(notSupportedError(place.text(), value, allowed));
    }
  }

  void text(const ValueChecks& checks, const Json& value, const Place& place) {
    const std::string& given = value.asString();
    if (checks.minLength || checks.maxLength) {
      const std::size_t length = countCodePoints(given);
      if (checks.maxLength && length > *checks.maxLength) {
        errors_.push_back(tooLongError(place.text(), *checks.maxLength));
      }
      if (checks.minLength && length < *checks.minLength) {
        invalid(place, value, cat("should be at least ", *checks.minLength, " chars long"));
      }
    }
    if (checks.pattern != nullptr && !checks.pattern->matches(given)) {
      invalid(place, value, cat("should match '", checks.patternText, "'"));
    }
    if (!checks.format.empty() && !matchesFormat(checks.format, given)) {
      errors_.push_back(typeInvalidError(
          place.text(), value, cat(place.text(), " in body must be of type ", checks.format, ": ", value.dump())));
    }
  }

  void number(const Node& node, const Json& value, const Place& place) {
    const ValueChecks& checks = node.checks;
    if (checks.format == "int32" && node.type == Type::Integer &&
        (value.asDouble() > std::numeric_limits<std::int32_t>::max() ||
         value.asDouble() < std::numeric_limits<std::int32_t>::min())) {
      errors_.push_back(
          typeInvalidError(place.text(), value, cat(place.text(), " in body must be of type int32: \"int64\"")));
    }
    if (checks.multipleOf && !isMultiple(value, *checks.multipleOf)) {
      invalid(place, value, cat("should be a multiple of ", checks.multipleOf->dump()));
    }
    if (checks.maximum) {
      const int order = compareNumbers(value, *checks.maximum);
      if (order > 0 || (order == 0 && checks.exclusiveMaximum)) {
        invalid(place, value,
                cat(checks.exclusiveMaximum ? "should be less than " : "should be less than or equal to ",
                    checks.maximum->dump()));
      }
    }
    if (checks.minimum) {
      const int order = compareNumbers(value, *checks.minimum);
      if (order < 0 || (order == 0 && checks.exclusiveMinimum)) {
        invalid(place, value,
                cat(checks.exclusiveMinimum ? "should be greater than " : "should be greater than or equal to ",
                    checks.minimum->dump()));
      }
    }
  }

  static bool isMultiple(const Json& value, const Json& factor) {
    if (value.isInt() && factor.isInt()) {
      return value.asInt() % factor.asInt() == 0;
    }
    const double quotient = value.asDouble() / factor.asDouble();
    return quotient == std::trunc(quotient);
  }

  void list(const Node& node, const Json& value, const Json* known, const Place& place) {
    const Json::Array& items = value.asArray();
    const ValueChecks& checks = node.checks;
    if (checks.minItems && items.size() < *checks.minItems) {
      invalid(place, static_cast<std::int64_t>(items.size()), cat("should have at least ", *checks.minItems, " items"));
    }
    if (checks.maxItems && items.size() > *checks.maxItems) {
      errors_.push_back(tooManyError(place.text(), items.size(), *checks.maxItems));
      return;  // not every one of millions of items needs its own error
    }
    if (node.items != nullptr) {
      for (std::size_t i = 0; i < items.size(); ++i) {
        visit(*node.items, items[i], knownItem(known, i), place.item(i));
      }
    }
    if (node.listType != ListType::Atomic) {
      doubles(node, items, place);
    }
  }

  void doubles(const Node& node, const Json::Array& items, const Place& place) {
    std::unordered_set<std::string> seen;
    for (std::size_t i = 0; i < items.size(); ++i) {
      Json key = items[i];
      if (node.listType == ListType::Map) {
        key = Json::object();
        for (const std::string& name : node.listMapKeys) {
          if (const Json* part = items[i].find(name)) {
            key.asObject().set(name, *part);
          }
        }
        if (key.asObject().empty()) {
          continue;
        }
      }
      if (!seen.insert(key.dumpCanonical()).second) {
        doubles_.push_back(duplicateError(place.item(i).text(), key));
      }
    }
  }

  void object(const Node& node, const Json& value, const Json* known, const Place& place) {
    const JsonObject& members = value.asObject();
    const ValueChecks& checks = node.checks;
    if (checks.minProperties && members.size() < *checks.minProperties) {
      invalid(place, static_cast<std::int64_t>(members.size()),
              cat("should have at least ", *checks.minProperties, " properties"));
    }
    if (checks.maxProperties && members.size() > *checks.maxProperties) {
      errors_.push_back(tooManyError(place.text(), members.size(), *checks.maxProperties));
    }
    for (const std::string& name : checks.required) {
      if (!members.contains(name)) {
        errors_.push_back(requiredError(place.member(name).text()));
      }
    }
    if (node.embedded) {
      embedded(value, place);
    }
    for (const auto& [name, member] : members) {
      if (const Node* declared = node.member(name)) {
        visit(*declared, member, knownMember(known, name), place.member(name));
      }
    }
  }

  void embedded(const Json& value, const Place& place) {
    for (std::string_view name : {"apiVersion", "kind"}) {
      const Json* member = value.find(name);
      if (member == nullptr || !member->isString() || member->asString().empty()) {
        errors_.push_back(requiredError(place.member(name).text(), "must not be empty"));
      }
    }
    const Json* metadata = value.find("metadata");
    if (metadata != nullptr && !metadata->isObject()) {
      errors_.push_back(invalidError(place.member("metadata").text(), *metadata, "must be an object"));
    }
  }

  static std::vector<FieldError> alone(const Node& node, const Json& value, const Place& place) {
    Validator inner;
    inner.visit(node, value, nullptr, place);
    return inner.take();
  }

  void junctor(const Place& place, std::string_view what) {
    const std::string field = place.text();
    errors_.push_back(invalidError(field, "", cat("\"", field, "\" ", what)));
  }

  void junctors(const ValueChecks& checks, const Json& value, const Place& place) {
    for (const auto& part : checks.allOf) {
      visit(*part, value, nullptr, place);
    }
    const auto holding = [&](const std::vector<std::unique_ptr<Node>>& parts) {
      return std::count_if(parts.begin(), parts.end(),
                           [&](const auto& part) { return alone(*part, value, place).empty(); });
    };
    if (!checks.anyOf.empty() && holding(checks.anyOf) == 0) {
      junctor(place, "must validate at least one schema (anyOf)");
      nearest(checks.anyOf, value, place);
    }
    if (!checks.oneOf.empty()) {
      const auto count = holding(checks.oneOf);
      if (count != 1) {
        junctor(place, count == 0 ? "must validate one and only one schema (oneOf). Found none valid"
                                  : cat("must validate one and only one schema (oneOf). Found ", count,
                                        " valid alternatives"));
      }
      if (count == 0) {
        nearest(checks.oneOf, value, place);
      }
    }
    if (checks.negated != nullptr && alone(*checks.negated, value, place).empty()) {
      junctor(place, "must not validate the schema (not)");
    }
  }

  // The errors of the alternative that has fewest of them.
  void nearest(const std::vector<std::unique_ptr<Node>>& parts, const Json& value, const Place& place) {
    std::vector<FieldError> best;
    for (const auto& part : parts) {
      std::vector<FieldError> errors = alone(*part, value, place);
      if (best.empty() || errors.size() < best.size()) {
        best = std::move(errors);
      }
    }
    errors_.insert(errors_.end(), std::make_move_iterator(best.begin()), std::make_move_iterator(best.end()));
  }

  std::vector<FieldError> errors_;
  std::vector<FieldError> doubles_;
};

}  // namespace

std::vector<FieldError> validateValue(const Node& node, const Json& value, const Json* known) {
  Validator validator;
  validator.visit(node, value, known, Place());
  return validator.take();
}

}  // namespace slipway::schema
