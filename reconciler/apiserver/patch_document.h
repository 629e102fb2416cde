#pragma once

#include "reconciler/apiserver/rest_error.h"
#include "reconciler/base/json.h"

namespace slipway::apiserver {

// RFC 7386. Recursion is as deep as the patch, which the parser bounds.
Json applyMergePatch(Json target, const Json& patch);

// RFC 6902, atomically: on any failing operation the whole patch fails (422). At most 10,000 operations (413).
ApiResult<Json> applyJsonPatch(Json target, const Json& operations);

// Kubernetes' strategic merge for the built-in kinds: maps merge, null deletes; $patch: replace and delete,
// $retainKeys, $deleteFromPrimitiveList and $setElementOrder directives; finalizers merge as a set, ownerReferences by
// uid, conditions by type, other lists replace. 400 for a directive that makes no sense.
ApiResult<Json> applyStrategicMergePatch(Json target, const Json& patch);

}  // namespace slipway::apiserver
