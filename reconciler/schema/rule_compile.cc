#include <algorithm>
#include <array>
#include <optional>

#include "reconciler/base/strings.h"
#include "reconciler/schema/node.h"

namespace slipway::schema {
namespace {

constexpr std::string_view kKey = "x-kubernetes-validations";
constexpr std::array<std::string_view, 4> kReasons{"FieldValueRequired", "FieldValueForbidden", "FieldValueInvalid",
                                                   "FieldValueDuplicate"};
constexpr std::array<std::string_view, 6> kFields{"rule",   "message",   "messageExpression",
                                                  "reason", "fieldPath", "optionalOldSelf"};

cel::TypePtr textType(const std::string& format) {
  using cel::Kind;
  if (format == "byte") {
    return simpleType(Kind::Bytes);
  }
  if (format == "duration") {
    return simpleType(Kind::Duration);
  }
  return simpleType(format == "date" || format == "date-time" ? Kind::Timestamp : Kind::String);
}

std::shared_ptr<cel::Type> objectType() {
  auto type = std::make_shared<cel::Type>();
  type->kind = cel::Kind::Object;
  return type;
}

// Declares what every object has: apiVersion, kind, metadata.name and metadata.generateName.
void addTypeMeta(cel::Type& type) {
  const cel::TypePtr& text = cel::simpleType(cel::Kind::String);
  auto metadata = objectType();
  metadata->fields = {{"name", "name", text}, {"generateName", "generateName", text}};
  std::erase_if(type.fields, [](const cel::Type::Field& field) {
    return field.name == "apiVersion" || field.name == "kind" || field.name == "metadata";
  });
  type.fields.push_back({"apiVersion", "apiVersion", text});
  type.fields.push_back({"kind", "kind", text});
  type.fields.push_back({"metadata", "metadata", metadata});
}

cel::TypePtr celTypeOf(const Node& node) {
  using cel::Kind;
  switch (node.type) {
    case Type::Any:
      return nullptr;
    case Type::String:
      return textType(node.checks.format);
    case Type::Integer:
      return cel::simpleType(Kind::Int);
    case Type::Number:
      return cel::simpleType(Kind::Double);
    case Type::Boolean:
      return cel::simpleType(Kind::Bool);
    case Type::IntOrString:
      return cel::simpleType(Kind::Dyn);
    case Type::Array: {
      if (node.items == nullptr || node.items->celType == nullptr) {
        return nullptr;
      }
      auto type = std::make_shared<cel::Type>(*cel::listOf(node.items->celType));
      type->order = node.listType == ListType::Set   ? cel::ListOrder::Set
                    : node.listType == ListType::Map ? cel::ListOrder::Map
                                                     : cel::ListOrder::Ordered;
      return type;
    }
    case Type::Object:
      break;
  }
  if (node.additional != nullptr) {
    return node.additional->celType == nullptr ? nullptr : cel::mapOf(node.additional->celType);
  }
  auto type = objectType();
  for (const auto& [name, property] : node.properties) {
    if (std::string escaped = cel::escapeName(name); property->celType != nullptr && !escaped.empty()) {
      type->fields.push_back({std::move(escaped), name, property->celType});
    }
  }
  if (node.root || node.embedded) {
    addTypeMeta(*type);
  }
  return type;
}

// ".a.b['c.d']" → its names; nothing when it is malformed.
std::optional<std::vector<std::string>> pathNames(std::string_view path) {
  std::vector<std::string> names;
  while (!path.empty()) {
    std::size_t end = 0;
    if (path.starts_with("['")) {
      end = path.find("']");
      if (end == std::string_view::npos) {
        return std::nullopt;
      }
      names.emplace_back(path.substr(2, end - 2));
      path.remove_prefix(end + 2);
    } else if (path[0] == '.') {
      end = std::min(path.find_first_of(".[", 1), path.size());
      names.emplace_back(path.substr(1, end - 1));
      path.remove_prefix(end);
    } else {
      return std::nullopt;
    }
    if (names.back().empty()) {
      return std::nullopt;
    }
  }
  return names;
}

class RuleCompiler {
 public:
  explicit RuleCompiler(std::vector<FieldError>& errors) : errors_(errors) {}

  // `correlated`: whether an old value can be found for each value here.
  void visit(Node& node, const std::string& path, bool correlated) {
    const std::string prefix = path.empty() ? path : path + ".";
    for (auto& [name, property] : node.properties) {
      visit(*property, cat(prefix, "properties[", name, "]"), correlated);
      noteRules(node, *property);
    }
    if (node.items != nullptr) {
      visit(*node.items, prefix + "items", correlated && node.listType == ListType::Map);
      noteRules(node, *node.items);
    }
    if (node.additional != nullptr) {
      visit(*node.additional, prefix + "additionalProperties", correlated);
      noteRules(node, *node.additional);
    }
    node.celType = celTypeOf(node);
    correlated_ = correlated;
    rules(node, cat(prefix, kKey));
    node.rulesBelow = node.rulesBelow || !node.rules.empty();
    node.oldRulesBelow = node.oldRulesBelow || std::any_of(node.rules.begin(), node.rules.end(),
                                                           [](const Rule& rule) { return rule.usesOld; });
  }

 private:
  static void noteRules(Node& node, const Node& below) {
    node.rulesBelow = node.rulesBelow || below.rulesBelow;
    node.oldRulesBelow = node.oldRulesBelow || below.oldRulesBelow;
  }

  void rules(Node& node, const std::string& path) {
    const Json* list = node.source->find(kKey);
    if (list == nullptr || list->isNull()) {
      return;
    }
    if (!list->isArray()) {
      errors_.push_back(invalidError(path, *list, "must be a list of rules"));
      return;
    }
    if (node.celType == nullptr) {
      errors_.push_back(forbiddenError(path, "rules cannot see a value without a declared type"));
      return;
    }
    for (std::size_t i = 0; i < list->asArray().size(); ++i) {
      rule(node, list->asArray()[i], cat(path, "[", i, "]"));
    }
  }

  void rule(Node& node, const Json& source, const std::string& path) {
    if (!source.isObject()) {
      errors_.push_back(invalidError(path, source, "must be a map with rule and message"));
      return;
    }
    for (const auto& [name, value] : source.asObject()) {
      if (std::find(kFields.begin(), kFields.end(), name) == kFields.end()) {
        errors_.push_back(forbiddenError(cat(path, ".", name), "is no field of a rule"));
      }
    }
    Rule out;
    out.optionalOld = source.getBool("optionalOldSelf");
    const std::string text(trim(source.getString("rule")));
    if (text.empty()) {
      errors_.push_back(requiredError(path + ".rule"));
      return;
    }
    out.program = program(node, text, out.optionalOld, cel::Kind::Bool, path + ".rule");
    if (out.program == nullptr) {
      return;
    }
    out.usesOld = out.program->uses("oldSelf");
    if (out.usesOld && !correlated_) {
      errors_.push_back(invalidError(path + ".rule", text,
                                     "oldSelf cannot be used on the uncorrelatable portion of the schema: the items "
                                     "of a list other than x-kubernetes-list-type map"));
    }
    if (source.find("optionalOldSelf") != nullptr && !out.usesOld) {
      errors_.push_back(
          invalidError(path + ".optionalOldSelf", out.optionalOld, "may not be set if oldSelf is not used in rule"));
    }
    message(node, source, text, path, out);
    reason(source, path, out);
    fieldPath(node, source, path, out);
    node.rules.push_back(std::move(out));
  }

  std::shared_ptr<const cel::Program> program(const Node& node, const std::string& text, bool optionalOld,
                                              cel::Kind wanted, const std::string& path) {
    const cel::TypePtr old = optionalOld ? cel::optionalOf(node.celType) : node.celType;
    auto compiled = cel::compile(text, {{"self", node.celType}, {"oldSelf", old}});
    if (!compiled) {
      errors_.push_back(invalidError(path, text, cat("compilation failed: ", compiled.status().message())));
      return nullptr;
    }
    const cel::Kind kind = (*compiled)->type().kind;
    if (kind != wanted && kind != cel::Kind::Dyn) {
      errors_.push_back(invalidError(path, text, cat("must evaluate to a ", cel::kindName(wanted))));
      return nullptr;
    }
    return *compiled;
  }

  void message(const Node& node, const Json& source, const std::string& text, const std::string& path, Rule& out) {
    const Json* given = source.find("message");
    const std::string message(trim(source.getString("message")));
    if (given != nullptr && message.empty()) {
      errors_.push_back(invalidError(path + ".message", *given, "message must be non-empty if specified"));
    } else if (message.find('\n') != std::string::npos) {
      errors_.push_back(invalidError(path + ".message", message, "message must not contain line breaks"));
    } else if (given == nullptr && text.find('\n') != std::string::npos) {
      errors_.push_back(requiredError(path + ".message", "message must be specified if rule contains line breaks"));
    }
    out.message = message.empty() ? cat("failed rule: ", text) : message;
    if (const std::string expression(trim(source.getString("messageExpression"))); !expression.empty()) {
      out.messageExpression =
          program(node, expression, out.optionalOld, cel::Kind::String, path + ".messageExpression");
    }
  }

  void reason(const Json& source, const std::string& path, Rule& out) {
    const Json* given = source.find("reason");
    if (given == nullptr) {
      return;
    }
    out.reason = given->isString() ? given->asString() : std::string();
    if (std::find(kReasons.begin(), kReasons.end(), out.reason) == kReasons.end()) {
      errors_.push_back(
          notSupportedError(path + ".reason", *given, std::vector<Json>(kReasons.begin(), kReasons.end())));
    }
  }

  void fieldPath(const Node& node, const Json& source, const std::string& path, Rule& out) {
    const std::string given = source.getString("fieldPath");
    if (given.empty()) {
      return;
    }
    const std::optional<std::vector<std::string>> names = pathNames(given);
    const Node* here = &node;
    for (const std::string& name : names.value_or(std::vector<std::string>())) {
      here = here == nullptr ? nullptr : here->member(name);
    }
    if (!names || here == nullptr) {
      errors_.push_back(invalidError(path + ".fieldPath", given, "must be a valid path to a field below, like .a.b"));
      return;
    }
    out.fieldPath = join(*names, ".");
  }

  std::vector<FieldError>& errors_;
  bool correlated_ = true;
};

}  // namespace

void compileRules(Node& root, const std::string& path, std::vector<FieldError>& errors) {
  RuleCompiler(errors).visit(root, path, true);
}

}  // namespace slipway::schema
