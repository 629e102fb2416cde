#pragma once

#include <vector>

#include "reconciler/apiserver/resource_info.h"

namespace slipway::apiserver {

// The kinds served without a definition: Namespace, Secret, ConfigMap, Event (core and events.k8s.io), Service,
// ServiceAccount, Lease, CustomResourceDefinition, and the review kinds (verb create only).
std::vector<ResourcePtr> builtinResources();

}  // namespace slipway::apiserver
