#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/schema/crd.h"
#include "reconciler/schema/field_error.h"

namespace slipway::schema {

struct LintFinding {
  std::string file;
  std::size_t line = 0;  // counted from 1
  std::string field;     // "spec.source.git"; empty where the whole document is meant
  std::string message;   // "Required value", "unknown field \"spec.x\""
};

// What is wrong with the manifests in `text` (a YAML or JSON stream), by the engine that admits objects: malformed
// text, missing apiVersion, kind or name, kinds that are not among `crds` (nor Secret, ConfigMap, Namespace,
// CustomResourceDefinition or List of v1), unknown and duplicate fields, every validation error. Sorted by line.
// `rules`, where given, finds what else is wrong with an object of a known kind.
using ObjectRules = std::function<std::vector<FieldError>(const Json& object)>;
std::vector<LintFinding> lintManifests(std::string_view fileName, std::string_view text, const std::vector<Crd>& crds,
                                       const ObjectRules& rules = {});

}  // namespace slipway::schema
