#pragma once

#include <string>

#include "reconciler/api/operation.h"

namespace slipway::cli {

// What an Operation that has ended saw or did, by its action. Pure.
std::string operationText(const Operation& operation, WallTime now);

// "1.5 GiB".
std::string sizeText(std::int64_t bytes);

}  // namespace slipway::cli
