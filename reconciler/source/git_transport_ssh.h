#pragma once

#include "reconciler/source/git_call.h"

struct git_transport;
struct git_remote;

namespace slipway::source {

// libgit2's smart protocol over libssh: pinned host keys only, every key type, deadlines. For
// git_remote_callbacks.transport with a GitCall as payload, which must outlive the remote.
int newSshGitTransport(git_transport** out, git_remote* owner, void* call);

}  // namespace slipway::source
