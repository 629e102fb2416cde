#pragma once

#include <string_view>
#include <vector>

#include "reconciler/schema/lint.h"

namespace slipway::cli {

// What is allowed in a manifest but seldom meant. Never changes an exit code.
std::vector<schema::LintFinding> adviseOn(std::string_view fileName, std::string_view text);

}  // namespace slipway::cli
