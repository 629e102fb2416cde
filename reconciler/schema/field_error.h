#pragma once

#include <string>
#include <vector>

namespace slipway::schema {

// One thing wrong with an object, in the words of the Kubernetes API.
struct FieldError {
  std::string reason;   // a cause reason: FieldValueRequired, FieldValueInvalid, FieldValueTypeInvalid,
                        // FieldValueNotSupported, FieldValueDuplicate, FieldValueForbidden, FieldValueTooLong
  std::string field;    // dotted path with indices: "spec.targets[1].host"; empty for the whole object
  std::string message;  // without the field: "Required value", "Unsupported value: \"zz\": supported values: …"

  bool operator==(const FieldError&) const = default;
};

// "spec.version: Required value"; several as "[a, b]". Empty for none.
std::string describe(const std::vector<FieldError>& errors);

}  // namespace slipway::schema
