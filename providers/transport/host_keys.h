#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/clock.h"
#include "reconciler/base/status.h"

namespace slipway::transport {

// The host keys a server shows, one line "ssh-ed25519 AAAA…" for each type it has, strongest first. Authenticates
// neither side: a person compares the fingerprints. Blocks up to `timeout`. Errors: Unavailable, Timeout.
Result<std::vector<std::string>> scanHostKeys(const std::string& address, std::uint16_t port, Duration timeout);

// "SHA256:…" as OpenSSH prints it, of a "type base64" line; empty when it is not one.
std::string fingerprint(std::string_view hostKeyLine);

}  // namespace slipway::transport
