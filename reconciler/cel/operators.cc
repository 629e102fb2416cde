#include <cmath>
#include <limits>

#include "reconciler/base/strings.h"
#include "reconciler/cel/functions.h"

namespace slipway::cel {
namespace {

constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();

Value overflow(Kind kind) {
  return Value::error(kind == Kind::Uint  ? "unsigned integer overflow"
                      : kind == Kind::Int ? "integer overflow"
                                          : "duration or timestamp out of range");
}

// Adds or subtracts what is kept as a 64-bit integer.
Value sum(Kind result, std::int64_t a, std::int64_t b, bool subtract) {
  std::int64_t out = 0;
  const bool over = subtract ? __builtin_sub_overflow(a, b, &out) : __builtin_add_overflow(a, b, &out);
  return over ? overflow(result) : Value{.kind = result, .i = out};
}

template <bool kSubtract>
Value addInts(CallContext&, Arguments args) {
  return sum(Kind::Int, args[0].i, args[1].i, kSubtract);
}

template <bool kSubtract>
Value addUints(CallContext&, Arguments args) {
  std::uint64_t out = 0;
  const bool over = kSubtract ? __builtin_sub_overflow(args[0].asUint(), args[1].asUint(), &out)
                              : __builtin_add_overflow(args[0].asUint(), args[1].asUint(), &out);
  return over ? overflow(Kind::Uint) : Value::unsignedInteger(out);
}

template <bool kSubtract>
Value addDoubles(CallContext&, Arguments args) {
  return Value::real(kSubtract ? args[0].d - args[1].d : args[0].d + args[1].d);
}

template <Kind kResult, bool kSubtract>
Value addTimes(CallContext&, Arguments args) {
  return sum(kResult, args[0].i, args[1].i, kSubtract);
}

Value addTexts(CallContext& context, Arguments args) {
  if (!context.spend((args[0].s.size() + args[1].s.size()) / 10)) {
    return Value::null();
  }
  std::string out(args[0].s);
  out += args[1].s;
  return Value::text(std::move(out), args[0].kind);
}

Value addLists(CallContext& context, Arguments args) {
  if (!context.spend(args[0].size() + args[1].size())) {
    return Value::null();
  }
  ValueList out;
  for (const Value& list : args) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      out.push_back(list.item(i));
    }
  }
  return Value::list(std::move(out));
}

Value multiplyInts(CallContext&, Arguments args) {
  std::int64_t out = 0;
  return __builtin_mul_overflow(args[0].i, args[1].i, &out) ? overflow(Kind::Int) : Value::integer(out);
}

Value multiplyUints(CallContext&, Arguments args) {
  std::uint64_t out = 0;
  return __builtin_mul_overflow(args[0].asUint(), args[1].asUint(), &out) ? overflow(Kind::Uint)
                                                                          : Value::unsignedInteger(out);
}

Value multiplyDoubles(CallContext&, Arguments args) { return Value::real(args[0].d * args[1].d); }

template <bool kRest>
Value divideInts(CallContext&, Arguments args) {
  if (args[1].i == 0) {
    return Value::error(kRest ? "modulus by zero" : "division by zero");
  }
  if (args[0].i == kMin && args[1].i == -1) {
    return overflow(Kind::Int);
  }
  return Value::integer(kRest ? args[0].i % args[1].i : args[0].i / args[1].i);
}

template <bool kRest>
Value divideUints(CallContext&, Arguments args) {
  if (args[1].i == 0) {
    return Value::error(kRest ? "modulus by zero" : "division by zero");
  }
  return Value::unsignedInteger(kRest ? args[0].asUint() % args[1].asUint() : args[0].asUint() / args[1].asUint());
}

Value divideDoubles(CallContext&, Arguments args) { return Value::real(args[0].d / args[1].d); }

Value negateInt(CallContext&, Arguments args) {
  return args[0].i == kMin ? overflow(Kind::Int) : Value::integer(-args[0].i);
}

Value negateDouble(CallContext&, Arguments args) { return Value::real(-args[0].d); }
Value invert(CallContext&, Arguments args) { return Value::boolean(args[0].i == 0); }

template <bool kNegate>
Value equals(CallContext& context, Arguments args) {
  const std::uint64_t left = weight(args[0]);
  const std::uint64_t right = weight(args[1]);
  const bool unordered = (args[0].type != nullptr && args[0].type->order != ListOrder::Ordered) ||
                         (args[1].type != nullptr && args[1].type->order != ListOrder::Ordered);
  if (!context.spend(unordered ? left * right : std::min(left, right))) {
    return Value::null();
  }
  return Value::boolean(equal(args[0], args[1]) != kNegate);
}

template <bool (*kHolds)(int)>
Value ordered(CallContext& context, Arguments args) {
  if (!comparable(args[0], args[1])) {
    return Value::error("no such overload");
  }
  if (!context.spend(std::min(args[0].s.size(), args[1].s.size()) / 10)) {
    return Value::null();
  }
  if (std::isnan(args[0].d) || std::isnan(args[1].d)) {
    return Value::boolean(false);
  }
  return Value::boolean(kHolds(compare(args[0], args[1])));
}

bool isLess(int order) { return order < 0; }
bool isAtMost(int order) { return order <= 0; }
bool isMore(int order) { return order > 0; }
bool isAtLeast(int order) { return order >= 0; }

Value inList(CallContext& context, Arguments args) {
  for (std::size_t i = 0; i < args[1].size(); ++i) {
    const Value item = args[1].item(i);
    if (!context.spend(std::min(weight(args[0]), weight(item)))) {
      return Value::null();
    }
    if (equal(args[0], item)) {
      return Value::boolean(true);
    }
  }
  return Value::boolean(false);
}

Value inMap(CallContext&, Arguments args) {
  Value ignored;
  return Value::boolean(args[1].member(args[0], ignored));
}

Value listIndex(CallContext&, Arguments args) {
  const std::int64_t at = args[1].i;
  if (at < 0 || static_cast<std::size_t>(at) >= args[0].size()) {
    return Value::error(cat("index out of bounds: ", at));
  }
  return args[0].item(static_cast<std::size_t>(at));
}

Value mapIndex(CallContext&, Arguments args) {
  Value out;
  if (args[0].member(args[1], out)) {
    return out;
  }
  return Value::error(
      cat("no such key: ", args[1].kind == Kind::String ? std::string(args[1].s) : args[1].toJson().dump()));
}

template <typename Run>
void addOrder(std::vector<Overload>& out, std::string_view name, Run run) {
  out.push_back({name, false, {Kind::Dyn, Kind::Dyn}, simpleType(Kind::Bool), run});
}

}  // namespace

std::vector<Overload> operatorOverloads() {
  using K = Kind;
  const auto type = [](Kind kind) { return simpleType(kind); };
  std::vector<Overload> out{
      {"_+_", false, {K::Int, K::Int}, type(K::Int), addInts<false>},
      {"_+_", false, {K::Uint, K::Uint}, type(K::Uint), addUints<false>},
      {"_+_", false, {K::Double, K::Double}, type(K::Double), addDoubles<false>},
      {"_+_", false, {K::String, K::String}, type(K::String), addTexts},
      {"_+_", false, {K::Bytes, K::Bytes}, type(K::Bytes), addTexts},
      {"_+_", false, {K::List, K::List}, nullptr, addLists, Derive::Same},
      {"_+_", false, {K::Duration, K::Duration}, type(K::Duration), addTimes<K::Duration, false>},
      {"_+_", false, {K::Timestamp, K::Duration}, type(K::Timestamp), addTimes<K::Timestamp, false>},
      {"_+_", false, {K::Duration, K::Timestamp}, type(K::Timestamp), addTimes<K::Timestamp, false>},
      {"_-_", false, {K::Int, K::Int}, type(K::Int), addInts<true>},
      {"_-_", false, {K::Uint, K::Uint}, type(K::Uint), addUints<true>},
      {"_-_", false, {K::Double, K::Double}, type(K::Double), addDoubles<true>},
      {"_-_", false, {K::Duration, K::Duration}, type(K::Duration), addTimes<K::Duration, true>},
      {"_-_", false, {K::Timestamp, K::Duration}, type(K::Timestamp), addTimes<K::Timestamp, true>},
      {"_-_", false, {K::Timestamp, K::Timestamp}, type(K::Duration), addTimes<K::Duration, true>},
      {"_*_", false, {K::Int, K::Int}, type(K::Int), multiplyInts},
      {"_*_", false, {K::Uint, K::Uint}, type(K::Uint), multiplyUints},
      {"_*_", false, {K::Double, K::Double}, type(K::Double), multiplyDoubles},
      {"_/_", false, {K::Int, K::Int}, type(K::Int), divideInts<false>},
      {"_/_", false, {K::Uint, K::Uint}, type(K::Uint), divideUints<false>},
      {"_/_", false, {K::Double, K::Double}, type(K::Double), divideDoubles},
      {"_%_", false, {K::Int, K::Int}, type(K::Int), divideInts<true>},
      {"_%_", false, {K::Uint, K::Uint}, type(K::Uint), divideUints<true>},
      {"-_", false, {K::Int}, type(K::Int), negateInt},
      {"-_", false, {K::Double}, type(K::Double), negateDouble},
      {"!_", false, {K::Bool}, type(K::Bool), invert},
      {"_==_", false, {K::Dyn, K::Dyn}, type(K::Bool), equals<false>},
      {"_!=_", false, {K::Dyn, K::Dyn}, type(K::Bool), equals<true>},
      {"@in", false, {K::Dyn, K::List}, type(K::Bool), inList},
      {"@in", false, {K::Dyn, K::Map}, type(K::Bool), inMap},
      {"_[_]", false, {K::List, K::Int}, nullptr, listIndex, Derive::Element},
      {"_[_]", false, {K::Map, K::Dyn}, nullptr, mapIndex, Derive::Element},
  };
  addOrder(out, "_<_", ordered<isLess>);
  addOrder(out, "_<=_", ordered<isAtMost>);
  addOrder(out, "_>_", ordered<isMore>);
  addOrder(out, "_>=_", ordered<isAtLeast>);
  return out;
}

}  // namespace slipway::cel
