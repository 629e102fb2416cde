#pragma once

#include <string>
#include <vector>

#include "reconciler/api/kinds.h"
#include "reconciler/apiserver/rest_error.h"
#include "reconciler/base/json.h"
#include "reconciler/schema/field_error.h"

namespace slipway::apiserver {

// What holds for every object whatever its schema says: identity, metadata, and the rules of the built-in kinds. Pure.

// Whether a body may be written at this URL: apiVersion and kind, well-typed metadata, name and namespace. Fills in the
// namespace and drops what is empty. An empty `name` is not compared (create).
ApiCheck admitIdentity(const ResourceInfo& resource, const ObjectKey& url, Json& object);

// Members of metadata that do not exist ("metadata.bogus"). Removes them.
std::vector<std::string> dropUnknownMetadata(Json& object);

// A built-in kind takes null for any field and means that it is not there.
void dropNulls(Json& object);

// owner references given twice are merged; the text of a warning, or empty.
std::string mergeOwnerReferences(Json& object);

// Fills in and converts what the kind's own strategy asks for; `old` is null for create. 400 where a value cannot be
// decoded.
ApiCheck applyStrategy(const ResourceInfo& resource, const Json* old, Json& object);

std::vector<schema::FieldError> validateMetadata(const ResourceInfo& resource, const Json* old, const Json& object);
// The rules of built-in kinds.
std::vector<schema::FieldError> validateKind(const ResourceInfo& resource, const Json* old, const Json& object);

}  // namespace slipway::apiserver
