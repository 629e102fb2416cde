#include "reconciler/base/strings.h"
#include "reconciler/cel/functions.h"

namespace slipway::cel {
namespace {

constexpr Kind kOrdered[] = {Kind::Int,   Kind::Uint,     Kind::Double,    Kind::String,
                             Kind::Bytes, Kind::Duration, Kind::Timestamp, Kind::Bool};

Value isSorted(CallContext& context, Arguments args) {
  for (std::size_t i = 1; i < args[0].size(); ++i) {
    const Value before = args[0].item(i - 1);
    const Value here = args[0].item(i);
    if (!context.spend(1 + before.s.size() / 10)) {
      return Value::null();
    }
    if (!comparable(before, here)) {
      return Value::error("no such overload");
    }
    if (compare(before, here) > 0) {
      return Value::boolean(false);
    }
  }
  return Value::boolean(true);
}

template <bool kMax>
Value extreme(CallContext& context, Arguments args) {
  if (args[0].size() == 0) {
    return Value::error(kMax ? "max called on empty list" : "min called on empty list");
  }
  Value best = args[0].item(0);
  for (std::size_t i = 1; i < args[0].size(); ++i) {
    const Value here = args[0].item(i);
    if (!context.spend(1 + here.s.size() / 10)) {
      return Value::null();
    }
    if (!comparable(best, here)) {
      return Value::error("no such overload");
    }
    const int order = compare(here, best);
    best = (kMax ? order > 0 : order < 0) ? here : best;
  }
  return best;
}

Value sum(CallContext& context, Arguments args) {
  if (args[0].size() == 0) {
    return Value::integer(0);
  }
  Value total = args[0].item(0);
  for (std::size_t i = 1; i < args[0].size(); ++i) {
    const Value here = args[0].item(i);
    if (!context.spend(1)) {
      return Value::null();
    }
    if (here.kind != total.kind) {
      return Value::error("no such overload");
    }
    total.d += here.d;
    if (total.kind == Kind::Uint) {
      std::uint64_t out = 0;
      if (__builtin_add_overflow(total.asUint(), here.asUint(), &out)) {
        return Value::error("unsigned integer overflow");
      }
      total.i = static_cast<std::int64_t>(out);
    } else if (__builtin_add_overflow(total.i, here.i, &total.i)) {
      return Value::error("integer overflow");
    }
  }
  return total;
}

template <bool kLast>
Value indexOf(CallContext& context, Arguments args) {
  std::int64_t found = -1;
  for (std::size_t i = 0; i < args[0].size(); ++i) {
    const Value item = args[0].item(i);
    if (!context.spend(std::min(weight(args[1]), weight(item)))) {
      return Value::null();
    }
    if (equal(item, args[1])) {
      found = static_cast<std::int64_t>(i);
      if (!kLast) {
        break;
      }
    }
  }
  return Value::integer(found);
}

Value contains(CallContext& context, const Value& list, const Value& wanted) {
  const Value args[] = {list, wanted};
  const Value at = indexOf<false>(context, args);
  return at.kind == Kind::Int ? Value::boolean(at.i >= 0) : at;
}

Value setContains(CallContext& context, Arguments args) {
  for (std::size_t i = 0; i < args[1].size(); ++i) {
    const Value found = contains(context, args[0], args[1].item(i));
    if (!found.isTrue()) {
      return found;
    }
  }
  return Value::boolean(true);
}

Value setEquivalent(CallContext& context, Arguments args) {
  const Value swapped[] = {args[1], args[0]};
  const Value one = setContains(context, args);
  return one.isTrue() ? setContains(context, swapped) : one;
}

Value setIntersects(CallContext& context, Arguments args) {
  for (std::size_t i = 0; i < args[1].size(); ++i) {
    const Value found = contains(context, args[0], args[1].item(i));
    if (!found.isFalse()) {
      return found;
    }
  }
  return Value::boolean(false);
}

}  // namespace

std::vector<Overload> listOverloads() {
  using K = Kind;
  const TypePtr& flag = simpleType(K::Bool);
  std::vector<Overload> out{
      {"indexOf", true, {K::List, K::Dyn}, simpleType(K::Int), indexOf<false>},
      {"lastIndexOf", true, {K::List, K::Dyn}, simpleType(K::Int), indexOf<true>},
      {"sets.contains", false, {K::List, K::List}, flag, setContains},
      {"sets.equivalent", false, {K::List, K::List}, flag, setEquivalent},
      {"sets.intersects", false, {K::List, K::List}, flag, setIntersects},
  };
  for (Kind kind : kOrdered) {
    out.push_back({"isSorted", true, {{K::List, kind}}, flag, isSorted});
    out.push_back({"min", true, {{K::List, kind}}, nullptr, extreme<false>, Derive::Element});
    out.push_back({"max", true, {{K::List, kind}}, nullptr, extreme<true>, Derive::Element});
  }
  for (Kind kind : {K::Int, K::Uint, K::Double, K::Duration}) {
    out.push_back({"sum", true, {{K::List, kind}}, nullptr, sum, Derive::Element});
  }
  return out;
}

}  // namespace slipway::cel
