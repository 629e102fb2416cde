#pragma once

#include <optional>

#include "reconciler/apiserver/forms/discovery.h"
#include "reconciler/apiserver/forms/http_message.h"

namespace slipway::apiserver {

// Answers GET of /openapi/v2, /openapi/v3 and /openapi/v3/{api/v1,apis/G/V}; 404 for a group version the table lacks,
// 406 for an Accept without JSON, 301 for a stale hash. nullopt: not an OpenAPI path. Thread-safe.
std::optional<HttpResponse> serveOpenApi(const ResourceTable& table, const HttpRequest& request);

std::shared_ptr<OpenApiCache> newOpenApiCache();

}  // namespace slipway::apiserver
