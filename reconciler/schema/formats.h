#pragma once

#include <string_view>

namespace slipway::schema {

// Whether `text` has the form of the named OpenAPI format. Formats that Kubernetes does not know are not looked at.
bool matchesFormat(std::string_view format, std::string_view text);

}  // namespace slipway::schema
