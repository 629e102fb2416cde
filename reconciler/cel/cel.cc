#include "reconciler/cel/cel.h"

#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/cel/checker.h"
#include "reconciler/cel/evaluator.h"
#include "reconciler/cel/parser.h"

namespace slipway::cel {
namespace {

// "ERROR: <input>:1:6: undefined field 'x'", the line and a mark under the place.
std::string shown(std::string_view text, std::size_t at, std::string_view message) {
  at = std::min(at, text.size());
  const std::size_t start = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;
  const std::size_t end = std::min(text.find('\n', at), text.size());
  const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
  return cat("ERROR: <input>:", line, ":", at - start + 1, ": ", message, "\n | ", text.substr(start, end - start),
             "\n | ", std::string(at - start, '.'), "^");
}

// Slots below `declared` are those of declared variables: a fold's variable of the same name has a later one.
bool mentions(const Expr& node, std::string_view variable, std::size_t declared) {
  if (node.op == Op::Ident && node.name == variable && node.slot < declared) {
    return true;
  }
  return (node.target != nullptr && mentions(*node.target, variable, declared)) ||
         std::any_of(node.args.begin(), node.args.end(),
                     [&](const ExprPtr& arg) { return mentions(*arg, variable, declared); });
}

class CheckedProgram final : public Program {
 public:
  CheckedProgram(std::string text, ExprPtr root, std::vector<Variable> variables, std::size_t slots)
      : text_(std::move(text)), root_(std::move(root)), variables_(std::move(variables)), slots_(slots) {}

  const std::string& text() const override { return text_; }
  const Type& type() const override { return *root_->type; }
  bool uses(std::string_view variable) const override { return mentions(*root_, variable, variables_.size()); }

  Result<Json> evaluate(const std::vector<const Json*>& bindings, std::uint64_t costLimit,
                        std::uint64_t* cost) const override {
    if (bindings.size() != variables_.size()) {
      return Status(Code::Internal,
                    cat("the expression has ", variables_.size(), " variables, ", bindings.size(), " were bound"));
    }
    std::vector<Value> slots(slots_);
    for (std::size_t i = 0; i < bindings.size(); ++i) {
      slots[i] = bound(variables_[i], bindings[i]);
    }
    Evaluator evaluator(std::move(slots), costLimit);
    const Value out = evaluator.run(*root_);
    if (cost != nullptr) {
      *cost = evaluator.spent();
    }
    if (evaluator.exhausted()) {
      return Status(Code::Cancelled, "operation cancelled: actual cost limit exceeded");
    }
    if (out.isError()) {
      return Status(Code::Invalid, std::string(out.s));
    }
    return out.toJson();
  }

 private:
  static Value bound(const Variable& variable, const Json* json) {
    if (variable.type->kind == Kind::Optional) {
      if (json == nullptr) {
        return Value::optional(nullptr);
      }
      const Value value = Value::of(*json, *elementOf(*variable.type));
      return Value::optional(&value);
    }
    return json == nullptr ? Value::error(cat("no such attribute: ", variable.name)) : Value::of(*json, *variable.type);
  }

  std::string text_;
  ExprPtr root_;
  std::vector<Variable> variables_;
  std::size_t slots_;
};

}  // namespace

Result<std::shared_ptr<const Program>> compile(std::string_view expression, const std::vector<Variable>& variables) {
  std::size_t at = 0;
  Result<ExprPtr> root = parse(expression, at);
  if (!root) {
    return Status(Code::Invalid, shown(expression, at, root.status().message()));
  }
  std::size_t slots = 0;
  std::vector<std::string> messages;
  for (const Issue& issue : check(**root, variables, slots)) {
    messages.push_back(shown(expression, issue.at, issue.message));
  }
  if (!messages.empty()) {
    return Status(Code::Invalid, join(messages, "\n"));
  }
  return std::shared_ptr<const Program>(
      std::make_shared<const CheckedProgram>(std::string(expression), *std::move(root), variables, slots));
}

std::string escapeName(std::string_view property) {
  constexpr std::string_view kWords[] = {"true",     "false",   "null",      "in",       "as",  "break",  "const",
                                         "continue", "else",    "for",       "function", "if",  "import", "let",
                                         "loop",     "package", "namespace", "return",   "var", "void",   "while"};
  if (std::find(std::begin(kWords), std::end(kWords), property) != std::end(kWords)) {
    return cat("__", property, "__");
  }
  const auto isLetter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (property.empty() ||
      (!isLetter(property[0]) && std::string_view("_.-/").find(property[0]) == std::string_view::npos)) {
    return {};
  }
  std::string out;
  for (std::size_t i = 0; i < property.size(); ++i) {
    const char c = property[i];
    if (c == '_' && i + 1 < property.size() && property[i + 1] == '_') {
      out += "__underscores__";
      ++i;
    } else if (c == '.' || c == '-' || c == '/') {
      out += c == '.' ? "__dot__" : c == '-' ? "__dash__" : "__slash__";
    } else if (isLetter(c) || c == '_' || (c >= '0' && c <= '9')) {
      out += c;
    } else {
      return {};
    }
  }
  return out;
}

}  // namespace slipway::cel
