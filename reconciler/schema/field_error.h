#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/json.h"

namespace slipway::schema {

// One thing wrong with an object, in the words of the Kubernetes API.
struct FieldError {
  std::string reason;   // a cause reason: FieldValueRequired, FieldValueInvalid, FieldValueTypeInvalid,
                        // FieldValueNotSupported, FieldValueDuplicate, FieldValueForbidden, FieldValueTooLong,
                        // FieldValueTooMany
  std::string field;    // dotted path with indices: "spec.targets[1].host"; empty for the whole object
  std::string message;  // without the field: "Required value", "Unsupported value: \"zz\": supported values: …"

  bool operator==(const FieldError&) const = default;
};

// The usual kinds, worded as the API server words them. `detail` may be empty.
FieldError requiredError(std::string field, std::string_view detail = {});
FieldError invalidError(std::string field, const Json& value, std::string_view detail);
FieldError typeInvalidError(std::string field, const Json& value, std::string_view detail);
FieldError notSupportedError(std::string field, const Json& value, const std::vector<Json>& supported);
FieldError duplicateError(std::string field, const Json& value);
FieldError forbiddenError(std::string field, std::string_view detail);
FieldError tooLongError(std::string field, std::size_t limit);
FieldError tooManyError(std::string field, std::size_t actual, std::size_t limit);

// "spec.version: Required value"; several as "[a, b]". Empty for none.
std::string describe(const std::vector<FieldError>& errors);

}  // namespace slipway::schema
