#include "cmd/slipwayd/own_definitions.h"

#include "reconciler/schema/yaml.h"

#include "embedded/embedded_crds.h"

namespace slipway::daemon {

Result<std::vector<Json>> ownDefinitions() {
  std::vector<Json> out;
  for (const EmbeddedFile& file : embedded_crds()) {
    Result<std::vector<schema::YamlDocument>> documents = schema::parseYaml(file.content);
    if (!documents) {
      return documents.status().withContext(file.name);
    }
    for (schema::YamlDocument& document : *documents) {
      out.push_back(std::move(document.value));
    }
  }
  return out;
}

}  // namespace slipway::daemon
