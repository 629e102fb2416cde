#pragma once

#include <memory>

#include "reconciler/base/clock.h"
#include "reconciler/ports/http_client.h"
#include "reconciler/ports/metrics.h"

namespace slipway::transport {

// HTTP over a thread of its own. `clock` and `metrics` must outlive it. Destruction ends every open exchange with
// Cancelled and joins the thread.
std::unique_ptr<HttpClient> newHttpClient(Clock& clock, Metrics& metrics);

}  // namespace slipway::transport
