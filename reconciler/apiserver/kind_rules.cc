#include "reconciler/apiserver/kind_rules.h"

namespace slipway::apiserver {

std::vector<schema::FieldError> checkKindRules(Registry& registry, const ResourceInfo& resource, const Json* old,
                                               const Json& object) {
  std::vector<schema::FieldError> out;
  if (registry.ports().rules == nullptr || !resource.custom) {
    return out;
  }
  const FindObject find = [&](const Kind& kind, const ObjectKey& key) -> std::optional<Json> {
    const ResourcePtr other =
        registry.resource(std::string(kind.group), std::string(kind.version), std::string(kind.plural));
    const StoredPtr found = other == nullptr ? nullptr : registry.newest(*other, key);
    return found == nullptr ? std::nullopt : std::optional(found->parse());
  };
  for (FieldProblem& problem : registry.ports().rules->check(old, object, find)) {
    out.push_back({std::move(problem.reason), std::move(problem.field), std::move(problem.message)});
  }
  return out;
}

}  // namespace slipway::apiserver
