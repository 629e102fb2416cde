#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "reconciler/apiserver/forms/http_message.h"
#include "reconciler/apiserver/forms/resource_info.h"

namespace slipway::apiserver {

class OpenApiCache;

// Every resource served at one moment. Immutable once shared; a changed definition makes a new table.
struct ResourceTable {
  std::vector<ResourcePtr> resources;
  // Documents built from this table so far; without one they are built for each request.
  std::shared_ptr<OpenApiCache> openApi;
};

// A table ready to be shared, with its cache.
std::shared_ptr<const ResourceTable> newResourceTable(std::vector<ResourcePtr> resources);

// Answers GET and HEAD of /api, /apis, /apis/G, /api/v1 and /apis/G/V, in the plain or the aggregated form that Accept
// asks for. nullopt: not a discovery path of this table. Thread-safe, never blocks.
std::optional<HttpResponse> serveDiscovery(const ResourceTable& table, const HttpRequest& request);

}  // namespace slipway::apiserver
