#include "reconciler/apiserver/forms/shared_parts.h"

#include <optional>
#include <utility>

namespace slipway::apiserver {

namespace {

// Nothing when the value is equal to the older one, which stands in for it then.
std::optional<Json> changed(const Json& older, const Json& value);

bool sameScalar(const Json& a, const Json& b) {
  return a.isNull() == b.isNull() && a.isBool() == b.isBool() && a.isInt() == b.isInt() &&
         a.isDouble() == b.isDouble() && a == b;
}

std::optional<Json> changedObject(const JsonObject& older, const JsonObject& value) {
  JsonObject out;
  bool differs = older.size() != value.size();
  std::size_t at = 0;
  const auto keepEqualOnes = [&] {
    out.reserve(value.size());
    for (const auto* member = value.begin(); member != value.begin() + at; ++member) {
      out.append(member->first, (older.begin() + (member - value.begin()))->second);
    }
  };
  if (differs) {
    out.reserve(value.size());
  }
  for (const auto& [name, member] : value) {
    const bool inPlace = at < older.size() && (older.begin() + at)->first == name;
    const Json* twin = inPlace ? &(older.begin() + at)->second : older.find(name);
    std::optional<Json> next = twin == nullptr ? std::optional(member) : changed(*twin, member);
    if (!differs && (!inPlace || next.has_value())) {
      differs = true;
      keepEqualOnes();
    }
    if (differs) {
      out.append(name, next.has_value() ? *std::move(next) : *twin);
    }
    ++at;
  }
  return differs ? std::optional<Json>(std::move(out)) : std::nullopt;
}

std::optional<Json> changedList(const Json::Array& older, const Json::Array& value) {
  Json::Array out;
  bool differs = older.size() != value.size();
  for (std::size_t i = 0; i < value.size(); ++i) {
    std::optional<Json> next = i < older.size() ? changed(older[i], value[i]) : std::optional(value[i]);
    if (next.has_value() && !differs) {
      differs = true;
      out.assign(older.begin(), older.begin() + static_cast<std::ptrdiff_t>(i));
    } else if (differs && out.empty()) {
      out.reserve(value.size());
    }
    if (differs) {
      out.push_back(next.has_value() ? *std::move(next) : older[i]);
    }
  }
  return differs ? std::optional<Json>(std::move(out)) : std::nullopt;
}

std::optional<Json> changed(const Json& older, const Json& value) {
  if (value.sharesWith(older)) {
    return std::nullopt;
  }
  if (value.isObject() && older.isObject()) {
    return changedObject(older.asObject(), value.asObject());
  }
  if (value.isArray() && older.isArray()) {
    return changedList(older.asArray(), value.asArray());
  }
  return !value.isObject() && !value.isArray() && sameScalar(older, value) ? std::nullopt : std::optional(value);
}

}  // namespace

Json sharingWith(const Json& older, const Json& value) { return changed(older, value).value_or(older); }

}  // namespace slipway::apiserver
