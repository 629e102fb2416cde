#pragma once

#include <vector>

#include "reconciler/apiserver/registry.h"
#include "reconciler/schema/field_error.h"

namespace slipway::apiserver {

// What the registry's AdmissionRules find wrong with an object that its schema allows; `old` is null for create.
std::vector<schema::FieldError> checkKindRules(Registry& registry, const ResourceInfo& resource, const Json* old,
                                               const Json& object);

}  // namespace slipway::apiserver
