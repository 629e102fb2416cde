#pragma once

#include <string_view>

#include "reconciler/base/status.h"
#include "reconciler/schema/yaml.h"

namespace slipway::schema {

enum class JsonTextEnd { Ok, Malformed, TooLarge };

// Reads one JSON document, tabs and all, noting where its fields stand. `text` is valid UTF-8. `out` may be half filled
// unless Ok is returned; `wrong` then says what and where. TooLarge: a bound of `options` ended it.
JsonTextEnd readJsonText(std::string_view text, std::size_t firstLine, const YamlOptions& options, YamlDocument& out,
                         std::string& wrong);

}  // namespace slipway::schema
