#include "reconciler/release/used_fences.h"

#include <algorithm>

#include "reconciler/ports/leases.h"

namespace slipway::release {

std::uint64_t usedFences(const ApiReader& reader, const ObjectKey& application, const std::string& exceptUid) {
  std::uint64_t known = 0;
  Result<ObjectList> runs = reader.list(kReleaseRun, application.ns);
  if (!runs) {
    return known;
  }
  for (const ObjectPtr& object : runs->items) {
    // Also those of an earlier Release of this name: the lease is the same.
    const Json* release = object->at({"spec", "releaseRef", "name"});
    const Json* uid = object->at({"metadata", "uid"});
    const Json* fence = object->at({"status", "fence"});
    if (release == nullptr || uid == nullptr || fence == nullptr || !fence->isInt() ||
        !(*release == Json(application.name)) || *uid == Json(exceptUid)) {
      continue;
    }
    const std::int64_t used = fence->asInt();
    if (used > 0 &&
        static_cast<std::uint64_t>(used) < kHighestFence) {  // anybody with the right to may have written it
      known = std::max(known, static_cast<std::uint64_t>(used));
    }
  }
  return known;
}

}  // namespace slipway::release
