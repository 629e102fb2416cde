#include "reconciler/base/strings.h"
#include "reconciler/schema/node.h"

namespace slipway::schema {
namespace {

// For all rules of one object together, as in Kubernetes.
constexpr std::uint64_t kBudget = 10'000'000;

// Whether two items of a list-map are versions of one another.
bool sameKeys(const Node& list, const Json& a, const Json& b) {
  for (const std::string& name : list.listMapKeys) {
    const Json* one = a.find(name);
    const Json* other = b.find(name);
    if ((one == nullptr) != (other == nullptr) || (one != nullptr && !(*one == *other))) {
      return false;
    }
  }
  return true;
}

class RuleValidator {
 public:
  std::vector<FieldError> take() { return std::move(errors_); }

  struct Past {
    const Json* old;
    const Json* known;
  };

  void visit(const Node& node, const Json& value, const Past& past, const Place& place) {
    // What was found good stays so, but for rules that compare with a value that may be another one this time.
    const bool held = isKnown(value, past.known);
    if (!node.rulesBelow || (held && !node.oldRulesBelow) || value.isNull() || left_ == 0) {
      return;
    }
    // A value that was of another kind has no past.
    const Json* old = past.old != nullptr && !past.old->isNull() ? past.old : nullptr;
    for (const Rule& rule : node.rules) {
      if (left_ > 0 && (!held || rule.usesOld) && (!rule.usesOld || old != nullptr || rule.optionalOld)) {
        run(node, rule, value, old, place);
      }
    }
    if (value.isObject()) {
      for (const auto& [name, member] : value.asObject()) {
        if (const Node* declared = node.member(name)) {
          visit(*declared, member, {knownMember(old, name), knownMember(past.known, name)}, place.member(name));
        }
      }
    } else if (value.isArray() && node.items != nullptr && node.items->rulesBelow) {
      items(node, value.asArray(), {old, past.known}, place);
    }
  }

 private:
  void items(const Node& node, const Json::Array& list, const Past& past, const Place& place) {
    const Json* old = past.old;
    const bool correlated = node.listType == ListType::Map && old != nullptr && old->isArray();
    for (std::size_t i = 0; i < list.size(); ++i) {
      const Json* before = nullptr;
      for (std::size_t k = 0; correlated && before == nullptr && k < old->asArray().size(); ++k) {
        // Usually nothing moved: look in the same place first.
        const Json& candidate = old->asArray()[(i + k) % old->asArray().size()];
        before = sameKeys(node, list[i], candidate) ? &candidate : nullptr;
      }
      visit(*node.items, list[i], {before, knownItem(past.known, i)}, place.item(i));
    }
  }

  void run(const Node& node, const Rule& rule, const Json& value, const Json* old, const Place& place) {
    std::uint64_t cost = 0;
    const std::uint64_t limit = std::min(left_, cel::kDefaultCost);
    const Result<Json> outcome = rule.program->evaluate({&value, old}, limit, &cost);
    left_ -= cost;
    if (outcome && outcome->isBool() && outcome->asBool()) {
      return;
    }
    if (!outcome && outcome.code() == Code::Cancelled) {
      add(node, rule, place,
          left_ == 0 ? std::string("validation failed due to running out of cost budget, no further validation rules "
                                   "will be run")
                     : cat("call cost exceeds limit for rule: ", rule.program->text()));
      return;
    }
    if (!outcome) {
      add(node, rule, place, cat(outcome.status().message(), " evaluating rule: ", rule.message));
      return;
    }
    add(node, rule, place, outcome->isBool() ? messageOf(rule, value, old) : "the rule yields no bool");
  }

  std::string messageOf(const Rule& rule, const Json& value, const Json* old) {
    if (rule.messageExpression == nullptr || left_ == 0) {
      return rule.message;
    }
    std::uint64_t cost = 0;
    const Result<Json> text =
        rule.messageExpression->evaluate({&value, old}, std::min(left_, cel::kDefaultCost), &cost);
    left_ -= cost;
    const bool good = text && text->isString() && !trim(text->asString()).empty() &&
                      text->asString().find('\n') == std::string::npos && text->asString().size() <= 5120;
    return good ? text->asString() : rule.message;
  }

  void add(const Node& node, const Rule& rule, const Place& place, const std::string& detail) {
    std::string field = place.text();
    if (!rule.fieldPath.empty()) {
      field += field.empty() ? rule.fieldPath : "." + rule.fieldPath;
    }
    if (rule.reason == "FieldValueRequired") {
      errors_.push_back(requiredError(std::move(field), detail));
    } else if (rule.reason == "FieldValueForbidden") {
      errors_.push_back(forbiddenError(std::move(field), detail));
    } else if (rule.reason == "FieldValueDuplicate") {
      errors_.push_back(duplicateError(std::move(field), std::string(typeName(node.type))));
    } else {
      errors_.push_back(invalidError(std::move(field), std::string(typeName(node.type)), detail));
    }
  }

  std::vector<FieldError> errors_;
  std::uint64_t left_ = kBudget;
};

}  // namespace

std::vector<FieldError> validateRules(const Node& node, const Json& value, const Json* old, const Json* known) {
  RuleValidator validator;
  validator.visit(node, value, {old, known}, Place());
  return validator.take();
}

}  // namespace slipway::schema
