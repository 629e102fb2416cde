#include "reconciler/schema/field_error.h"

#include "reconciler/base/strings.h"

namespace slipway::schema {

std::string describe(const std::vector<FieldError>& errors) {
  std::vector<std::string> texts;
  texts.reserve(errors.size());
  for (const FieldError& error : errors) {
    texts.push_back(cat(error.field.empty() ? "<nil>" : error.field, ": ", error.message));
  }
  return texts.size() > 1 ? cat("[", join(texts, ", "), "]") : join(texts, ", ");
}

}  // namespace slipway::schema
