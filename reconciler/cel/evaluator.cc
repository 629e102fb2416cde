#include "reconciler/cel/evaluator.h"

#include "reconciler/base/strings.h"

namespace slipway::cel {

struct FoldState {
  Value error;  // the first one, an Error when there was any
  std::int64_t hits = 0;
  ValueList kept;
};

bool Evaluator::spend(std::uint64_t cost) {
  if (exhausted_ || cost > limit_ - spent_) {
    exhausted_ = true;
    spent_ = limit_;
    return false;
  }
  spent_ += cost;
  return true;
}

std::shared_ptr<const Pattern> Evaluator::pattern(std::string_view expression, Value& error) {
  if (literal_ != nullptr) {
    return literal_;
  }
  constexpr std::uint64_t kCompileCost = 50;
  if (!spend(kCompileCost + expression.size())) {
    return nullptr;
  }
  Result<std::shared_ptr<const Pattern>> compiled = Pattern::compile(expression);
  if (!compiled) {
    error = Value::error(cat("invalid regular expression: ", compiled.status().message()));
    return nullptr;
  }
  return *compiled;
}

Value Evaluator::run(const Expr& node) {
  if (!spend(1)) {
    return Value::error("operation cancelled: actual cost limit exceeded");
  }
  switch (node.op) {
    case Op::Literal:
      return node.literal;
    case Op::Ident:
      return slots_[node.slot];
    case Op::Select:
      return select(node);
    case Op::Has:
      return has(node);
    case Op::Call:
      return call(node);
    case Op::List:
    case Op::Map:
      return collection(node);
    case Op::Fold:
      return fold(node);
  }
  return Value::null();
}

Value Evaluator::select(const Expr& node) {
  Value target = run(node.target ? *node.target : node);
  if (target.isError()) {
    return target;
  }
  const bool unwrap = target.kind == Kind::Optional;
  if (unwrap) {
    if (target.i == 0) {
      return target;
    }
    target = Value(target.items->front());  // a copy first: the list goes with the old target
  }
  const bool optional = unwrap || node.optional;
  if (target.kind != Kind::Map && target.kind != Kind::Object) {
    return Value::error(target.kind == Kind::Null ? cat("no such key: ", node.jsonName) : "no such overload");
  }
  Value out;
  const bool found = target.member(Value{.kind = Kind::String, .s = node.jsonName}, out);
  if (optional) {
    return Value::optional(found ? &out : nullptr);
  }
  return found ? out : Value::error(cat("no such key: ", node.jsonName));
}

Value Evaluator::has(const Expr& node) {
  Value target = run(*node.target);
  if (target.kind == Kind::Optional) {
    if (target.i == 0) {
      return Value::boolean(false);
    }
    target = Value(target.items->front());  // a copy first: the list goes with the old target
  }
  if (target.isError()) {
    return target;
  }
  if (target.kind != Kind::Map && target.kind != Kind::Object) {
    return Value::error("no such overload");
  }
  Value ignored;
  return Value::boolean(target.member(Value{.kind = Kind::String, .s = node.jsonName}, ignored));
}

// && and || do not fail when the other side decides.
Value Evaluator::logical(const Expr& node, bool decisive) {
  Value error;
  for (const ExprPtr& arg : node.args) {
    const Value value = run(*arg);
    if (value.kind == Kind::Bool) {
      if ((value.i != 0) == decisive) {
        return value;
      }
    } else if (!error.isError()) {
      error = value.isError() ? value : Value::error("no such overload");
    }
  }
  return error.isError() ? error : Value::boolean(!decisive);
}

Value Evaluator::call(const Expr& node) {
  if (node.name == "_&&_") {
    return logical(node, false);
  }
  if (node.name == "_||_") {
    return logical(node, true);
  }
  if (node.name == "_?_:_") {
    const Value condition = run(*node.args[0]);
    if (condition.kind != Kind::Bool) {
      return condition.isError() ? condition : Value::error("no such overload");
    }
    return run(*node.args[condition.i != 0 ? 1 : 2]);
  }
  std::vector<Value> values;
  values.reserve(node.args.size());
  for (const ExprPtr& arg : node.args) {
    values.push_back(run(*arg));
    if (values.back().isError()) {
      return values.back();
    }
  }
  for (const Overload* overload : node.overloads) {
    if (accepts(*overload, values)) {
      literal_ = node.pattern;
      Value out = overload->run(*this, values);
      literal_.reset();
      return out;
    }
  }
  return Value::error("no such overload");
}

Value Evaluator::collection(const Expr& node) {
  ValueList values;
  values.reserve(node.args.size());
  for (const ExprPtr& arg : node.args) {
    values.push_back(run(*arg));
    if (values.back().isError()) {
      return values.back();
    }
  }
  if (node.op == Op::List) {
    return Value::list(std::move(values));
  }
  ValueMap members;
  for (std::size_t i = 0; i + 1 < values.size(); i += 2) {
    for (const auto& [known, value] : members) {
      if (!spend(1) || equal(known, values[i])) {
        return Value::error("a key stands twice in a map");
      }
    }
    members.emplace_back(values[i], values[i + 1]);
  }
  return Value::map(std::move(members));
}

bool Evaluator::foldItem(const Expr& node, const Value& item, FoldState& state) {
  slots_[node.slot] = item;
  const bool conditional = node.fold != Fold::Map || node.args.size() == 2;
  if (conditional) {
    const Value condition = run(*node.args[0]);
    if (condition.kind != Kind::Bool) {
      state.error = condition.isError() ? condition : Value::error("no such overload");
      // all() and exists() may still be decided by another item.
      return node.fold != Fold::All && node.fold != Fold::Exists;
    }
    state.hits += condition.i;
    if (node.fold == Fold::All || node.fold == Fold::Exists) {
      return condition.isTrue() == (node.fold == Fold::Exists);
    }
    if (!condition.isTrue()) {
      return false;
    }
  }
  if (node.fold == Fold::Filter) {
    state.kept.push_back(item);
  } else if (node.fold == Fold::Map) {
    state.kept.push_back(run(*node.args.back()));
    if (state.kept.back().isError()) {
      state.error = state.kept.back();
      return true;
    }
  }
  return false;
}

Value Evaluator::fold(const Expr& node) {
  const Value over = run(*node.target);
  if (over.isError()) {
    return over;
  }
  const bool isMap = over.kind == Kind::Map || over.kind == Kind::Object;
  if (!isMap && over.kind != Kind::List) {
    return Value::error("no such overload");
  }
  FoldState state;
  bool decided = false;
  for (std::size_t i = 0; i < over.size() && !decided && !exhausted_; ++i) {
    decided = foldItem(node, isMap ? over.key(i) : over.item(i), state);
  }
  const bool quantifier = node.fold == Fold::All || node.fold == Fold::Exists;
  if (quantifier && decided) {
    return Value::boolean(node.fold == Fold::Exists);
  }
  if (state.error.isError()) {
    return state.error;
  }
  if (quantifier) {
    return Value::boolean(node.fold == Fold::All);
  }
  return node.fold == Fold::ExistsOne ? Value::boolean(state.hits == 1) : Value::list(std::move(state.kept));
}

}  // namespace slipway::cel
