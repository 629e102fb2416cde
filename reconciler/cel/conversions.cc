#include <array>
#include <charconv>
#include <cmath>

#include "reconciler/base/clock.h"
#include "reconciler/base/strings.h"
#include "reconciler/cel/functions.h"

namespace slipway::cel {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

Value same(CallContext&, Arguments args) { return args[0]; }

Value typeOf(CallContext&, Arguments args) { return Value::text(std::string(kindName(args[0].kind)), Kind::Type); }

template <typename T>
bool number(std::string_view text, T& out) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

Value intOfText(CallContext&, Arguments args) {
  std::string_view text = args[0].s;
  text.remove_prefix(text.size() > 1 && text[0] == '+' && text[1] != '-' ? 1 : 0);
  std::int64_t out = 0;
  return number(text, out) ? Value::integer(out) : Value::error(cat("int conversion error: ", args[0].s));
}

Value intOfDouble(CallContext&, Arguments args) {
  constexpr double kLimit = 9223372036854775808.0;
  const double value = args[0].d;
  if (!(value > -kLimit && value < kLimit)) {
    return Value::error("integer overflow");
  }
  return Value::integer(static_cast<std::int64_t>(value));
}

Value intOfUint(CallContext&, Arguments args) {
  return args[0].i < 0 ? Value::error("integer overflow") : Value::integer(args[0].i);
}

Value intOfTime(CallContext&, Arguments args) {
  const std::int64_t ns = args[0].i;
  return Value::integer(ns / kSecond - (ns % kSecond < 0 ? 1 : 0));
}

Value uintOfInt(CallContext&, Arguments args) {
  return args[0].i < 0 ? Value::error("unsigned integer overflow")
                       : Value::unsignedInteger(static_cast<std::uint64_t>(args[0].i));
}

Value uintOfDouble(CallContext&, Arguments args) {
  constexpr double kLimit = 18446744073709551616.0;
  if (!(args[0].d >= 0 && args[0].d < kLimit)) {
    return Value::error("unsigned integer overflow");
  }
  return Value::unsignedInteger(static_cast<std::uint64_t>(args[0].d));
}

Value uintOfText(CallContext&, Arguments args) {
  std::uint64_t out = 0;
  return number(args[0].s, out) ? Value::unsignedInteger(out) : Value::error(cat("uint conversion error: ", args[0].s));
}

Value doubleOfInt(CallContext&, Arguments args) { return Value::real(static_cast<double>(args[0].i)); }
Value doubleOfUint(CallContext&, Arguments args) { return Value::real(static_cast<double>(args[0].asUint())); }
Value doubleOfText(CallContext&, Arguments args) {
  double out = 0;
  return number(args[0].s, out) ? Value::real(out) : Value::error(cat("double conversion error: ", args[0].s));
}

Value boolOfText(CallContext&, Arguments args) {
  const std::string_view text = args[0].s;
  if (text == "true" || text == "True" || text == "TRUE" || text == "t" || text == "1") {
    return Value::boolean(true);
  }
  if (text == "false" || text == "False" || text == "FALSE" || text == "f" || text == "0") {
    return Value::boolean(false);
  }
  return Value::error(cat("bool conversion error: ", text));
}

std::string secondsText(std::int64_t ns) {
  std::string out = ns < 0 ? "-" : "";
  const std::uint64_t size = ns < 0 ? ~static_cast<std::uint64_t>(ns) + 1 : static_cast<std::uint64_t>(ns);
  out += std::to_string(size / kSecond);
  if (const std::uint64_t rest = size % kSecond; rest != 0) {
    std::string digits = std::to_string(rest);
    digits.insert(0, 9 - digits.size(), '0');
    digits.resize(digits.find_last_not_of('0') + 1);
    out += "." + digits;
  }
  return out + "s";
}

Value stringOf(CallContext& context, Arguments args) {
  const Value& value = args[0];
  if (!context.spend(value.s.size() / 10)) {
    return Value::null();
  }
  switch (value.kind) {
    case Kind::String:
      return value;
    case Kind::Bool:
      return Value::text(value.i != 0 ? "true" : "false");
    case Kind::Int:
      return Value::text(std::to_string(value.i));
    case Kind::Uint:
      return Value::text(std::to_string(value.asUint()));
    case Kind::Double: {
      std::array<char, 40> buffer{};
      auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value.d).ptr;
      return Value::text(std::string(buffer.data(), end));
    }
    case Kind::Bytes:
      return Value::text(std::string(value.s));
    case Kind::Duration:
      return Value::text(secondsText(value.i));
    case Kind::Timestamp:
      return Value::text(formatTime(WallTime(Duration(value.i))));
    default:
      return Value::error("no such overload");
  }
}

Value bytesOfText(CallContext&, Arguments args) {
  Value out = args[0];
  out.kind = Kind::Bytes;
  return out;
}

Value durationOf(CallContext&, Arguments args) {
  std::string_view text = args[0].s;
  const bool negative = text.starts_with("-");
  text.remove_prefix(negative ? 1 : 0);
  Result<Duration> parsed = parseDuration(text);
  if (!parsed) {
    return Value::error(cat("invalid duration: ", args[0].s));
  }
  return Value::nanoseconds(Kind::Duration, negative ? -parsed->count() : parsed->count());
}

Value timestampOf(CallContext&, Arguments args) {
  Result<WallTime> parsed = parseTime(args[0].s);
  return parsed ? Value::nanoseconds(Kind::Timestamp, parsed->time_since_epoch().count())
                : Value::error(cat("invalid timestamp: ", args[0].s));
}

Value timestampOfInt(CallContext&, Arguments args) {
  std::int64_t ns = 0;
  return __builtin_mul_overflow(args[0].i, kSecond, &ns) ? Value::error("timestamp out of range")
                                                         : Value::nanoseconds(Kind::Timestamp, ns);
}

Value optionalNone(CallContext&, Arguments) { return Value::optional(nullptr); }
Value optionalOfValue(CallContext&, Arguments args) { return Value::optional(&args[0]); }
Value hasValue(CallContext&, Arguments args) { return Value::boolean(args[0].i != 0); }
Value optionalValue(CallContext&, Arguments args) {
  return args[0].i != 0 ? args[0].items->front() : Value::error("optional.none() dereference");
}
Value orValue(CallContext&, Arguments args) { return args[0].i != 0 ? args[0].items->front() : args[1]; }
Value orOptional(CallContext&, Arguments args) { return args[0].i != 0 ? args[0] : args[1]; }

}  // namespace

std::vector<Overload> conversionOverloads() {
  using K = Kind;
  const auto type = [](Kind kind) { return simpleType(kind); };
  std::vector<Overload> out{
      {"dyn", false, {K::Dyn}, type(K::Dyn), same},
      {"type", false, {K::Dyn}, type(K::Type), typeOf},
      {"int", false, {K::Int}, type(K::Int), same},
      {"int", false, {K::Uint}, type(K::Int), intOfUint},
      {"int", false, {K::Double}, type(K::Int), intOfDouble},
      {"int", false, {K::String}, type(K::Int), intOfText},
      {"int", false, {K::Timestamp}, type(K::Int), intOfTime},
      {"uint", false, {K::Uint}, type(K::Uint), same},
      {"uint", false, {K::Int}, type(K::Uint), uintOfInt},
      {"uint", false, {K::Double}, type(K::Uint), uintOfDouble},
      {"uint", false, {K::String}, type(K::Uint), uintOfText},
      {"double", false, {K::Double}, type(K::Double), same},
      {"double", false, {K::Int}, type(K::Double), doubleOfInt},
      {"double", false, {K::Uint}, type(K::Double), doubleOfUint},
      {"double", false, {K::String}, type(K::Double), doubleOfText},
      {"bool", false, {K::Bool}, type(K::Bool), same},
      {"bool", false, {K::String}, type(K::Bool), boolOfText},
      {"bytes", false, {K::Bytes}, type(K::Bytes), same},
      {"bytes", false, {K::String}, type(K::Bytes), bytesOfText},
      {"duration", false, {K::Duration}, type(K::Duration), same},
      {"duration", false, {K::String}, type(K::Duration), durationOf},
      {"timestamp", false, {K::Timestamp}, type(K::Timestamp), same},
      {"timestamp", false, {K::String}, type(K::Timestamp), timestampOf},
      {"timestamp", false, {K::Int}, type(K::Timestamp), timestampOfInt},
      {"optional.none", false, {}, type(K::Optional), optionalNone},
      {"optional.of", false, {K::Dyn}, type(K::Optional), optionalOfValue},
      {"hasValue", true, {K::Optional}, type(K::Bool), hasValue},
      {"value", true, {K::Optional}, nullptr, optionalValue, Derive::Element},
      {"orValue", true, {K::Optional, K::Dyn}, nullptr, orValue, Derive::Element},
      {"or", true, {K::Optional, K::Optional}, nullptr, orOptional, Derive::Same},
  };
  for (Kind kind : {K::String, K::Bool, K::Int, K::Uint, K::Double, K::Bytes, K::Duration, K::Timestamp}) {
    out.push_back({"string", false, {kind}, type(K::String), stringOf});
  }
  return out;
}

}  // namespace slipway::cel
