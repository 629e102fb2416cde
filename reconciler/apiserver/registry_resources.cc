#include "reconciler/apiserver/registry_resources.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "reconciler/api/kinds.h"
#include "reconciler/api/operation.h"
#include "reconciler/base/strings.h"

namespace slipway::apiserver {

std::vector<ResourcePtr> resourcesOf(const schema::Crd& crd) {
  std::vector<ResourcePtr> out;
  for (const schema::CrdVersion& version : crd.versions) {
    if (!version.served) {
      continue;
    }
    auto info = std::make_shared<ResourceInfo>();
    info->group = crd.group;
    info->version = version.name;
    info->plural = crd.plural;
    info->singular = crd.singular.empty() ? lowerAscii(crd.kind) : crd.singular;
    info->kind = crd.kind;
    info->listKind = crd.listKind.empty() ? crd.kind + "List" : crd.listKind;
    info->shortNames = crd.shortNames;
    info->categories = crd.categories;
    info->verbs = {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"};
    info->namespaced = crd.namespaced;
    info->hasStatus = version.hasStatus;
    info->hasScale = version.hasScale;
    info->specReplicasPath = version.specReplicasPath;
    info->statusReplicasPath = version.statusReplicasPath;
    info->schema = version.schema;
    info->columns = version.columns;
    info->selectableFields = version.selectableFields;
    if (crd.group == kReleaseRun.group && (crd.plural == kReleaseRun.plural || crd.plural == kOperation.plural)) {
      info->subresources = {{"log", "", {"get"}}};  // definitions have no word for it
    }
    out.push_back(std::move(info));
  }
  return out;
}

std::vector<ResourcePtr> inDiscoveryOrder(std::vector<ResourcePtr> resources) {
  std::stable_sort(resources.begin(), resources.end(), [](const ResourcePtr& a, const ResourcePtr& b) {
    return a->custom != b->custom ? !a->custom : a->custom && a->group < b->group;
  });
  std::map<std::string, std::string> owners;  // short name → qualified resource
  for (ResourcePtr& resource : resources) {
    const auto taken = [&](const std::string& name) {
      return owners.emplace(name, resource->qualified()).first->second != resource->qualified();
    };
    auto shown = std::make_shared<ResourceInfo>(*resource);
    if (std::erase_if(shown->shortNames, taken) > 0) {
      resource = std::move(shown);
    }
  }
  return resources;
}

const ResourceInfo& definitionResource() {
  static const ResourcePtr kDefinition = [] {
    for (const ResourcePtr& resource : builtinResources()) {
      if (resource->plural == "customresourcedefinitions") {
        return resource;
      }
    }
    return ResourcePtr(std::make_shared<ResourceInfo>());
  }();
  return *kDefinition;
}

namespace {

Json condition(const Json& definition, std::string_view type, std::string_view reason, std::string_view message,
               const std::string& now) {
  std::string since = now;
  if (const Json* known = definition.at({"status", "conditions"}); known != nullptr && known->isArray()) {
    for (const Json& one : known->asArray()) {
      if (one.getString("type") == type && one.getString("status") == "True") {
        since = one.getString("lastTransitionTime", now);
      }
    }
  }
  return Json::object(
      {{"type", type}, {"status", "True"}, {"lastTransitionTime", since}, {"reason", reason}, {"message", message}});
}

}  // namespace

void establish(Json& definition, const std::string& now) {
  Json* spec = definition.find("spec");
  if (spec == nullptr || spec->find("names") == nullptr || !spec->find("names")->isObject()) {
    return;
  }
  if (spec->find("conversion") == nullptr) {
    (*spec)["conversion"] = Json::object({{"strategy", "None"}});
  }
  Json* names = spec->find("names");
  if (names->getString("singular").empty()) {
    (*names)["singular"] = lowerAscii(names->getString("kind"));
  }
  if (names->getString("listKind").empty()) {
    (*names)["listKind"] = names->getString("kind") + "List";
  }
  Json stored = Json::array();
  if (const Json* versions = spec->find("versions"); versions != nullptr && versions->isArray()) {
    for (const Json& version : versions->asArray()) {
      if (version.getBool("storage")) {
        stored.push(version.getString("name"));
      }
    }
  }
  const Json accepted = *names;
  Json conditions = Json::array(
      {condition(definition, "NamesAccepted", "NoConflicts", "no conflicts found", now),
       condition(definition, "Established", "InitialNamesAccepted", "the initial names have been accepted", now)});
  definition["status"] = Json::object(
      {{"conditions", std::move(conditions)}, {"acceptedNames", accepted}, {"storedVersions", std::move(stored)}});
}

}  // namespace slipway::apiserver
