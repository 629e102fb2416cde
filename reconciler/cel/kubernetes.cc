#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "reconciler/base/strings.h"
#include "reconciler/cel/functions.h"

namespace slipway::cel {
namespace {

constexpr int kNano = 9;

struct Suffix {
  std::string_view text;
  int decimal;  // power of ten
  int binary;   // power of 1024
};

constexpr std::array<Suffix, 16> kSuffixes{{{"", 0, 0},
                                            {"n", -9, 0},
                                            {"u", -6, 0},
                                            {"m", -3, 0},
                                            {"k", 3, 0},
                                            {"M", 6, 0},
                                            {"G", 9, 0},
                                            {"T", 12, 0},
                                            {"P", 15, 0},
                                            {"E", 18, 0},
                                            {"Ki", 0, 1},
                                            {"Mi", 0, 2},
                                            {"Gi", 0, 3},
                                            {"Ti", 0, 4},
                                            {"Pi", 0, 5},
                                            {"Ei", 0, 6}}};

// Nano-units of a quantity; nothing when it is none or beyond 10^18.
std::optional<__int128> nanos(std::string_view text) {
  const bool negative = text.starts_with("-");
  text.remove_prefix(negative || text.starts_with("+") ? 1 : 0);
  const std::size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view number = text.substr(0, end);
  const std::string_view tail = text.substr(end);
  if (number.empty() || number == "." || std::count(number.begin(), number.end(), '.') > 1 || number.size() > 19) {
    return std::nullopt;
  }
  int power = kNano;
  int binary = 0;
  auto suffix = std::find_if(kSuffixes.begin(), kSuffixes.end(), [&](const Suffix& one) { return one.text == tail; });
  if (suffix != kSuffixes.end()) {
    power += suffix->decimal;
    binary = suffix->binary;
  } else if (tail.size() >= 2 && tail.size() <= 4 && (tail[0] | 0x20) == 'e') {
    const std::string_view digits = tail.substr(tail[1] == '+' ? 2 : 1);
    int exponent = 0;
    auto [last, error] = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    if (error != std::errc() || last != digits.data() + digits.size()) {
      return std::nullopt;
    }
    power += exponent;
  } else {
    return std::nullopt;
  }
  __int128 value = 0;
  bool fraction = false;
  for (char c : number) {
    if (c == '.') {
      fraction = true;
      continue;
    }
    value = value * 10 + (c - '0');
    power -= fraction ? 1 : 0;
  }
  const __int128 limit = static_cast<__int128>(1'000'000'000'000'000'000) * 1'000'000'000;
  for (; binary > 0 && value <= limit; --binary) {
    value *= 1024;
  }
  for (; power > 0 && value <= limit; --power) {
    value *= 10;
  }
  for (; power < 0 && value != 0; ++power) {
    value = (value + 9) / 10;  // what is finer than nano is rounded up
  }
  if (value > limit || binary > 0) {
    return std::nullopt;
  }
  return negative ? -value : value;
}

Decimal inNanos(__int128 value) { return {.mantissa = value, .scale = kNano}; }

Value quantity(CallContext&, Arguments args) {
  const auto parsed = nanos(args[0].s);
  return parsed ? Value::quantity(inNanos(*parsed)) : Value::error(cat("quantity parse error: ", args[0].s));
}

Value isQuantity(CallContext&, Arguments args) { return Value::boolean(nanos(args[0].s).has_value()); }

constexpr __int128 kOne = 1'000'000'000;

Value sign(CallContext&, Arguments args) {
  return Value::integer(args[0].amount.mantissa > 0 ? 1 : args[0].amount.mantissa < 0 ? -1 : 0);
}

bool isWhole(const Value& value) {
  const __int128 whole = value.amount.mantissa / kOne;
  return value.amount.mantissa % kOne == 0 && whole <= std::numeric_limits<std::int64_t>::max() &&
         whole >= std::numeric_limits<std::int64_t>::min();
}

Value isInteger(CallContext&, Arguments args) { return Value::boolean(isWhole(args[0])); }
Value asInteger(CallContext&, Arguments args) {
  return isWhole(args[0]) ? Value::integer(static_cast<std::int64_t>(args[0].amount.mantissa / kOne))
                          : Value::error("cannot convert value to integer");
}
Value asFloat(CallContext&, Arguments args) { return Value::real(static_cast<double>(args[0].amount.mantissa) / 1e9); }

template <bool kSubtract>
Value add(CallContext&, Arguments args) {
  const __int128 other = args[1].kind == Kind::Int ? static_cast<__int128>(args[1].i) * kOne : args[1].amount.mantissa;
  return Value::quantity(inNanos(args[0].amount.mantissa + (kSubtract ? -other : other)));
}

Value compareTo(CallContext&, Arguments args) {
  return Value::integer(compareDecimals(args[0].amount, args[1].amount));
}
Value isGreater(CallContext&, Arguments args) {
  return Value::boolean(compareDecimals(args[0].amount, args[1].amount) > 0);
}
Value isLess(CallContext&, Arguments args) {
  return Value::boolean(compareDecimals(args[0].amount, args[1].amount) < 0);
}

// The parts of an absolute URI or of an absolute path.
struct Url {
  std::string_view scheme, host, port, path, query;
};

std::optional<Url> parseUrl(std::string_view text) {
  Url out;
  for (char c : text) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F) {
      return std::nullopt;
    }
  }
  text = text.substr(0, text.find('#'));
  if (!text.starts_with("/")) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0 || text.find_first_of("/?") < colon) {
      return std::nullopt;
    }
    out.scheme = text.substr(0, colon);
    text.remove_prefix(colon + 1);
    if (!text.starts_with("//")) {
      return std::nullopt;
    }
    text.remove_prefix(2);
    const std::size_t end = std::min(text.find_first_of("/?"), text.size());
    std::string_view authority = text.substr(0, end);
    text.remove_prefix(end);
    authority.remove_prefix(authority.find('@') == std::string_view::npos ? 0 : authority.find('@') + 1);
    out.host = authority;
    const std::size_t port = authority.rfind(':');
    if (port != std::string_view::npos && authority.find(']', port) == std::string_view::npos) {
      out.port = authority.substr(port + 1);
      if (out.port.find_first_not_of("0123456789") != std::string_view::npos) {
        return std::nullopt;
      }
    }
  }
  const std::size_t mark = std::min(text.find('?'), text.size());
  out.path = text.substr(0, mark);
  out.query = mark < text.size() ? text.substr(mark + 1) : std::string_view();
  return out;
}

Value url(CallContext& context, Arguments args) {
  if (!context.spend(args[0].s.size() / 10)) {
    return Value::null();
  }
  if (!parseUrl(args[0].s)) {
    return Value::error(cat("URL parse error: ", args[0].s));
  }
  Value out = args[0];
  out.kind = Kind::Url;
  return out;
}

Value isUrl(CallContext& context, Arguments args) {
  return Value::boolean(context.spend(args[0].s.size() / 10) && parseUrl(args[0].s).has_value());
}

template <std::string_view Url::*kPart>
Value urlPart(CallContext&, Arguments args) {
  return Value::text(std::string((*parseUrl(args[0].s)).*kPart));
}

Value hostname(CallContext&, Arguments args) {
  const Url parts = *parseUrl(args[0].s);
  std::string_view host = parts.host.substr(0, parts.host.size() - (parts.port.empty() ? 0 : parts.port.size() + 1));
  if (host.starts_with("[") && host.ends_with("]")) {
    host = host.substr(1, host.size() - 2);
  }
  return Value::text(std::string(host));
}

Value queryOf(CallContext& context, Arguments args) {
  ValueMap out;
  for (const std::string& pair : split(parseUrl(args[0].s)->query, '&')) {
    if (pair.empty() || !context.spend(1 + out.size() / 10)) {
      continue;
    }
    const std::size_t mark = std::min(pair.find('='), pair.size());
    const Value key = Value::text(pair.substr(0, mark));
    const Value value = Value::text(mark < pair.size() ? pair.substr(mark + 1) : "");
    auto known = std::find_if(out.begin(), out.end(), [&](const auto& one) { return equal(one.first, key); });
    if (known == out.end()) {
      out.emplace_back(key, Value::list({value}));
    } else {
      ValueList values = *known->second.items;
      if (!context.spend(values.size())) {
        return Value::null();
      }
      values.push_back(value);
      known->second = Value::list(std::move(values));
    }
  }
  return Value::map(std::move(out));
}

}  // namespace

std::vector<Overload> kubernetesOverloads() {
  using K = Kind;
  const TypePtr& flag = simpleType(K::Bool);
  const TypePtr& text = simpleType(K::String);
  const TypePtr& amount = simpleType(K::Quantity);
  return {
      {"quantity", false, {K::String}, amount, quantity},
      {"isQuantity", false, {K::String}, flag, isQuantity},
      {"sign", true, {K::Quantity}, simpleType(K::Int), sign},
      {"isInteger", true, {K::Quantity}, flag, isInteger},
      {"asInteger", true, {K::Quantity}, simpleType(K::Int), asInteger},
      {"asApproximateFloat", true, {K::Quantity}, simpleType(K::Double), asFloat},
      {"add", true, {K::Quantity, K::Quantity}, amount, add<false>},
      {"add", true, {K::Quantity, K::Int}, amount, add<false>},
      {"sub", true, {K::Quantity, K::Quantity}, amount, add<true>},
      {"sub", true, {K::Quantity, K::Int}, amount, add<true>},
      {"compareTo", true, {K::Quantity, K::Quantity}, simpleType(K::Int), compareTo},
      {"isGreaterThan", true, {K::Quantity, K::Quantity}, flag, isGreater},
      {"isLessThan", true, {K::Quantity, K::Quantity}, flag, isLess},
      {"url", false, {K::String}, simpleType(K::Url), url},
      {"isURL", false, {K::String}, flag, isUrl},
      {"getScheme", true, {K::Url}, text, urlPart<&Url::scheme>},
      {"getHost", true, {K::Url}, text, urlPart<&Url::host>},
      {"getHostname", true, {K::Url}, text, hostname},
      {"getPort", true, {K::Url}, text, urlPart<&Url::port>},
      {"getEscapedPath", true, {K::Url}, text, urlPart<&Url::path>},
      {"getQuery", true, {K::Url}, mapOf(listOf(text)), queryOf},
  };
}

}  // namespace slipway::cel
