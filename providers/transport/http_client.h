#pragma once

#include <memory>

#include "providers/transport/outbound/address_rules.h"
#include "reconciler/base/clock.h"
#include "reconciler/ports/http_client.h"
#include "reconciler/ports/metrics.h"

namespace slipway::transport {

// HTTP over a thread of its own. `clock` and `metrics` must outlive it. Destruction ends every open exchange with
// Cancelled and joins the thread.
std::unique_ptr<HttpClient> newHttpClient(Clock& clock, Metrics& metrics);

// The same for URLs that users of the API wrote (metrics, hooks): only to where `rules` allow, checked on the address
// that is connected to; at most 64 KiB of an answer. Denied where they do not.
std::unique_ptr<HttpClient> newGuardedHttpClient(Clock& clock, Metrics& metrics,
                                                 std::shared_ptr<const OutboundRules> rules);

}  // namespace slipway::transport
