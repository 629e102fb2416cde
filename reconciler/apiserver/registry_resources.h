#pragma once

#include <vector>

#include "reconciler/apiserver/forms/builtin_resources.h"
#include "reconciler/apiserver/forms/resource_info.h"
#include "reconciler/schema/crd.h"

namespace slipway::apiserver {

// The resources a definition declares: one for each served version.
std::vector<ResourcePtr> resourcesOf(const schema::Crd& crd);

// Built-in groups first, as given, then the others by name: clients look names up in this order. A short name that two
// resources claim stays with the first, so that nobody has to guess which one is meant.
std::vector<ResourcePtr> inDiscoveryOrder(std::vector<ResourcePtr> resources);

// customresourcedefinitions itself.
const ResourceInfo& definitionResource();

// What the server fills into a definition before it is stored: default names, acceptedNames, storedVersions, and the
// conditions NamesAccepted and Established. `now` is the transition time of conditions that `definition` does not have.
void establish(Json& definition, const std::string& now);

}  // namespace slipway::apiserver
