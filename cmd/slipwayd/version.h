#pragma once

namespace slipway::daemon {

inline constexpr const char* kVersionText = "0.1.0";

}  // namespace slipway::daemon
