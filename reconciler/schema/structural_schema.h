#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/json.h"
#include "reconciler/base/status.h"
#include "reconciler/schema/field_error.h"

namespace slipway::schema {

// How a list or map merges: x-kubernetes-list-type, x-kubernetes-map-type.
enum class ListType { Atomic, Set, Map };

// A compiled Kubernetes structural schema (openAPIV3Schema of a CustomResourceDefinition). Immutable, thread-safe,
// shared. User-given patterns run on RE2; CEL rules (x-kubernetes-validations) carry a cost budget.
//
// apiVersion, kind and metadata at the root (and in embedded resources) are known without being declared: the API
// server validates metadata itself.
class StructuralSchema {
 public:
  // Invalid with the path inside the schema when it is not structural, a pattern does not compile, or a rule does not
  // type-check.
  static Result<std::shared_ptr<const StructuralSchema>> compile(const Json& openApiSchema);

  virtual ~StructuralSchema() = default;

  // The next three take in `known`, where not null, an object in which they found nothing to remove, to fill in or to
  // refuse before. What it shares in memory with `object` at the same place is not looked at again.

  // The paths of fields the schema does not declare ("spec.bogus"), in document order. Removes them when `prune`.
  virtual std::vector<std::string> unknownFields(Json& object, bool prune, const Json* known) const = 0;
  std::vector<std::string> unknownFields(Json& object, bool prune) const {
    return unknownFields(object, prune, nullptr);
  }

  // Fills in defaults, also for null in non-nullable fields that have one; other nulls of non-nullable, non-required
  // fields are dropped. Idempotent.
  virtual void applyDefaults(Json& object, const Json* known) const = 0;
  void applyDefaults(Json& object) const { applyDefaults(object, nullptr); }

  // Type, bounds, enums, formats, patterns, required, list-set and list-map uniqueness, CEL rules (transition rules
  // only when `old` is given). Errors in the order of the document; CEL rules run only when all else is valid.
  virtual std::vector<FieldError> validate(const Json& object, const Json* old, const Json* known) const = 0;
  std::vector<FieldError> validate(const Json& object, const Json* old) const { return validate(object, old, nullptr); }

  // The schema as it was written, for OpenAPI documents.
  virtual const Json& source() const = 0;

  // Navigation for server-side apply and `explain`-like readers. nullptr where nothing is declared.
  virtual const StructuralSchema* property(std::string_view name) const = 0;
  virtual const StructuralSchema* items() const = 0;
  virtual const StructuralSchema* additionalProperties() const = 0;
  virtual ListType listType() const = 0;
  virtual const std::vector<std::string>& listMapKeys() const = 0;
  virtual bool atomicMap() const = 0;  // x-kubernetes-map-type: atomic
  virtual bool preservesUnknownFields() const = 0;
  virtual const Json* defaultValue() const = 0;  // nullptr when there is none
};

// StructuralSchema::compile that adds every finding to `errors`, with `path` in front of its place in the schema.
Result<std::shared_ptr<const StructuralSchema>> compileSchema(const Json& openApiSchema, const std::string& path,
                                                              std::vector<FieldError>& errors);

}  // namespace slipway::schema
