#include "reconciler/base/json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <variant>

namespace slipway {

void Json::wrongKind() {
  static_cast<void>(std::get<1>(std::variant<std::monostate, int>()));
  std::abort();
}

Json::Json(std::uint64_t value) : Json() {
  if (value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    kind_ = Kind::Int;
    int_ = static_cast<std::int64_t>(value);
  } else {
    kind_ = Kind::Double;
    double_ = static_cast<double>(value);
  }
}

void Json::copyFrom(const Json& other) {
  switch (other.kind_) {
    case Kind::String:
      new (&string_) std::string(other.string_);
      break;
    case Kind::Array:
      if (other.list_->lent) {
        list_ = new List(other.list_->items);
      } else {
        other.list_->owners.fetch_add(1, std::memory_order_relaxed);
        list_ = other.list_;
      }
      break;
    case Kind::Object:
      new (&object_) Object(other.object_);
      break;
    case Kind::Double:
      double_ = other.double_;
      break;
    case Kind::Bool:
      bool_ = other.bool_;
      break;
    default:
      int_ = other.int_;
  }
  kind_ = other.kind_;
}

void Json::moveFrom(Json& other) noexcept {
  switch (other.kind_) {
    case Kind::String:
      new (&string_) std::string(std::move(other.string_));
      break;
    case Kind::Array:
      list_ = std::exchange(other.list_, nullptr);
      other.kind_ = Kind::Null;
      kind_ = Kind::Array;
      return;
    case Kind::Object:
      new (&object_) Object(std::move(other.object_));
      break;
    case Kind::Double:
      double_ = other.double_;
      break;
    case Kind::Bool:
      bool_ = other.bool_;
      break;
    default:
      int_ = other.int_;
  }
  kind_ = other.kind_;
}

void Json::destroy() {
  switch (kind_) {
    case Kind::String:
      std::destroy_at(&string_);
      break;
    case Kind::Array:
      if (list_->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        delete list_;
      }
      break;
    case Kind::Object:
      std::destroy_at(&object_);
      break;
    default:
      break;
  }
  kind_ = Kind::Null;
}

// Both by way of a value of their own: what is assigned may be a part of this.
Json& Json::operator=(const Json& other) {
  if (this != &other) {
    Json copy(other);
    destroy();
    moveFrom(copy);
  }
  return *this;
}

Json& Json::operator=(Json&& other) noexcept {
  if (this != &other) {
    Json taken(std::move(other));
    destroy();
    moveFrom(taken);
  }
  return *this;
}

Json::Json(Array value) : kind_(Kind::Array), list_(new List(std::move(value))) {
  list_->lent = std::any_of(list_->items.begin(), list_->items.end(), [](const Json& item) { return item.lent(); });
}

Json::List& Json::ownList() {
  // Acquire: whoever gave up its share has read all it will read before we write.
  if (list_->owners.load(std::memory_order_acquire) != 1) {
    *this = Json(Array(list_->items));
  }
  return *list_;
}

Json::Array& Json::asArray() {
  require(Kind::Array);
  List& list = ownList();
  list.lent = true;
  return list.items;
}

bool Json::sharesWith(const Json& other) const {
  return kind_ == other.kind_ && (isObject()  ? object_.sharesWith(other.object_)
                                  : isArray() ? list_ == other.list_
                                              : false);
}

bool Json::lent() const {
  return isObject() ? object_.node_ != nullptr && object_.node_->lent : isArray() && list_->lent;
}

void Json::settle() {
  if (!lent()) {
    return;
  }
  if (isArray()) {
    for (Json& item : list_->items) {
      item.settle();
    }
    list_->lent = false;
    return;
  }
  for (std::size_t i = 0; i < object_.node_->size; ++i) {
    object_.node_->members()[i].second.settle();
  }
  object_.node_->lent = false;
}

const Json* Json::at(std::initializer_list<std::string_view> path) const {
  const Json* here = this;
  for (std::string_view key : path) {
    here = here->find(key);
    if (here == nullptr) {
      return nullptr;
    }
  }
  return here;
}

Json* Json::at(std::initializer_list<std::string_view> path) {
  if (std::as_const(*this).at(path) == nullptr) {
    return nullptr;
  }
  Json* here = this;
  for (std::string_view key : path) {
    here = here->find(key);
  }
  return here;
}

std::string Json::getString(std::string_view key, std::string other) const {
  const Json* member = find(key);
  return member != nullptr && member->isString() ? member->asString() : std::move(other);
}

std::int64_t Json::getInt(std::string_view key, std::int64_t other) const {
  const Json* member = find(key);
  return member != nullptr && member->isInt() ? member->asInt() : other;
}

bool Json::getBool(std::string_view key, bool other) const {
  const Json* member = find(key);
  return member != nullptr && member->isBool() ? member->asBool() : other;
}

Json& Json::operator[](std::string_view key) {
  if (isNull()) {
    *this = Json(Object());
  }
  return asObject()[key];
}

void Json::push(Json item) {
  if (isNull()) {
    *this = Json(Array());
  }
  require(Kind::Array);
  List& list = ownList();
  list.lent = list.lent || item.lent();
  list.items.push_back(std::move(item));
}

bool Json::operator==(const Json& other) const {
  if (isNumber() && other.isNumber()) {
    return isInt() && other.isInt() ? asInt() == other.asInt() : asDouble() == other.asDouble();
  }
  if (kind_ != other.kind_) {
    return false;
  }
  if (isObject()) {
    const Object& left = asObject();
    const Object& right = other.asObject();
    if (left.sharesWith(right)) {
      return true;
    }
    return left.size() == right.size() && std::all_of(left.begin(), left.end(), [&](const JsonObject::Member& member) {
             const Json* twin = right.find(member.first);
             return twin != nullptr && member.second == *twin;
           });
  }
  if (isArray()) {
    return list_ == other.list_ || list_->items == other.list_->items;
  }
  if (isString()) {
    return asString() == other.asString();
  }
  return isBool() ? asBool() == other.asBool() : true;
}

namespace {

// Where the next character stands that has to be written otherwise, from `at` on; size() when there is none. Most
// strings have none, so eight are looked at together: a byte's highest bit tells that it is one.
std::size_t nextEscaped(std::string_view text, std::size_t at) {
  constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
  constexpr std::uint64_t kHighest = 0x80 * kOnes;
  const auto isZero = [](std::uint64_t word) { return (word - kOnes) & ~word; };
  for (std::uint64_t word = 0; at + sizeof word <= text.size(); at += sizeof word) {
    std::memcpy(&word, text.data() + at, sizeof word);
    const std::uint64_t control = (word - 0x20 * kOnes) & ~word;
    if (((control | isZero(word ^ ('"' * kOnes)) | isZero(word ^ ('\\' * kOnes))) & kHighest) != 0) {
      break;
    }
  }
  while (at < text.size() && static_cast<unsigned char>(text[at]) >= 0x20 && text[at] != '"' && text[at] != '\\') {
    ++at;
  }
  return at;
}

}  // namespace

void appendJsonString(std::string& out, std::string_view text) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  std::size_t plain = 0;
  for (std::size_t i = nextEscaped(text, 0); i < text.size(); i = nextEscaped(text, i + 1)) {
    const char c = text[i];
    out.append(text.substr(plain, i - plain));
    plain = i + 1;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += "\\u00";
        out += kHex[static_cast<unsigned char>(c) >> 4U];
        out += kHex[static_cast<unsigned char>(c) & 0xFU];
    }
  }
  out.append(text.substr(plain));
  out += '"';
}

namespace {

void appendDouble(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  std::array<char, 32> buffer{};
  auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  out.append(buffer.data(), end);
}

struct Writer {
  std::string& out;
  bool pretty = false;
  bool sorted = false;

  void newline(int depth) const {
    if (pretty) {
      out += '\n';
      out.append(static_cast<std::size_t>(depth) * 2, ' ');
    }
  }

  void array(const Json::Array& items, int depth) const {
    out += '[';
    bool first = true;
    for (const Json& item : items) {
      if (!first) {
        out += ',';
      }
      first = false;
      newline(depth + 1);
      value(item, depth + 1);
    }
    if (!first) {
      newline(depth);
    }
    out += ']';
  }

  void object(const JsonObject& object, int depth) const {
    out += '{';
    bool first = true;
    auto put = [&](const JsonObject::Member& member) {
      if (!first) {
        out += ',';
      }
      first = false;
      newline(depth + 1);
      appendJsonString(out, member.first);
      out += pretty ? ": " : ":";
      value(member.second, depth + 1);
    };
    if (sorted) {
      std::vector<const JsonObject::Member*> members;
      members.reserve(object.size());
      for (const JsonObject::Member& member : object) {
        members.push_back(&member);
      }
      std::sort(members.begin(), members.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
      for (const JsonObject::Member* member : members) {
        put(*member);
      }
    } else {
      for (const JsonObject::Member& member : object) {
        put(member);
      }
    }
    if (!first) {
      newline(depth);
    }
    out += '}';
  }

  void value(const Json& json, int depth) const {
    if (json.isNull()) {
      out += "null";
    } else if (json.isBool()) {
      out += json.asBool() ? "true" : "false";
    } else if (json.isInt()) {
      out += std::to_string(json.asInt());
    } else if (json.isDouble()) {
      appendDouble(out, json.asDouble());
    } else if (json.isString()) {
      appendJsonString(out, json.asString());
    } else if (json.isArray()) {
      array(json.asArray(), depth);
    } else {
      object(json.asObject(), depth);
    }
  }
};

}  // namespace

std::string Json::dump() const {
  std::string out;
  dumpTo(out);
  return out;
}

void Json::dumpTo(std::string& out) const { Writer{out}.value(*this, 0); }

std::string Json::dumpPretty() const {
  std::string out;
  Writer{.out = out, .pretty = true}.value(*this, 0);
  out += '\n';
  return out;
}

std::string Json::dumpCanonical() const {
  std::string out;
  Writer{.out = out, .sorted = true}.value(*this, 0);
  return out;
}

}  // namespace slipway
