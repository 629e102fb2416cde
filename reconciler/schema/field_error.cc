#include "reconciler/schema/field_error.h"

#include <algorithm>

#include "reconciler/base/strings.h"

namespace slipway::schema {
namespace {

// A value as clients know it from the API server: Go syntax for maps and lists.
std::string goSyntax(const Json& value) {
  if (value.isNull()) {
    return "interface {}(nil)";
  }
  if (value.isArray()) {
    std::vector<std::string> items;
    for (const Json& item : value.asArray()) {
      items.push_back(goSyntax(item));
    }
    return cat("[]interface {}{", join(items, ", "), "}");
  }
  if (value.isObject()) {
    std::vector<std::string> members;
    for (const auto& [name, member] : value.asObject()) {
      members.push_back(cat(Json(name).dump(), ":", goSyntax(member)));
    }
    std::sort(members.begin(), members.end());
    return cat("map[string]interface {}{", join(members, ", "), "}");
  }
  return value.dump();
}

std::string worded(std::string_view kind, const Json& value, std::string_view detail) {
  const std::string shown = value.isNull() ? "\"null\"" : goSyntax(value);
  return detail.empty() ? cat(kind, ": ", shown) : cat(kind, ": ", shown, ": ", detail);
}

}  // namespace

FieldError requiredError(std::string field, std::string_view detail) {
  return {"FieldValueRequired", std::move(field), detail.empty() ? "Required value" : cat("Required value: ", detail)};
}

FieldError invalidError(std::string field, const Json& value, std::string_view detail) {
  return {"FieldValueInvalid", std::move(field), worded("Invalid value", value, detail)};
}

FieldError typeInvalidError(std::string field, const Json& value, std::string_view detail) {
  return {"FieldValueTypeInvalid", std::move(field), worded("Invalid value", value, detail)};
}

FieldError notSupportedError(std::string field, const Json& value, const std::vector<Json>& supported) {
  std::vector<std::string> shown;
  for (const Json& one : supported) {
    shown.push_back(one.isString() ? one.dump() : Json(one.dump()).dump());
  }
  return {"FieldValueNotSupported", std::move(field),
          worded("Unsupported value", value, cat("supported values: ", join(shown, ", ")))};
}

FieldError duplicateError(std::string field, const Json& value) {
  return {"FieldValueDuplicate", std::move(field), worded("Duplicate value", value, {})};
}

FieldError forbiddenError(std::string field, std::string_view detail) {
  return {"FieldValueForbidden", std::move(field), cat("Forbidden: ", detail)};
}

FieldError tooLongError(std::string field, std::size_t limit) {
  return {"FieldValueTooLong", std::move(field),
          cat("Too long: may not be more than ", limit, limit == 1 ? " byte" : " bytes")};
}

FieldError tooManyError(std::string field, std::size_t actual, std::size_t limit) {
  return {"FieldValueTooMany", std::move(field),
          cat("Too many: ", actual, ": must have at most ", limit, limit == 1 ? " item" : " items")};
}

std::string describe(const std::vector<FieldError>& errors) {
  std::vector<std::string> texts;
  texts.reserve(errors.size());
  for (const FieldError& error : errors) {
    texts.push_back(cat(error.field.empty() ? "<nil>" : error.field, ": ", error.message));
  }
  return texts.size() > 1 ? cat("[", join(texts, ", "), "]") : join(texts, ", ");
}

}  // namespace slipway::schema
