#include "reconciler/base/json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace slipway {

JsonObject::JsonObject() = default;
JsonObject::JsonObject(const JsonObject&) = default;
JsonObject::JsonObject(JsonObject&&) noexcept = default;
JsonObject& JsonObject::operator=(const JsonObject&) = default;
JsonObject& JsonObject::operator=(JsonObject&&) noexcept = default;
JsonObject::~JsonObject() = default;

JsonObject::JsonObject(std::initializer_list<Member> members) {
  members_.reserve(members.size());
  for (const Member& member : members) {
    set(member.first, member.second);
  }
}

std::size_t JsonObject::size() const { return members_.size(); }
bool JsonObject::empty() const { return members_.empty(); }
JsonObject::iterator JsonObject::begin() { return members_.begin(); }
JsonObject::iterator JsonObject::end() { return members_.end(); }
JsonObject::const_iterator JsonObject::begin() const { return members_.begin(); }
JsonObject::const_iterator JsonObject::end() const { return members_.end(); }

const Json* JsonObject::find(std::string_view key) const {
  for (const Member& member : members_) {
    if (member.first == key) {
      return &member.second;
    }
  }
  return nullptr;
}

Json* JsonObject::find(std::string_view key) { return const_cast<Json*>(std::as_const(*this).find(key)); }

Json& JsonObject::operator[](std::string_view key) {
  if (Json* found = find(key)) {
    return *found;
  }
  return members_.emplace_back(std::string(key), Json()).second;
}

void JsonObject::set(std::string_view key, Json value) { (*this)[key] = std::move(value); }

void JsonObject::append(std::string key, Json value) { members_.emplace_back(std::move(key), std::move(value)); }

bool JsonObject::erase(std::string_view key) {
  auto found =
      std::find_if(members_.begin(), members_.end(), [&](const Member& member) { return member.first == key; });
  if (found == members_.end()) {
    return false;
  }
  members_.erase(found);
  return true;
}

Json::Json(std::uint64_t value) {
  if (value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    value_ = static_cast<std::int64_t>(value);
  } else {
    value_ = static_cast<double>(value);
  }
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
  return const_cast<Json*>(std::as_const(*this).at(path));
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
    value_ = Object();
  }
  return asObject()[key];
}

void Json::push(Json item) {
  if (isNull()) {
    value_ = Array();
  }
  asArray().push_back(std::move(item));
}

bool Json::operator==(const Json& other) const {
  if (isNumber() && other.isNumber()) {
    return isInt() && other.isInt() ? asInt() == other.asInt() : asDouble() == other.asDouble();
  }
  if (value_.index() != other.value_.index()) {
    return false;
  }
  if (isObject()) {
    const Object& left = asObject();
    const Object& right = other.asObject();
    return left.size() == right.size() && std::all_of(left.begin(), left.end(), [&](const JsonObject::Member& member) {
             const Json* twin = right.find(member.first);
             return twin != nullptr && member.second == *twin;
           });
  }
  if (isArray()) {
    return asArray() == other.asArray();
  }
  if (isString()) {
    return asString() == other.asString();
  }
  return isBool() ? asBool() == other.asBool() : true;
}

void appendJsonString(std::string& out, std::string_view text) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (char c : text) {
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
        if (static_cast<unsigned char>(c) < 0x20) {
          out += "\\u00";
          out += kHex[static_cast<unsigned char>(c) >> 4U];
          out += kHex[static_cast<unsigned char>(c) & 0xFU];
        } else {
          out += c;
        }
    }
  }
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
    std::vector<const JsonObject::Member*> members;
    members.reserve(object.size());
    for (const JsonObject::Member& member : object) {
      members.push_back(&member);
    }
    if (sorted) {
      std::sort(members.begin(), members.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
    }
    out += '{';
    bool first = true;
    for (const JsonObject::Member* member : members) {
      if (!first) {
        out += ',';
      }
      first = false;
      newline(depth + 1);
      appendJsonString(out, member->first);
      out += pretty ? ": " : ":";
      value(member->second, depth + 1);
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
  Writer{out}.value(*this, 0);
  return out;
}

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
