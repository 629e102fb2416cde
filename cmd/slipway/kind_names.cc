#include "cmd/slipway/kind_names.h"

#include "reconciler/api/operation.h"
#include "reconciler/base/strings.h"

namespace slipway::cli {
namespace {

struct Known {
  KindInfo info;
  std::vector<std::string> names;  // besides kind and plural
};

KindInfo infoOf(const Kind& kind) {
  return {std::string(kind.group), std::string(kind.version), std::string(kind.kind), std::string(kind.plural),
          kind.namespaced};
}

const std::vector<Known>& knownKinds() {
  static const std::vector<Known> kKnown = {
      {infoOf(kRelease), {"rel"}},
      {infoOf(kDestination), {"dest"}},
      {infoOf(kServer), {"srv"}},
      {infoOf(kReleaseRun), {"run", "runs"}},
      {infoOf(kAnalysisTemplate), {"at"}},
      {infoOf(kOperation), {"op"}},
      {infoOf(kNamespace), {"ns"}},
      {infoOf(kSecret), {}},
      {infoOf(kConfigMap), {"cm"}},
      {infoOf(kEvent), {"ev"}},
      {infoOf(kLease), {}},
      {{"apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", false},
       {"crd", "crds"}}};
  return kKnown;
}

bool answersTo(const KindInfo& info, const std::vector<std::string>& names, const std::string& name) {
  const std::string suffix = "." + info.group;
  const std::string bare =
      !info.group.empty() && name.ends_with(suffix) ? name.substr(0, name.size() - suffix.size()) : name;
  if (bare == info.plural || bare == lowerAscii(info.kind)) {
    return true;
  }
  for (const std::string& other : names) {
    if (other == bare) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::string KindInfo::display() const { return lowerAscii(kind) + (group.empty() ? "" : "." + group); }

Result<const KindInfo*> KindNames::discover(const std::string& apiVersion, const std::string& kindOrName) {
  auto api = context_.client();
  if (!api) {
    return api.status();
  }
  const std::size_t slash = apiVersion.find('/');
  auto list = (*api)->call({.path = (slash == std::string::npos ? "/api/" : "/apis/") + apiVersion});
  if (!list) {
    return list.status();
  }
  const Json* resources = list->find("resources");
  if (resources == nullptr || !resources->isArray()) {
    return Status(Code::NotFound, cat(apiVersion, " has no resources"));
  }
  for (const Json& resource : resources->asArray()) {
    KindInfo info{slash == std::string::npos ? "" : apiVersion.substr(0, slash),
                  slash == std::string::npos ? apiVersion : apiVersion.substr(slash + 1), resource.getString("kind"),
                  resource.getString("name"), resource.getBool("namespaced")};
    std::vector<std::string> names{resource.getString("singularName")};
    if (const Json* shortNames = resource.find("shortNames"); shortNames != nullptr && shortNames->isArray()) {
      for (const Json& name : shortNames->asArray()) {
        names.push_back(name.isString() ? name.asString() : "");
      }
    }
    const bool whole = info.plural.find('/') == std::string::npos;
    if (whole && (info.kind == kindOrName || answersTo(info, names, kindOrName))) {
      found_.push_back(std::move(info));
      return &found_.back();
    }
  }
  return Status(Code::NotFound, cat("the API server has no ", kindOrName, " in ", apiVersion));
}

Result<const KindInfo*> KindNames::byKind(const std::string& apiVersion, const std::string& kind) {
  for (const Known& known : knownKinds()) {
    if (known.info.kind == kind && known.info.view().apiVersion() == apiVersion) {
      return &known.info;
    }
  }
  return discover(apiVersion, kind);
}

Result<const KindInfo*> KindNames::byName(const std::string& given) {
  const std::string name = lowerAscii(given);
  for (const Known& known : knownKinds()) {
    if (answersTo(known.info, known.names, name)) {
      return &known.info;
    }
  }
  auto api = context_.client();
  if (!api) {
    return api.status();
  }
  auto groups = (*api)->call({.path = "/apis"});
  const Json* list = groups ? groups->find("groups") : nullptr;
  if (list != nullptr && list->isArray()) {
    for (const Json& group : list->asArray()) {
      const Json* version = group.at({"preferredVersion", "groupVersion"});
      if (version != nullptr && version->isString()) {
        if (auto found = discover(version->asString(), name)) {
          return found;
        }
      }
    }
  }
  return Status(Code::Invalid, cat("there is no resource type \"", given,
                                   "\"; Slipway's own are release, destination, server and releaserun"));
}

void splitSlash(std::string& kind, std::string& name) {
  if (const std::size_t slash = kind.find('/'); slash != std::string::npos && name.empty()) {
    name = kind.substr(slash + 1);
    kind.resize(slash);
  }
}

}  // namespace slipway::cli
