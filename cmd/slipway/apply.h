#pragma once

#include <string>
#include <vector>

#include "cmd/slipway/context.h"
#include "cmd/slipway/kind_names.h"
#include "cmd/slipway/manifests.h"

namespace slipway::cli {

// The change that makes `live` what `wanted` asks for, as an RFC 7386 merge patch: what `wanted` has, and null for what
// `last` (the manifest applied before) had and `wanted` has no more. An empty object: nothing to change.
Json threeWayPatch(const Json& last, const Json& wanted, const Json& live);

struct ApplyOptions {
  bool dryRun = false;  // the API server checks everything and stores nothing
};

// Creates or changes the objects in order and says of each what happened. What was applied before is kept in the
// annotation that kubectl keeps it in, so that both may be used in turn; Secrets get none. The first refusal ends it.
// Appends the keys of the Releases among them.
Status applyManifests(Context& context, std::vector<Manifest> manifests, const ApplyOptions& options,
                      std::vector<ObjectKey>& releases);

}  // namespace slipway::cli
