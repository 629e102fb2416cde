#include "reconciler/api/json_fields.h"

#include "reconciler/base/strings.h"

namespace slipway {

std::string FieldReader::pathOf(std::string_view name) const {
  return path_.empty() ? std::string(name) : cat(path_, ".", name);
}

void FieldReader::fail(std::string_view name, std::string_view problem) {
  if (status_) {
    status_ = Status(Code::Invalid, cat(pathOf(name), ": ", problem));
  }
}

void FieldReader::merge(const FieldReader& nested) {
  if (status_) {
    status_ = nested.status_;
  }
}

void FieldReader::read(std::string_view name, std::string& out) {
  const Json* member = child(name);
  if (member == nullptr || member->isNull()) {
    return;
  }
  if (!member->isString()) {
    fail(name, "must be a string");
    return;
  }
  out = member->asString();
}

void FieldReader::read(std::string_view name, bool& out) {
  const Json* member = child(name);
  if (member == nullptr || member->isNull()) {
    return;
  }
  if (!member->isBool()) {
    fail(name, "must be true or false");
    return;
  }
  out = member->asBool();
}

void FieldReader::read(std::string_view name, std::int64_t& out) {
  const Json* member = child(name);
  if (member == nullptr || member->isNull()) {
    return;
  }
  if (!member->isInt()) {
    fail(name, "must be a whole number");
    return;
  }
  out = member->asInt();
}

void FieldReader::read(std::string_view name, int& out) {
  std::int64_t wide = out;
  read(name, wide);
  if (wide < INT32_MIN || wide > INT32_MAX) {
    fail(name, "is out of range");
    return;
  }
  out = static_cast<int>(wide);
}

void FieldReader::read(std::string_view name, std::uint64_t& out) {
  auto wide = static_cast<std::int64_t>(out);
  read(name, wide);
  if (wide < 0) {
    fail(name, "must not be negative");
    return;
  }
  out = static_cast<std::uint64_t>(wide);
}

void FieldReader::read(std::string_view name, Duration& out) {
  std::string text;
  read(name, text);
  if (text.empty()) {
    return;
  }
  Result<Duration> parsed = parseDuration(text);
  if (!parsed) {
    fail(name, parsed.status().message());
    return;
  }
  out = *parsed;
}

void FieldReader::read(std::string_view name, std::vector<std::string>& out) {
  const Json* member = child(name);
  if (member == nullptr || member->isNull()) {
    return;
  }
  if (!member->isArray()) {
    fail(name, "must be a list of strings");
    return;
  }
  out.clear();
  for (const Json& item : member->asArray()) {
    if (!item.isString()) {
      fail(name, "must be a list of strings");
      return;
    }
    out.push_back(item.asString());
  }
}

void FieldReader::read(std::string_view name, std::map<std::string, std::string>& out) {
  const Json* member = child(name);
  if (member == nullptr || member->isNull()) {
    return;
  }
  if (!member->isObject()) {
    fail(name, "must be a map of strings");
    return;
  }
  out.clear();
  for (const auto& [key, value] : member->asObject()) {
    if (!value.isString()) {
      fail(name, "must be a map of strings");
      return;
    }
    out[key] = value.asString();
  }
}

void FieldReader::readName(std::string_view name, std::initializer_list<std::string_view> names, int& index) {
  std::string text;
  read(name, text);
  if (text.empty()) {
    return;
  }
  int position = 0;
  for (std::string_view candidate : names) {
    if (candidate == text) {
      index = position;
      return;
    }
    ++position;
  }
  fail(name, cat("'", text, "' is not one of ", join({names.begin(), names.end()}, ", ")));
}

void putText(Json& out, std::string_view name, const std::string& value) {
  if (!value.empty()) {
    out[name] = value;
  }
}

void putList(Json& out, std::string_view name, const std::vector<std::string>& values) {
  if (!values.empty()) {
    out[name] = Json::Array(values.begin(), values.end());
  }
}

void putMap(Json& out, std::string_view name, const std::map<std::string, std::string>& values) {
  if (values.empty()) {
    return;
  }
  JsonObject object;
  for (const auto& [key, value] : values) {
    object.append(key, value);
  }
  out[name] = std::move(object);
}

void putObject(Json& out, std::string_view name, Json value) {
  if (value.isNull() || (value.isObject() && value.asObject().empty())) {
    return;
  }
  out[name] = std::move(value);
}

}  // namespace slipway
