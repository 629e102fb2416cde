#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "reconciler/api/release.h"
#include "reconciler/ports/http_client.h"
#include "reconciler/ports/metrics.h"

namespace slipway::release {

// One attempt of the checks that are made from the controller (http, tcp) against one server. Calls `done` once, on any
// thread; ok when all that are set passed. The message says which check failed and what was found.
// Each check is counted.
void checkHealth(HttpClient& http, Metrics& metrics, const Health& health, const std::string& address,
                 std::function<void(Status)> done);

// The request of health.http to one server. REQUIRES: it is set
HttpClientRequest healthRequest(const Health& health, const std::string& address);

// The counter of checks, with their `type` and `result`.
inline constexpr std::string_view kHealthChecks = "slipway_health_checks_total";

}  // namespace slipway::release
