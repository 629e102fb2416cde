#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "providers/transport/name_resolver.h"
#include "reconciler/base/status.h"
#include "reconciler/ports/command_runner.h"

// libssh's own types; its headers stay in the .cc files.
struct ssh_session_struct;
struct ssh_key_struct;

namespace slipway::transport {

struct SessionFree {
  void operator()(ssh_session_struct* session) const;
};
using Session = std::unique_ptr<ssh_session_struct, SessionFree>;

struct KeyFree {
  void operator()(ssh_key_struct* key) const;
};
using Key = std::unique_ptr<ssh_key_struct, KeyFree>;

// Unavailable when libssh does not work here, for example for want of the algorithms that we take.
Status checkLibrary();

// A new, unconnected session over `fd`, which it owns from then on, also on failure: modern algorithms only, no
// configuration files. `hostKeyAlgorithms`: the only ones that are taken.
Result<Session> newSession(int fd, const std::string& user, const std::string& hostKeyAlgorithms);

// "type base64" of the key the connected server proved to have.
Result<std::string> serverKey(ssh_session_struct* session);

// Ok when the server's key is one of the pinned; else Denied naming the fingerprints.
Status checkServerKey(ssh_session_struct* session, const RemoteTarget& target);

// Denied when the text is no key or the passphrase is wrong; nothing of either is in the message.
Result<Key> importKey(const RemoteTarget& target);

std::string lastError(ssh_session_struct* session);

// Begins to connect a non-blocking socket; -1 with errno on failure.
int openSocket(const SocketAddress& address);

}  // namespace slipway::transport
