#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/apiserver/forms/resource_info.h"
#include "reconciler/base/clock.h"
#include "reconciler/base/json.h"
#include "reconciler/schema/field_error.h"

namespace slipway::apiserver {

// A write whose field ownership is tracked.
struct ManagedWrite {
  const ResourceInfo& resource;
  std::string manager;
  std::string subresource;  // "", "status" or "scale"
  std::string ns;           // of the URL
  std::string name;         // of the URL
  WallTime now;
};

// Why an apply was refused: the parts of a Status.
struct ApplyFailure {
  int code = 0;
  std::string reason;  // empty: none
  std::string message;
  std::vector<schema::FieldError> causes;
};

struct ApplyResult {
  // The merged object with its metadata.managedFields, before defaulting and validation; null on failure.
  Json object;
  std::optional<ApplyFailure> failure;
};

// ?fieldManager, else the User-Agent up to its first "/", else "unknown"; at most 128 bytes of printable text.
std::string fieldManager(std::string_view parameter, std::string_view userAgent);

// Server-side apply of `config` (a whole body) onto `live` (nullptr: create). Pure. Checks what the body must and must
// not have: apiVersion, kind, metadata.name, no managedFields, only declared fields, uid and resourceVersion.
ApplyResult applyConfiguration(const ManagedWrite& write, const Json* live, const Json& config, bool force);

// Sets `object`'s metadata.managedFields after a create (live is nullptr), PUT or any other patch than apply. `object`
// is what will be stored, defaults and all, and may carry managedFields of the client's: `[{}]` and `[]` clear, a valid
// list replaces, anything else is ignored.
void trackUpdate(const ManagedWrite& write, const Json* live, Json& object);

// Equal but for the times in metadata.managedFields and metadata.resourceVersion: then a write is none.
bool equalIgnoringTimes(const Json& a, const Json& b);

}  // namespace slipway::apiserver
