#pragma once

#include <memory>

#include "reconciler/base/clock.h"
#include "reconciler/ports/analysis.h"
#include "reconciler/ports/http_client.h"

namespace slipway::analysis {

struct AnalystPorts {
  HttpClient& http;  // for URLs of users: only to where an administrator allows
  Provider& provider;
  Clock& clock;
};

// Measures by Prometheus, HTTP and commands. The ports outlive every measurement.
std::unique_ptr<Analyst> newAnalyst(const AnalystPorts& ports);

}  // namespace slipway::analysis
