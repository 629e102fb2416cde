#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reconciler/base/status.h"

namespace slipway {

class Json;

// An object's members in the order in which they were written. Look-up is linear: Kubernetes objects have few members
// per level, and keeping the order makes a document come back byte for byte. Keys are unique.
//
// Copies share their members until one of them is written to. To the user a copy is deep: what a reference into one
// object changes is never seen in another. Objects that share may be read and copied by several threads at once, and
// each thread may change its own copy.
class JsonObject {
 public:
  using Member = std::pair<std::string, Json>;
  using iterator = Member*;
  using const_iterator = const Member*;

  JsonObject() = default;
  JsonObject(std::initializer_list<Member> members);
  JsonObject(const JsonObject& other) : node_(other.share()) {}
  JsonObject(JsonObject&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  JsonObject& operator=(const JsonObject& other) {
    JsonObject copy(other);
    std::swap(node_, copy.node_);
    return *this;
  }
  JsonObject& operator=(JsonObject&& other) noexcept {
    JsonObject taken(std::move(other));
    std::swap(node_, taken.node_);
    return *this;
  }
  ~JsonObject() { release(); }

  std::size_t size() const { return node_ != nullptr ? node_->size : 0; }
  bool empty() const { return size() == 0; }
  // Room for this many members in all, so that appending them moves none.
  void reserve(std::size_t members);
  // The writing forms of begin, end, find and [] end the sharing first: read through a const object where that is
  // enough.
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

  // True when both have the very same members in memory; false says nothing.
  bool sharesWith(const JsonObject& other) const { return node_ == other.node_; }

 private:
  friend class Json;
  // Followed in memory by `capacity` members, of which the first `size` live.
  struct alignas(8) Node {
    std::atomic<std::uint32_t> owners{1};
    std::uint32_t size = 0;
    std::uint32_t capacity = 0;
    // A reference through which this node or one below it can be changed was given out and may still be used. Such a
    // node is never shared: a copy gets members of its own. What lies below a node that is not lent is not lent either.
    bool lent = false;

    Member* members() { return reinterpret_cast<Member*>(this + 1); }
    const Member* members() const { return reinterpret_cast<const Member*>(this + 1); }
  };

  // size() when there is none.
  std::size_t indexOf(std::string_view key) const;
  Node* share() const {
    if (node_ == nullptr || node_->lent) {
      return clone();
    }
    node_->owners.fetch_add(1, std::memory_order_relaxed);
    return node_;
  }
  void release() {
    if (node_ != nullptr && node_->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      destroy(node_);
    }
  }
  static Node* make(std::size_t capacity);
  static void destroy(Node* node);
  Node* clone() const;
  // Makes the node ours alone, with room for `more` members beyond those it has.
  Node* own(std::size_t more);

  Node* node_ = nullptr;
};

// One JSON value. Integers are kept as 64-bit integers and never silently become doubles.
class Json {
 public:
  using Array = std::vector<Json>;
  using Object = JsonObject;

  Json() : int_(0) {}
  Json(std::nullptr_t) : Json() {}                             // NOLINT(google-explicit-constructor)
  Json(bool value) : kind_(Kind::Bool), bool_(value) {}        // NOLINT(google-explicit-constructor)
  Json(int value) : Json(std::int64_t{value}) {}               // NOLINT(google-explicit-constructor)
  Json(std::int64_t value) : kind_(Kind::Int), int_(value) {}  // NOLINT(google-explicit-constructor)
  Json(std::uint64_t value);  // NOLINT(google-explicit-constructor): above int64 becomes double
  Json(double value) : kind_(Kind::Double), double_(value) {}                  // NOLINT(google-explicit-constructor)
  Json(const char* value) : Json(std::string_view(value)) {}                   // NOLINT(google-explicit-constructor)
  Json(std::string value) : kind_(Kind::String), string_(std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Json(std::string_view value) : kind_(Kind::String), string_(value) {}        // NOLINT(google-explicit-constructor)
  Json(Array value);                                                           // NOLINT(google-explicit-constructor)
  Json(Object value) : kind_(Kind::Object), object_(std::move(value)) {}       // NOLINT(google-explicit-constructor)
  Json(const Json& other) : Json() { copyFrom(other); }
  Json(Json&& other) noexcept : Json() { moveFrom(other); }
  Json& operator=(const Json& other);
  Json& operator=(Json&& other) noexcept;
  ~Json() {
    if (kind_ >= Kind::String) {
      destroy();
    }
  }

  // Json::object({{"a", 1}}), Json::array({1, 2}).
  static Json object(std::initializer_list<JsonObject::Member> members = {}) { return Json(Object(members)); }
  static Json array(std::initializer_list<Json> items = {}) { return Json(Array(items)); }

  bool isNull() const { return kind_ == Kind::Null; }
  bool isBool() const { return kind_ == Kind::Bool; }
  bool isInt() const { return kind_ == Kind::Int; }
  bool isDouble() const { return kind_ == Kind::Double; }
  bool isNumber() const { return isInt() || isDouble(); }
  bool isString() const { return kind_ == Kind::String; }
  bool isArray() const { return kind_ == Kind::Array; }
  bool isObject() const { return kind_ == Kind::Object; }

  // REQUIRES: the value has that type.
  bool asBool() const { return require(Kind::Bool), bool_; }
  std::int64_t asInt() const { return require(Kind::Int), int_; }
  double asDouble() const { return isInt() ? static_cast<double>(int_) : (require(Kind::Double), double_); }
  const std::string& asString() const { return require(Kind::String), string_; }
  std::string& asString() { return require(Kind::String), string_; }
  // The writing form ends the sharing, as JsonObject's do: read through a const value where that is enough.
  const Array& asArray() const;
  Array& asArray();
  const Object& asObject() const { return require(Kind::Object), object_; }
  Object& asObject() { return require(Kind::Object), object_; }

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

  // Says that no reference from a writing access to this value is used any more, so that copies of it are cheap again.
  // Worth calling on what was built piece by piece and is now kept and copied. Other references stay valid.
  void settle();

  // True when both are objects or both are arrays with the very same content in memory; false says nothing.
  bool sharesWith(const Json& other) const;

  // Members in the order kept; no spaces.
  std::string dump() const;
  void dumpTo(std::string& out) const;
  // Two-space indentation, a newline at the end.
  std::string dumpPretty() const;
  // Members sorted by key: equal values give equal bytes. Used for hashes.
  std::string dumpCanonical() const;

 private:
  friend class JsonObject;
  enum class Kind : std::uint8_t { Null, Bool, Int, Double, String, Array, Object };

  void require(Kind kind) const {
    if (kind_ != kind) {
      wrongKind();
    }
  }
  // Throws std::bad_variant_access: a mistake of the caller.
  [[noreturn]] static void wrongKind();
  struct List;
  // The list ours alone.
  List& ownList();
  // REQUIRES of both: this is null.
  void copyFrom(const Json& other);
  void moveFrom(Json& other) noexcept;
  void destroy();
  // Something in this value was lent.
  bool lent() const;

  Kind kind_ = Kind::Null;
  union {
    bool bool_;
    std::int64_t int_;
    double double_;
    std::string string_;
    List* list_;
    Object object_;
  };
};

struct Json::List {
  explicit List(Array values) : items(std::move(values)) {}

  std::atomic<std::uint32_t> owners{1};
  bool lent = false;  // as JsonObject::Node's
  Array items;
};

inline const Json::Array& Json::asArray() const { return require(Kind::Array), list_->items; }

inline JsonObject::const_iterator JsonObject::begin() const { return node_ != nullptr ? node_->members() : nullptr; }
inline JsonObject::const_iterator JsonObject::end() const {
  return node_ != nullptr ? node_->members() + node_->size : nullptr;
}
inline std::size_t JsonObject::indexOf(std::string_view key) const {
  const const_iterator last = end();
  for (const_iterator member = begin(); member != last; ++member) {
    if (member->first == key) {
      return static_cast<std::size_t>(member - begin());
    }
  }
  return size();
}
inline const Json* JsonObject::find(std::string_view key) const {
  const std::size_t index = indexOf(key);
  return index == size() ? nullptr : &begin()[index].second;
}

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
