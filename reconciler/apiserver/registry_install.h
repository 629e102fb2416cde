#pragma once

#include <vector>

#include "reconciler/apiserver/object_writer.h"
#include "reconciler/apiserver/registry.h"
#include "reconciler/base/json.h"

namespace slipway::apiserver {

// Brings what the server cannot be without into the registry: namespaces default and kube-system, and the given
// CustomResourceDefinitions (Slipway's own), created or brought to this version's schema. Idempotent; at every start,
// before anything is served. Invalid, naming the definition, when one is not accepted.
Status install(Registry& registry, ObjectWriter& writer, const std::vector<Json>& definitions);

}  // namespace slipway::apiserver
