#pragma once

#include <vector>

#include "reconciler/apiserver/forms/builtin_types.h"
#include "reconciler/apiserver/forms/resource_info.h"
#include "reconciler/base/json.h"
#include "reconciler/schema/structural_schema.h"

namespace slipway::apiserver {

// The kinds served without a definition: Namespace, Secret, ConfigMap, Event, Service, ServiceAccount, Lease,
// CustomResourceDefinition, and the review kinds (verb create only). Not group events.k8s.io: event recorders that do
// not find it write core events, which is where people look.
std::vector<ResourcePtr> builtinResources();

// The type as an OpenAPI v3 schema without references. Where types nest in themselves the inner one is left open.
// Members named metadata, apiVersion and kind are left out: the API server knows them.
Json schemaOf(const BuiltinType& type);

// The schema of metadata, for OpenAPI and for merging.
Json objectMetaSource();
const schema::StructuralSchema& objectMetaSchema();

}  // namespace slipway::apiserver
