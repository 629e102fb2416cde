#include "reconciler/apiserver/registry_install.h"

#include "reconciler/base/strings.h"

namespace slipway::apiserver {

namespace {

WriteOptions asInstaller() {
  WriteOptions options;
  options.manager = "slipway-install";
  options.validation = FieldValidation::Ignore;
  return options;
}

Status ensureNamespace(Registry& registry, ObjectWriter& writer, const std::string& name) {
  const ResourcePtr resource = registry.resource("", "v1", "namespaces");
  if (registry.newest(*resource, {"", name}) != nullptr) {
    return {};
  }
  auto written =
      writer.create({resource, {}}, Json::object({{"metadata", Json::object({{"name", name}})}}), asInstaller());
  return written ? Status() : written.error().toStatus().withContext("creating namespace " + name);
}

Status ensureDefinition(Registry& registry, ObjectWriter& writer, const Json& definition) {
  const Json* metadata = definition.find("metadata");
  const std::string name = metadata == nullptr ? std::string() : metadata->getString("name");
  const ResourcePtr resource = registry.resource("apiextensions.k8s.io", "v1", "customresourcedefinitions");
  if (registry.newest(*resource, {"", name}) == nullptr) {
    auto created = writer.create({resource, {}}, definition, asInstaller());
    return created ? Status() : created.error().toStatus().withContext("installing definition " + name);
  }
  auto updated = writer.edit({resource, {"", name}}, asInstaller(), [&](const Json& live) {
    Json next = live;
    next["spec"] = *definition.find("spec");
    return ApiResult<ObjectWriter::Draft>({std::move(next), false});
  });
  return updated ? Status() : updated.error().toStatus().withContext("updating definition " + name);
}

}  // namespace

Status install(Registry& registry, ObjectWriter& writer, const std::vector<Json>& definitions) {
  const bool first = registry.published() == 0;
  for (const char* name : {"default", "kube-system"}) {
    SLIPWAY_RETURN_IF_ERROR(ensureNamespace(registry, writer, name));
  }
  for (const Json& definition : definitions) {
    if (!definition.isObject() || definition.find("spec") == nullptr) {
      return {Code::Invalid, "a definition to install has no spec"};
    }
    SLIPWAY_RETURN_IF_ERROR(ensureDefinition(registry, writer, definition));
  }
  return first ? registry.startHistory() : Status();
}

}  // namespace slipway::apiserver
