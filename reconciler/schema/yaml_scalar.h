#pragma once

#include <string>
#include <string_view>

#include "reconciler/base/json.h"
#include "reconciler/base/status.h"

namespace slipway::schema {

// The value of a plain (unquoted) YAML scalar by the YAML 1.1 rules that Kubernetes' YAML reader follows. Invalid for
// .inf and .nan, which JSON cannot hold.
Result<Json> plainScalar(std::string_view text);

// Whether `text`, written plain, would read back as another value or not at all.
bool needsQuotes(std::string_view text);

}  // namespace slipway::schema
