#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "reconciler/api/kinds.h"
#include "reconciler/base/json.h"

namespace slipway {

// One thing wrong with an object, in the words of the Kubernetes API (see reconciler/schema/field_error.h).
struct FieldProblem {
  std::string reason;   // FieldValueInvalid, FieldValueNotFound, FieldValueRequired, …
  std::string field;    // "spec.metrics[0].successCondition"
  std::string message;  // without the field
  bool operator==(const FieldProblem&) const = default;
};

// Reads another object, as it is when the write is decided; nothing when there is none.
using FindObject = std::function<std::optional<Json>(const Kind&, const ObjectKey&)>;

// What holds for objects of our kinds beyond their schemas. Thread-safe; called for every write but to status.
class AdmissionRules {
 public:
  virtual ~AdmissionRules() = default;
  // `old` is null for a new object. What was already so in `old` is not refused.
  virtual std::vector<FieldProblem> check(const Json* old, const Json& object, const FindObject& find) const = 0;
};

}  // namespace slipway
