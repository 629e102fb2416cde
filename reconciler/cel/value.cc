#include "reconciler/cel/value.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "reconciler/base/clock.h"
#include "reconciler/base/strings.h"

namespace slipway::cel {
namespace {

Value numberOf(const Json& json, const Type& type) {
  if (type.kind == Kind::Double) {
    return Value::real(json.asDouble());
  }
  if (json.isInt()) {
    return Value::integer(json.asInt());
  }
  const double value = json.asDouble();
  constexpr double kLimit = 9.2e18;
  const bool whole = value == std::trunc(value) && std::abs(value) < kLimit;
  return type.kind == Kind::Int && whole ? Value::integer(static_cast<std::int64_t>(value)) : Value::real(value);
}

Value textOf(const Json& json, const Type& type) {
  const std::string& text = json.asString();
  switch (type.kind) {
    case Kind::Bytes: {
      std::string bytes;
      return base64Decode(text, bytes) ? Value::text(std::move(bytes), Kind::Bytes)
                                       : Value::error("a byte field is not base64");
    }
    case Kind::Duration: {
      const bool negative = text.starts_with("-");
      Result<Duration> parsed = parseDuration(std::string_view(text).substr(negative ? 1 : 0));
      return parsed ? Value::nanoseconds(Kind::Duration, negative ? -parsed->count() : parsed->count())
                    : Value::error(cat("not a duration: ", text));
    }
    case Kind::Timestamp: {
      Result<WallTime> parsed = parseTime(text.size() == 10 ? text + "T00:00:00Z" : text);
      return parsed ? Value::nanoseconds(Kind::Timestamp, parsed->time_since_epoch().count())
                    : Value::error(cat("not a time: ", text));
    }
    default:
      return Value{.kind = Kind::String, .s = text};
  }
}

// Equality of lists whose order does not count: every item of one has a partner in the other.
bool equalUnordered(const Value& a, const Value& b) {
  const std::size_t size = a.size();
  std::vector<bool> used(size);
  for (std::size_t i = 0; i < size; ++i) {
    bool found = false;
    for (std::size_t k = 0; k < size && !found; ++k) {
      if (!used[k] && equal(a.item(i), b.item(k))) {
        used[k] = true;
        found = true;
      }
    }
    if (!found) {
      return false;
    }
  }
  return true;
}

bool equalLists(const Value& a, const Value& b) {
  if (a.size() != b.size()) {
    return false;
  }
  for (const Value* one : {&a, &b}) {
    if (one->type != nullptr && one->type->order != ListOrder::Ordered) {
      return equalUnordered(a, b);
    }
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!equal(a.item(i), b.item(i))) {
      return false;
    }
  }
  return true;
}

bool equalMaps(const Value& a, const Value& b) {
  if (a.size() != b.size()) {
    return false;
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    Value mine;
    Value other;
    const Value key = a.key(i);
    if (!b.member(key, other) || !a.member(key, mine) || !equal(mine, other)) {
      return false;
    }
  }
  return true;
}

bool isMapLike(const Value& value) { return value.kind == Kind::Map || value.kind == Kind::Object; }

template <typename T>
int order(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

double asDouble(const Value& value) {
  return value.kind == Kind::Double ? value.d
         : value.kind == Kind::Uint ? static_cast<double>(value.asUint())
                                    : static_cast<double>(value.i);
}

int compareNumbers(const Value& a, const Value& b) {
  if (a.kind == b.kind && a.kind != Kind::Double) {
    return a.kind == Kind::Int ? order(a.i, b.i) : order(a.asUint(), b.asUint());
  }
  if (a.kind != Kind::Double && b.kind != Kind::Double) {  // one signed, one unsigned
    if (a.kind == Kind::Int) {
      return a.i < 0 ? -1 : order(static_cast<std::uint64_t>(a.i), b.asUint());
    }
    return b.i < 0 ? 1 : order(a.asUint(), static_cast<std::uint64_t>(b.i));
  }
  return order(asDouble(a), asDouble(b));
}

}  // namespace

Value Value::text(std::string value, Kind kind) {
  auto shared = std::make_shared<const std::string>(std::move(value));
  const std::string_view view = *shared;
  return Value{.kind = kind, .s = view, .owner = std::move(shared)};
}

Value Value::list(ValueList items) {
  auto shared = std::make_shared<const ValueList>(std::move(items));
  const ValueList* view = shared.get();
  return Value{.kind = Kind::List, .owner = std::move(shared), .items = view};
}

Value Value::map(ValueMap members) {
  auto shared = std::make_shared<const ValueMap>(std::move(members));
  const ValueMap* view = shared.get();
  return Value{.kind = Kind::Map, .owner = std::move(shared), .members = view};
}

Value Value::optional(const Value* present) {
  Value out = list(present == nullptr ? ValueList() : ValueList{*present});
  out.kind = Kind::Optional;
  out.i = present == nullptr ? 0 : 1;
  return out;
}

Value Value::quantity(Decimal amount) { return Value{.kind = Kind::Quantity, .amount = amount}; }

Value Value::of(const Json& json, const Type& type) {
  if (json.isNull()) {
    return null();
  }
  if (json.isBool()) {
    return boolean(json.asBool());
  }
  if (json.isNumber()) {
    return numberOf(json, type);
  }
  if (json.isString()) {
    return textOf(json, type);
  }
  const Kind kind = json.isArray() ? Kind::List : type.kind == Kind::Object ? Kind::Object : Kind::Map;
  return Value{.kind = kind, .json = &json, .type = &type};
}

std::size_t Value::size() const {
  if (json != nullptr) {
    return json->isArray() ? json->asArray().size() : json->asObject().size();
  }
  return items != nullptr ? items->size() : members->size();
}

Value Value::item(std::size_t at) const {
  return json != nullptr ? of(json->asArray()[at], *elementOf(*type)) : (*items)[at];
}

Value Value::key(std::size_t at) const {
  if (json == nullptr) {
    return (*members)[at].first;
  }
  return Value{.kind = Kind::String, .s = (json->asObject().begin() + static_cast<std::ptrdiff_t>(at))->first};
}

bool Value::member(const Value& key, Value& out) const {
  if (json == nullptr) {
    for (const auto& [name, value] : *members) {
      if (equal(name, key)) {
        out = value;
        return true;
      }
    }
    return false;
  }
  if (key.kind != Kind::String) {
    return false;
  }
  const Json* found = json->find(key.s);
  if (found == nullptr) {
    return false;
  }
  const TypePtr* declared = &elementOf(*type);
  for (const Type::Field& field : type->fields) {
    if (field.jsonName == key.s) {
      declared = &field.type;
    }
  }
  out = of(*found, **declared);
  return true;
}

Json Value::toJson() const {
  switch (kind) {
    case Kind::Bool:
      return i != 0;
    case Kind::Int:
      return i;
    case Kind::Uint:
      return Json(asUint());
    case Kind::Double:
      return d;
    case Kind::Bytes:
      return base64Encode(s);
    case Kind::String:
    case Kind::Url:
    case Kind::Type:
    case Kind::Error:
      return Json(s);
    case Kind::Duration:
      return cat(i < 0 ? "-" : "", formatDuration(Duration(i < 0 ? -i : i)));
    case Kind::Timestamp:
      return formatTime(WallTime(Duration(i)));
    case Kind::Optional:
      return i != 0 ? items->front().toJson() : Json();
    case Kind::Quantity:
      return static_cast<double>(amount.mantissa) / std::pow(10.0, amount.scale);
    case Kind::List: {
      Json out = Json::array();
      for (std::size_t at = 0; at < size(); ++at) {
        out.push(item(at).toJson());
      }
      return out;
    }
    case Kind::Map:
    case Kind::Object: {
      if (json != nullptr) {
        return *json;
      }
      Json out = Json::object();
      for (const auto& [name, value] : *members) {
        out.asObject().set(name.kind == Kind::String ? std::string(name.s) : name.toJson().dump(), value.toJson());
      }
      return out;
    }
    default:
      return {};
  }
}

int compareDecimals(Decimal a, Decimal b) {
  while (a.scale < b.scale) {
    a.mantissa *= 10;
    ++a.scale;
  }
  while (b.scale < a.scale) {
    b.mantissa *= 10;
    ++b.scale;
  }
  return order(a.mantissa, b.mantissa);
}

bool comparable(const Value& a, const Value& b) {
  if (a.isNumber() && b.isNumber()) {
    return true;
  }
  return a.kind == b.kind && (a.kind == Kind::Bool || a.kind == Kind::String || a.kind == Kind::Bytes ||
                              a.kind == Kind::Duration || a.kind == Kind::Timestamp || a.kind == Kind::Quantity);
}

int compare(const Value& a, const Value& b) {
  if (a.isNumber()) {
    return compareNumbers(a, b);
  }
  if (a.kind == Kind::String || a.kind == Kind::Bytes) {
    return order(a.s, b.s);
  }
  return a.kind == Kind::Quantity ? compareDecimals(a.amount, b.amount) : order(a.i, b.i);
}

bool equal(const Value& a, const Value& b) {
  if (a.isNumber() && b.isNumber()) {
    if ((a.kind == Kind::Double && std::isnan(a.d)) || (b.kind == Kind::Double && std::isnan(b.d))) {
      return false;
    }
    return compareNumbers(a, b) == 0;
  }
  if (isMapLike(a) && isMapLike(b)) {
    return equalMaps(a, b);
  }
  if (a.kind != b.kind) {
    return false;
  }
  switch (a.kind) {
    case Kind::Null:
      return true;
    case Kind::List:
      return equalLists(a, b);
    case Kind::Optional:
      return a.i == b.i && (a.i == 0 || equal(a.items->front(), b.items->front()));
    case Kind::String:
    case Kind::Bytes:
    case Kind::Url:
    case Kind::Type:
      return a.s == b.s;
    case Kind::Quantity:
      return compareDecimals(a.amount, b.amount) == 0;
    default:
      return a.i == b.i;
  }
}

namespace {

std::uint64_t weightOf(const Json& json) {
  std::uint64_t sum = 1;
  if (json.isString()) {
    sum += json.asString().size() / 10;
  } else if (json.isArray()) {
    for (const Json& item : json.asArray()) {
      sum += weightOf(item);
    }
  } else if (json.isObject()) {
    for (const auto& [name, member] : json.asObject()) {
      sum += weightOf(member);
    }
  }
  return sum;
}

}  // namespace

std::uint64_t weight(const Value& value) {
  if (value.json != nullptr) {
    return weightOf(*value.json);
  }
  if (value.kind == Kind::List || value.kind == Kind::Map) {
    return 1 + value.size();
  }
  return 1 + value.s.size() / 10;
}

}  // namespace slipway::cel
