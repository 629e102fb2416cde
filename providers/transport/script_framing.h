#pragma once

#include <string>
#include <string_view>

namespace slipway::transport {

// The exec request, always the same: reads a script from standard input and runs it. Understood by every login shell,
// /bin/sh being POSIX.
std::string_view hostCommand();

// A POSIX shell script, framed as hostCommand expects it, without its comments and indentation. Before it stands how it
// reads its arguments (providers/transport/host): functions `field` into F, `blob` and `say`, `newline`, a PATH, set
// -u.
std::string frameScript(std::string_view script);

// One argument as such scripts read them: a line "=text", or a line "#COUNT" and COUNT bytes. Any bytes but NUL.
std::string hostField(std::string_view value);

}  // namespace slipway::transport
