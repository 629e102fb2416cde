#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reconciler/base/json.h"
#include "reconciler/cel/type.h"

namespace slipway::cel {

struct Value;
using ValueList = std::vector<Value>;
using ValueMap = std::vector<std::pair<Value, Value>>;

// An exact decimal number with a Kubernetes suffix: 1500m is 1.5.
struct Decimal {
  __int128 mantissa = 0;
  int scale = 0;  // mantissa / 10^scale; never negative
};

// What an expression yields. Copies are cheap: texts, lists and maps are shared, and what came from a binding refers to
// its JSON, which must live until the evaluation ends. Errors are values, because && and || may absorb them.
struct Value {
  static Value null() { return Value{.kind = Kind::Null}; }
  static Value boolean(bool value) { return Value{.kind = Kind::Bool, .i = value ? 1 : 0}; }
  static Value integer(std::int64_t value) { return Value{.kind = Kind::Int, .i = value}; }
  static Value unsignedInteger(std::uint64_t value) {
    return Value{.kind = Kind::Uint, .i = static_cast<std::int64_t>(value)};
  }
  static Value real(double value) { return Value{.kind = Kind::Double, .d = value}; }
  static Value text(std::string value, Kind kind = Kind::String);
  static Value nanoseconds(Kind kind, std::int64_t value) { return Value{.kind = kind, .i = value}; }
  static Value list(ValueList items);
  static Value map(ValueMap members);
  static Value error(std::string message) { return text(std::move(message), Kind::Error); }
  static Value optional(const Value* present);
  static Value quantity(Decimal amount);
  // A binding's JSON seen as `type`, which must live as long as the value.
  static Value of(const Json& json, const Type& type);

  bool isError() const { return kind == Kind::Error; }
  bool isTrue() const { return kind == Kind::Bool && i != 0; }
  bool isFalse() const { return kind == Kind::Bool && i == 0; }
  bool isNumber() const { return kind == Kind::Int || kind == Kind::Uint || kind == Kind::Double; }
  std::uint64_t asUint() const { return static_cast<std::uint64_t>(i); }

  // Lists and maps. REQUIRES: that kind; `at` below size().
  std::size_t size() const;
  Value item(std::size_t at) const;
  // The member's value; false when there is none.
  bool member(const Value& key, Value& out) const;
  // The key of the at-th member.
  Value key(std::size_t at) const;

  Json toJson() const;

  Kind kind = Kind::Null;
  std::int64_t i = 0;  // Bool, Int, Uint (bits), Duration and Timestamp (nanoseconds), Optional (1: present)
  double d = 0;
  std::string_view s;  // String, Bytes, Error, Url, and the name of a Type
  std::shared_ptr<const void> owner;
  const Json* json = nullptr;  // List, Map, Object from a binding
  const Type* type = nullptr;
  const ValueList* items = nullptr;  // List; Optional's value
  const ValueMap* members = nullptr;
  Decimal amount;
};

// Numbers compare across kinds; other kinds are only equal to their own.
bool equal(const Value& a, const Value& b);
// -1, 0, 1. REQUIRES: comparable() of the two.
int compare(const Value& a, const Value& b);
bool comparable(const Value& a, const Value& b);
int compareDecimals(Decimal a, Decimal b);

// What one equality or copy of the value costs.
std::uint64_t weight(const Value& value);

}  // namespace slipway::cel
