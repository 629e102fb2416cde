#pragma once

#include <functional>

#include "cmd/slipwayd/serve_options.h"
#include "reconciler/base/status.h"

namespace slipway::daemon {

// Serves until `wait` returns (a signal came), then stops in reverse order of construction. Prints one line on standard
// output when it is ready: "slipwayd ready https://ADDR:PORT kubeconfig FILE".
Status serve(const ServeOptions& options, const std::function<void()>& wait);

}  // namespace slipway::daemon
