#include "reconciler/base/strings.h"

#include <algorithm>
#include <cstdio>

#include "reconciler/base/utf8.h"
#include "reconciler/cel/functions.h"

namespace slipway::cel {
namespace {

// Offsets of the characters and of the end: CEL counts characters, not bytes.
std::vector<std::size_t> offsets(std::string_view text) {
  std::vector<std::size_t> out;
  out.reserve(text.size() + 1);
  for (std::size_t at = 0; at < text.size(); at += codePointLength(text, at)) {
    out.push_back(at);
  }
  out.push_back(text.size());
  return out;
}

bool pay(CallContext& context, std::size_t bytes) { return context.spend(bytes / 10); }

std::int64_t charactersBefore(std::string_view text, std::size_t bytes) {
  return static_cast<std::int64_t>(countCodePoints(text.substr(0, bytes)));
}

Value size(CallContext& context, Arguments args) {
  const Value& value = args[0];
  if (!pay(context, value.s.size())) {
    return Value::null();
  }
  switch (value.kind) {
    case Kind::String:
      return Value::integer(charactersBefore(value.s, value.s.size()));
    case Kind::Bytes:
      return Value::integer(static_cast<std::int64_t>(value.s.size()));
    default:
      return Value::integer(static_cast<std::int64_t>(value.size()));
  }
}

Value startsWith(CallContext& context, Arguments args) {
  return Value::boolean(pay(context, args[1].s.size()) && args[0].s.starts_with(args[1].s));
}
Value endsWith(CallContext& context, Arguments args) {
  return Value::boolean(pay(context, args[1].s.size()) && args[0].s.ends_with(args[1].s));
}
Value contains(CallContext& context, Arguments args) {
  const bool paid = context.spend((args[0].s.size() / 10 + 1) * (args[1].s.size() / 10 + 1));
  return Value::boolean(paid && args[0].s.find(args[1].s) != std::string_view::npos);
}

// Regular expressions cost the text's length times the expression's.
std::shared_ptr<const Pattern> patternFor(CallContext& context, Arguments args, Value& error) {
  if (!context.spend((args[0].s.size() / 10 + 1) * (args[1].s.size() / 4 + 1))) {
    return nullptr;
  }
  return context.pattern(args[1].s, error);
}

Value matches(CallContext& context, Arguments args) {
  Value error;
  const auto pattern = patternFor(context, args, error);
  return pattern == nullptr ? error : Value::boolean(pattern->matches(args[0].s));
}

Value find(CallContext& context, Arguments args) {
  Value error;
  const auto pattern = patternFor(context, args, error);
  std::size_t at = 0;
  std::size_t length = 0;
  if (pattern == nullptr) {
    return error;
  }
  return Value::text(pattern->find(args[0].s, 0, at, length) ? std::string(args[0].s.substr(at, length)) : "");
}

Value findAll(CallContext& context, Arguments args) {
  Value error;
  const auto pattern = patternFor(context, args, error);
  if (pattern == nullptr) {
    return error;
  }
  ValueList out;
  std::size_t at = 0;
  std::size_t length = 0;
  const std::int64_t limit = args.size() > 2 ? args[2].i : -1;
  for (std::size_t from = 0;
       from <= args[0].s.size() && (limit < 0 || static_cast<std::int64_t>(out.size()) < limit);) {
    if (!context.spend(1 + (args[0].s.size() - from) / 10) || !pattern->find(args[0].s, from, at, length)) {
      break;
    }
    out.push_back(Value::text(std::string(args[0].s.substr(at, length))));
    from = at + std::max<std::size_t>(length, 1);
  }
  return Value::list(std::move(out));
}

Value split(CallContext& context, Arguments args) {
  const std::string_view text = args[0].s;
  const std::string_view separator = args[1].s;
  const std::int64_t limit = args.size() > 2 ? args[2].i : -1;
  if (!context.spend(text.size() / 10 + 1) || limit == 0) {
    return Value::list({});
  }
  ValueList out;
  std::size_t start = 0;
  while (limit < 0 || static_cast<std::int64_t>(out.size()) + 1 < limit) {
    std::size_t end = separator.empty() ? start + (start < text.size() ? codePointLength(text, start) : 0)
                                        : text.find(separator, start);
    if (end == std::string_view::npos || (separator.empty() && end >= text.size())) {
      break;
    }
    if (!context.spend(1)) {
      return Value::null();
    }
    out.push_back(Value::text(std::string(text.substr(start, end - start))));
    start = end + separator.size();
  }
  if (!text.empty() || !separator.empty()) {
    out.push_back(Value::text(std::string(text.substr(start))));
  }
  return Value::list(std::move(out));
}

Value join(CallContext& context, Arguments args) {
  const std::string_view separator = args.size() > 1 ? args[1].s : std::string_view();
  std::size_t total = 0;
  for (std::size_t i = 0; i < args[0].size(); ++i) {
    const Value item = args[0].item(i);
    if (item.kind != Kind::String) {
      return Value::error("no such overload");
    }
    total += item.s.size() + separator.size();
  }
  if (!pay(context, total)) {
    return Value::null();
  }
  std::string out;
  for (std::size_t i = 0; i < args[0].size(); ++i) {
    out += i == 0 ? std::string_view() : separator;
    out += args[0].item(i).s;
  }
  return Value::text(std::move(out));
}

template <bool kUpper>
Value changeCase(CallContext& context, Arguments args) {
  if (!pay(context, args[0].s.size())) {
    return Value::null();
  }
  std::string out(args[0].s);
  for (char& c : out) {
    if (kUpper ? (c >= 'a' && c <= 'z') : (c >= 'A' && c <= 'Z')) {
      c = static_cast<char>(c ^ 0x20);
    }
  }
  return Value::text(std::move(out));
}

Value trimmed(CallContext& context, Arguments args) {
  if (!pay(context, args[0].s.size())) {
    return Value::null();
  }
  std::string_view text = args[0].s;
  constexpr std::string_view kSpace = " \t\n\r\f\v";
  const std::size_t start = text.find_first_not_of(kSpace);
  if (start == std::string_view::npos) {
    return Value::text("");
  }
  return Value::text(std::string(text.substr(start, text.find_last_not_of(kSpace) + 1 - start)));
}

Value replace(CallContext& context, Arguments args) {
  const std::string_view text = args[0].s;
  const std::string_view from = args[1].s;
  const std::string_view to = args[2].s;
  const std::int64_t limit = args.size() > 3 ? args[3].i : -1;
  // The worst case is paid for before anything is written.
  const std::size_t most = from.empty() ? text.size() + 1 : text.size() / from.size();
  if (!context.spend((text.size() + most * to.size()) / 10)) {
    return Value::null();
  }
  std::string out;
  std::size_t start = 0;
  for (std::int64_t done = 0; limit < 0 || done < limit; ++done) {
    const std::size_t found =
        from.empty() ? (start <= text.size() ? start : std::string_view::npos) : text.find(from, start);
    if (found == std::string_view::npos) {
      break;
    }
    out += text.substr(start, found - start);
    out += to;
    start = found + from.size();
    if (from.empty()) {
      if (start >= text.size()) {
        return Value::text(std::move(out));
      }
      const std::size_t length = codePointLength(text, start);
      out += text.substr(start, length);
      start += length;
    }
  }
  if (start < text.size()) {
    out += text.substr(start);
  }
  return Value::text(std::move(out));
}

Value substring(CallContext& context, Arguments args) {
  if (!pay(context, args[0].s.size())) {
    return Value::null();
  }
  const std::vector<std::size_t> at = offsets(args[0].s);
  const auto length = static_cast<std::int64_t>(at.size()) - 1;
  const std::int64_t start = args[1].i;
  const std::int64_t end = args.size() > 2 ? args[2].i : length;
  if (start < 0 || end < start || end > length) {
    return Value::error(cat("index out of range: ", start < 0 || start > length ? start : end));
  }
  const std::size_t first = at[static_cast<std::size_t>(start)];
  return Value::text(std::string(args[0].s.substr(first, at[static_cast<std::size_t>(end)] - first)));
}

Value charAt(CallContext& context, Arguments args) {
  if (!pay(context, args[0].s.size())) {
    return Value::null();
  }
  const std::vector<std::size_t> at = offsets(args[0].s);
  const std::int64_t index = args[1].i;
  if (index < 0 || index >= static_cast<std::int64_t>(at.size())) {
    return Value::error(cat("index out of range: ", index));
  }
  const auto which = static_cast<std::size_t>(index);
  return Value::text(which + 1 == at.size() ? "" : std::string(args[0].s.substr(at[which], at[which + 1] - at[which])));
}

template <bool kLast>
Value indexOf(CallContext& context, Arguments args) {
  const std::string_view text = args[0].s;
  if (!context.spend((text.size() / 10 + 1) * (args[1].s.size() / 10 + 1))) {
    return Value::null();
  }
  std::size_t from = kLast ? std::string_view::npos : 0;
  if (args.size() > 2) {
    const std::vector<std::size_t> at = offsets(text);
    if (args[2].i < 0 || args[2].i >= static_cast<std::int64_t>(at.size())) {
      return Value::error(cat("index out of range: ", args[2].i));
    }
    from = at[static_cast<std::size_t>(args[2].i)];
  }
  const std::size_t found = kLast ? text.rfind(args[1].s, from) : text.find(args[1].s, from);
  return Value::integer(found == std::string_view::npos ? -1 : charactersBefore(text, found));
}

// One clause of format(); false when the value does not fit it.
bool formatOne(CallContext& context, char clause, int precision, const Value& value, std::string& out) {
  if (clause == 's') {
    const Json json = value.toJson();
    out += json.isString() ? json.asString() : json.dump();
    return context.spend(weight(value));
  }
  if (clause == 'd' && value.kind == Kind::Int) {
    out += std::to_string(value.i);
    return true;
  }
  if (clause == 'd' && value.kind == Kind::Uint) {
    out += std::to_string(value.asUint());
    return true;
  }
  if (clause == 'f' && value.isNumber()) {
    const double number = value.kind == Kind::Double ? value.d : static_cast<double>(value.i);
    char buffer[400];
    std::snprintf(buffer, sizeof buffer, "%.*f", precision, number);
    out += buffer;
    return true;
  }
  return false;
}

Value format(CallContext& context, Arguments args) {
  const std::string_view text = args[0].s;
  std::string out;
  std::size_t next = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%' || i + 1 >= text.size()) {
      out += text[i];
      continue;
    }
    int precision = 6;
    char clause = text[++i];
    if (clause == '.' && i + 2 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '9') {
      precision = text[i + 1] - '0';
      clause = text[i += 2];
    }
    if (clause == '%') {
      out += '%';
      continue;
    }
    if (next >= args[1].size() || !formatOne(context, clause, precision, args[1].item(next++), out)) {
      return Value::error(cat("error during formatting: clause %", clause, " has no fitting argument"));
    }
  }
  return pay(context, out.size()) ? Value::text(std::move(out)) : Value::null();
}

}  // namespace

std::vector<Overload> stringOverloads() {
  using K = Kind;
  const TypePtr& text = simpleType(K::String);
  const TypePtr& flag = simpleType(K::Bool);
  const TypePtr& number = simpleType(K::Int);
  const TypePtr texts = listOf(text);
  std::vector<Overload> out{
      {"startsWith", true, {K::String, K::String}, flag, startsWith},
      {"endsWith", true, {K::String, K::String}, flag, endsWith},
      {"contains", true, {K::String, K::String}, flag, contains},
      {"matches", true, {K::String, K::String}, flag, matches},
      {"matches", false, {K::String, K::String}, flag, matches},
      {"find", true, {K::String, K::String}, text, find},
      {"findAll", true, {K::String, K::String}, texts, findAll},
      {"findAll", true, {K::String, K::String, K::Int}, texts, findAll},
      {"split", true, {K::String, K::String}, texts, split},
      {"split", true, {K::String, K::String, K::Int}, texts, split},
      {"join", true, {{K::List, K::String}}, text, join},
      {"join", true, {{K::List, K::String}, K::String}, text, join},
      {"lowerAscii", true, {K::String}, text, changeCase<false>},
      {"upperAscii", true, {K::String}, text, changeCase<true>},
      {"trim", true, {K::String}, text, trimmed},
      {"replace", true, {K::String, K::String, K::String}, text, replace},
      {"replace", true, {K::String, K::String, K::String, K::Int}, text, replace},
      {"substring", true, {K::String, K::Int}, text, substring},
      {"substring", true, {K::String, K::Int, K::Int}, text, substring},
      {"charAt", true, {K::String, K::Int}, text, charAt},
      {"indexOf", true, {K::String, K::String}, number, indexOf<false>},
      {"indexOf", true, {K::String, K::String, K::Int}, number, indexOf<false>},
      {"lastIndexOf", true, {K::String, K::String}, number, indexOf<true>},
      {"lastIndexOf", true, {K::String, K::String, K::Int}, number, indexOf<true>},
      {"format", true, {K::String, K::List}, text, format},
  };
  for (Kind kind : {K::String, K::Bytes, K::List, K::Map}) {
    out.push_back({"size", true, {kind}, number, size});
    out.push_back({"size", false, {kind}, number, size});
  }
  return out;
}

}  // namespace slipway::cel
