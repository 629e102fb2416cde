#include "reconciler/cel/checker.h"

#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/cel/functions.h"

namespace slipway::cel {
namespace {

bool fits(Kind wanted, const Type& given) {
  return wanted == Kind::Dyn || given.kind == Kind::Dyn || wanted == given.kind;
}

bool fits(const Overload::Arg& wanted, const Type& given) {
  return fits(wanted.kind, given) &&
         (wanted.kind != Kind::List || given.kind == Kind::Dyn || fits(wanted.element, *elementOf(given)));
}

// Whether values of the two types may be compared for equality or stand in one list.
bool related(const Type& a, const Type& b) {
  if (a.kind == Kind::Dyn || b.kind == Kind::Dyn || a.kind == Kind::Null || b.kind == Kind::Null) {
    return true;
  }
  if (a.kind != b.kind) {
    return false;
  }
  return (a.kind != Kind::List && a.kind != Kind::Map && a.kind != Kind::Optional) ||
         related(*elementOf(a), *elementOf(b));
}

bool isOrder(std::string_view name) { return name == "_<_" || name == "_<=_" || name == "_>_" || name == "_>=_"; }

bool isOrdered(Kind kind) {
  return kind == Kind::Bool || kind == Kind::String || kind == Kind::Bytes || kind == Kind::Duration ||
         kind == Kind::Timestamp;
}

bool isNumber(Kind kind) { return kind == Kind::Int || kind == Kind::Uint || kind == Kind::Double; }

class Checker {
 public:
  Checker(const std::vector<Variable>& variables, std::size_t& slots) : scope_(variables), slots_(slots) {
    slots_ = scope_.size();
  }

  void visit(Expr& node) {
    node.type = simpleType(Kind::Dyn);
    switch (node.op) {
      case Op::Literal:
        node.type = simpleType(node.literal.kind);
        break;
      case Op::Ident:
        ident(node);
        break;
      case Op::Select:
      case Op::Has:
        visit(*node.target);
        select(node);
        break;
      case Op::Call:
        call(node);
        break;
      case Op::List:
      case Op::Map:
        collection(node);
        break;
      case Op::Fold:
        fold(node);
        break;
    }
  }

  std::vector<Issue> take() {
    std::stable_sort(issues_.begin(), issues_.end(), [](const Issue& a, const Issue& b) { return a.at < b.at; });
    return std::move(issues_);
  }

 private:
  void issue(const Expr& node, std::string message) { issues_.push_back({node.at, std::move(message)}); }

  const Variable* variable(std::string_view name, std::size_t* slot = nullptr) const {
    for (std::size_t i = scope_.size(); i-- > 0;) {
      if (scope_[i].name == name) {
        if (slot != nullptr) {
          *slot = i;
        }
        return &scope_[i];
      }
    }
    return nullptr;
  }

  void ident(Expr& node) {
    if (const Variable* found = variable(node.name, &node.slot)) {
      node.type = found->type;
      return;
    }
    constexpr std::string_view kTypes[] = {"bool",  "int",  "uint", "double",   "string",
                                           "bytes", "list", "map",  "null_type"};
    if (std::find(std::begin(kTypes), std::end(kTypes), node.name) != std::end(kTypes)) {
      node.op = Op::Literal;
      node.literal = Value::text(node.name, Kind::Type);
      node.type = simpleType(Kind::Type);
      return;
    }
    issue(node, cat("undeclared reference to '", node.name, "' (in container '')"));
  }

  void select(Expr& node) {
    const bool unwrap = node.target->type->kind == Kind::Optional;
    const Type& type = unwrap ? *elementOf(*node.target->type) : *node.target->type;
    node.jsonName = node.name;
    TypePtr found = simpleType(Kind::Dyn);
    if (type.kind == Kind::Object) {
      const Type::Field* field = type.field(node.name);
      if (field == nullptr) {
        issue(node, cat("undefined field '", node.name, "'"));
        return;
      }
      node.jsonName = field->jsonName;
      found = field->type;
    } else if (type.kind == Kind::Map) {
      found = elementOf(type);
    } else if (type.kind != Kind::Dyn) {
      issue(node, cat("type '", type.text(), "' does not support field selection"));
      return;
    }
    node.type = node.op == Op::Has ? simpleType(Kind::Bool) : unwrap || node.optional ? optionalOf(found) : found;
  }

  void call(Expr& node) {
    const bool qualified = node.target != nullptr && node.target->op == Op::Ident &&
                           variable(node.target->name) == nullptr &&
                           !overloadsNamed(cat(node.target->name, ".", node.name), false).empty();
    bool member = node.target != nullptr;
    if (qualified) {
      node.name = cat(node.target->name, ".", node.name);
      node.target.reset();
      member = false;
    }
    if (member) {
      node.args.insert(node.args.begin(), std::move(node.target));
    }
    for (const ExprPtr& arg : node.args) {
      visit(*arg);
    }
    if (node.name == "_&&_" || node.name == "_||_") {
      logical(node);
    } else if (node.name == "_?_:_") {
      conditional(node);
    } else {
      overloads(node, member);
      literalPattern(node);
    }
  }

  std::string signature(const Expr& node, bool member) const {
    std::vector<std::string> types;
    for (const ExprPtr& arg : node.args) {
      types.push_back(arg->type->text());
    }
    if (!member) {
      return cat("(", join(types, ", "), ")");
    }
    const std::string target = types.front();
    types.erase(types.begin());
    return cat(target, ".(", join(types, ", "), ")");
  }

  void noOverload(const Expr& node, bool member = false) {
    issue(node, cat("found no matching overload for '", node.name, "' applied to '", signature(node, member), "'"));
  }

  void logical(Expr& node) {
    node.type = simpleType(Kind::Bool);
    for (const ExprPtr& arg : node.args) {
      if (!fits(Kind::Bool, *arg->type)) {
        return noOverload(node);
      }
    }
  }

  void conditional(Expr& node) {
    const Type& yes = *node.args[1]->type;
    const Type& no = *node.args[2]->type;
    if (!fits(Kind::Bool, *node.args[0]->type) || !related(yes, no)) {
      return noOverload(node);
    }
    node.type = yes.kind == Kind::Null ? node.args[2]->type
                : no.kind == Kind::Dyn ? node.args[2]->type
                                       : node.args[1]->type;
  }

  void overloads(Expr& node, bool member) {
    std::vector<const Overload*> named = overloadsNamed(node.name, member);
    if (named.empty()) {
      const bool other = !overloadsNamed(node.name, !member).empty();
      return other ? noOverload(node, member)
                   : issue(node, cat("undeclared reference to '", node.name, "' (in container '')"));
    }
    for (const Overload* one : named) {
      bool all = one->args.size() == node.args.size();
      for (std::size_t i = 0; all && i < node.args.size(); ++i) {
        all = fits(one->args[i], *node.args[i]->type);
      }
      if (all) {
        node.overloads.push_back(one);
      }
    }
    if (node.overloads.empty() || !pairFits(node)) {
      return noOverload(node, member);
    }
    node.type = resultOf(node, *node.overloads.front());
    for (const Overload* one : node.overloads) {
      if (resultOf(node, *one)->kind != node.type->kind) {
        node.type = simpleType(Kind::Dyn);  // decided when it runs
      }
    }
  }

  // Operators whose sides must go together.
  static bool pairFits(const Expr& node) {
    if (node.args.size() != 2) {
      return true;
    }
    const Type& a = *node.args[0]->type;
    const Type& b = *node.args[1]->type;
    if (node.name == "_==_" || node.name == "_!=_") {
      return related(a, b);
    }
    if (node.name == "@in" && b.kind == Kind::List) {
      return related(a, *elementOf(b));
    }
    if (isOrder(node.name)) {
      const bool known = a.kind != Kind::Dyn && b.kind != Kind::Dyn;
      return !known || (a.kind == b.kind && isOrdered(a.kind)) || (isNumber(a.kind) && isNumber(b.kind));
    }
    return node.name != "_+_" || a.kind != Kind::List || related(a, b);
  }

  static TypePtr resultOf(const Expr& node, const Overload& overload) {
    if (overload.name == "optional.of") {
      return optionalOf(node.args[0]->type);
    }
    switch (overload.derive) {
      case Derive::Element:
        return elementOf(*node.args[0]->type);
      case Derive::Same:
        return node.args[0]->type;
      case Derive::ListOfSame:
        return listOf(node.args[0]->type);
      case Derive::No:
        break;
    }
    return overload.result;
  }

  void literalPattern(Expr& node) {
    const bool regex = node.name == "matches" || node.name == "find" || node.name == "findAll";
    if (!regex || node.args.size() < 2 || node.args[1]->op != Op::Literal ||
        node.args[1]->literal.kind != Kind::String) {
      return;
    }
    Result<std::shared_ptr<const Pattern>> compiled = Pattern::compile(node.args[1]->literal.s);
    if (compiled) {
      node.pattern = *std::move(compiled);
    } else {
      issue(*node.args[1], cat("invalid matches argument: ", compiled.status().message()));
    }
  }

  void collection(Expr& node) {
    TypePtr element;
    for (std::size_t i = 0; i < node.args.size(); ++i) {
      Expr& arg = *node.args[i];
      visit(arg);
      if (node.op == Op::Map && i % 2 == 0) {
        continue;
      }
      element = element == nullptr             ? arg.type
                : element->kind == Kind::Null  ? arg.type
                : related(*element, *arg.type) ? element
                                               : simpleType(Kind::Dyn);
    }
    node.type = node.op == Op::List ? listOf(element) : mapOf(element);
  }

  void fold(Expr& node) {
    visit(*node.target);
    const Type& over = *node.target->type;
    TypePtr item = simpleType(Kind::Dyn);
    if (over.kind == Kind::List) {
      item = elementOf(over);
    } else if (over.kind == Kind::Map) {
      item = simpleType(Kind::String);
    } else if (over.kind != Kind::Dyn) {
      issue(*node.target, cat("expression of type '", over.text(),
                              "' cannot be range of a comprehension (must be list, map, or dynamic)"));
      return;
    }
    node.slot = scope_.size();
    scope_.push_back({node.name, item});
    slots_ = std::max(slots_, scope_.size());
    for (const ExprPtr& arg : node.args) {
      visit(*arg);
    }
    scope_.pop_back();
    const bool maps = node.fold == Fold::Map;
    if ((!maps || node.args.size() == 2) && !fits(Kind::Bool, *node.args[0]->type)) {
      issue(*node.args[0], cat("expected type 'bool' but found '", node.args[0]->type->text(), "'"));
    }
    node.type = maps                        ? listOf(node.args.back()->type)
                : node.fold == Fold::Filter ? listOf(item)
                                            : simpleType(Kind::Bool);
  }

  std::vector<Variable> scope_;
  std::size_t& slots_;
  std::vector<Issue> issues_;
};

}  // namespace

std::vector<Issue> check(Expr& root, const std::vector<Variable>& variables, std::size_t& slots) {
  Checker checker(variables, slots);
  checker.visit(root);
  return checker.take();
}

}  // namespace slipway::cel
