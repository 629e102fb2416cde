#pragma once

#include <string>

#include "reconciler/base/strings.h"
#include "reconciler/schema/crd.h"
#include "reconciler/schema/yaml.h"

#include "embedded/embedded_crds.h"

namespace slipway {

// What admission says about a Release with these members of spec (JSON, without braces) beside those that every one
// has; "" when it takes it.
inline std::string refusalOfSpec(const std::string& members) {
  static const schema::Crd kReleases = [] {
    for (const EmbeddedFile& one : embedded_crds()) {
      if (one.name == "release.yaml") {
        return *schema::parseCrd(schema::parseYaml(one.content)->front().value);
      }
    }
    return schema::Crd{};
  }();
  Json object = *parseJson(cat(
      R"({"apiVersion":"slipway.dev/v1alpha1","kind":"Release","metadata":{"name":"shop"},"spec":{
          "source":{"directory":{"path":"/s"}},"destinations":[{"name":"web"}],"layout":{"root":"/r"},)",
      members, "}}"));
  const schema::StructuralSchema& schema = *kReleases.versions.front().schema;
  schema.applyDefaults(object);
  return schema::describe(schema.validate(object, nullptr));
}

}  // namespace slipway
