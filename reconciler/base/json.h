#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "reconciler/base/status.h"

namespace slipway {

class Json;

// An object's members in the order in which they were written. Look-up is linear: Kubernetes objects have few members
// per level, and keeping the order makes a document come back byte for byte. Keys are unique.
class JsonObject {
 public:
  using Member = std::pair<std::string, Json>;
  using iterator = std::vector<Member>::iterator;
  using const_iterator = std::vector<Member>::const_iterator;

  JsonObject();
  JsonObject(std::initializer_list<Member> members);
  JsonObject(const JsonObject&);
  JsonObject(JsonObject&&) noexcept;
  JsonObject& operator=(const JsonObject&);
  JsonObject& operator=(JsonObject&&) noexcept;
  ~JsonObject();

  std::size_t size() const;
  bool empty() const;
  iterator begin();
  iterator end();
  const_iterator begin() const;
  const_iterator end() const;

  // nullptr when there is no such member.
  Json* find(std::string_view key);
  const Json* find(std::string_view key) const;
  bool contains(std::string_view key) const { return find(key) != nullptr; }

  // The member's value, added as null when missing.
  Json& operator[](std::string_view key);
  void set(std::string_view key, Json value);
  // Appends without looking for an equal key. REQUIRES: no member has this key.
  void append(std::string key, Json value);
  bool erase(std::string_view key);

 private:
  std::vector<Member> members_;
};

// One JSON value. Integers are kept as 64-bit integers and never silently become doubles.
class Json {
 public:
  using Array = std::vector<Json>;
  using Object = JsonObject;

  Json() = default;
  Json(std::nullptr_t) {}                           // NOLINT(google-explicit-constructor)
  Json(bool value) : value_(value) {}               // NOLINT(google-explicit-constructor)
  Json(int value) : value_(std::int64_t{value}) {}  // NOLINT(google-explicit-constructor)
  Json(std::int64_t value) : value_(value) {}       // NOLINT(google-explicit-constructor)
  Json(std::uint64_t value);                        // NOLINT(google-explicit-constructor): above int64 becomes double
  Json(double value) : value_(value) {}             // NOLINT(google-explicit-constructor)
  Json(const char* value) : value_(std::string(value)) {}       // NOLINT(google-explicit-constructor)
  Json(std::string value) : value_(std::move(value)) {}         // NOLINT(google-explicit-constructor)
  Json(std::string_view value) : value_(std::string(value)) {}  // NOLINT(google-explicit-constructor)
  Json(Array value) : value_(std::move(value)) {}               // NOLINT(google-explicit-constructor)
  Json(Object value) : value_(std::move(value)) {}              // NOLINT(google-explicit-constructor)

  // Json::object({{"a", 1}}), Json::array({1, 2}).
  static Json object(std::initializer_list<JsonObject::Member> members = {}) { return Json(Object(members)); }
  static Json array(std::initializer_list<Json> items = {}) { return Json(Array(items)); }

  bool isNull() const { return std::holds_alternative<std::monostate>(value_); }
  bool isBool() const { return std::holds_alternative<bool>(value_); }
  bool isInt() const { return std::holds_alternative<std::int64_t>(value_); }
  bool isDouble() const { return std::holds_alternative<double>(value_); }
  bool isNumber() const { return isInt() || isDouble(); }
  bool isString() const { return std::holds_alternative<std::string>(value_); }
  bool isArray() const { return std::holds_alternative<Array>(value_); }
  bool isObject() const { return std::holds_alternative<Object>(value_); }

  // REQUIRES: the value has that type.
  bool asBool() const { return std::get<bool>(value_); }
  std::int64_t asInt() const { return std::get<std::int64_t>(value_); }
  double asDouble() const { return isInt() ? static_cast<double>(asInt()) : std::get<double>(value_); }
  const std::string& asString() const { return std::get<std::string>(value_); }
  std::string& asString() { return std::get<std::string>(value_); }
  const Array& asArray() const { return std::get<Array>(value_); }
  Array& asArray() { return std::get<Array>(value_); }
  const Object& asObject() const { return std::get<Object>(value_); }
  Object& asObject() { return std::get<Object>(value_); }

  // The member, or nullptr when this is no object or has no such member.
  const Json* find(std::string_view key) const { return isObject() ? asObject().find(key) : nullptr; }
  Json* find(std::string_view key) { return isObject() ? asObject().find(key) : nullptr; }

  // Follows member names; nullptr as soon as one is missing. at({"metadata", "name"}).
  const Json* at(std::initializer_list<std::string_view> path) const;
  Json* at(std::initializer_list<std::string_view> path);

  // The member's value if it has that type, else the other value.
  std::string getString(std::string_view key, std::string other = {}) const;
  std::int64_t getInt(std::string_view key, std::int64_t other = 0) const;
  bool getBool(std::string_view key, bool other = false) const;

  // The member, created as null when missing; null becomes an object first. REQUIRES: null or object.
  Json& operator[](std::string_view key);
  // REQUIRES: null or array; null becomes an array.
  void push(Json item);

  // Deep and ordered for arrays, unordered for members. 1 and 1.0 are equal, as in Kubernetes.
  bool operator==(const Json& other) const;

  // Members in the order kept; no spaces.
  std::string dump() const;
  // Two-space indentation, a newline at the end.
  std::string dumpPretty() const;
  // Members sorted by key: equal values give equal bytes. Used for hashes.
  std::string dumpCanonical() const;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

struct JsonParseOptions {
  std::size_t maxDepth = 128;
  // Where not null, gets the dotted path of each member whose key was seen before ("spec.x", "spec.l[0].y").
  // The last value wins, as in Go.
  std::vector<std::string>* duplicates = nullptr;
};

// Parses one document. Invalid with position and reason on malformed text, wrong UTF-8, too deep nesting.
Result<Json> parseJson(std::string_view text, const JsonParseOptions& options = {});

// Appends `text` as a JSON string with its quotes.
void appendJsonString(std::string& out, std::string_view text);

}  // namespace slipway
