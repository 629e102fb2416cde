#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/status.h"
#include "reconciler/ports/command_runner.h"

namespace slipway::transport {

// "name (user@address:port)"
std::string describe(const RemoteTarget& target);

// The signature algorithms for the types of pinned keys, "ssh-rsa" meaning rsa-sha2 only. Empty when there is none.
std::string hostKeyAlgorithms(const std::vector<std::string>& pins);

// Why a server is not connected to, in the same words whatever carries the connection. All are Denied; nothing of a
// private key is in any of them.

// Ok when a pinned key is of a type that is taken.
Status checkPins(const RemoteTarget& target);
// `found`: type and fingerprint of the key that the server showed.
Status otherHostKey(const RemoteTarget& target, std::string_view found);
Status noHostKeyOfPinnedType(const RemoteTarget& target);
Status keyNotAccepted(const RemoteTarget& target);
Status keyUnusable(const RemoteTarget& target);

}  // namespace slipway::transport
