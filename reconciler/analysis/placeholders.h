#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/status.h"

namespace slipway::analysis {

// What every template may name besides its own arguments.
const std::vector<std::string>& builtInArgs();

// The names in {{args.NAME}}, in order. Other braces are left alone. Invalid: one that is begun and not well-formed.
Result<std::vector<std::string>> placeholdersIn(std::string_view text);

// The text with the arguments put in as they are; an argument that is not there becomes nothing.
std::string fillIn(std::string_view text, const std::map<std::string, std::string>& args);

}  // namespace slipway::analysis
