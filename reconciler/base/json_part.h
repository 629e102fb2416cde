#pragma once

#include <string_view>

#include "reconciler/base/json.h"

namespace slipway {

// parseJson() of what is known to be well-formed, without the members of this name, wherever they are: for those who
// want little of many values.
Result<Json> parseJsonWithout(std::string_view text, std::string_view member);

}  // namespace slipway
