#pragma once

#include "reconciler/source/git_call.h"

struct git_transport;
struct git_remote;

namespace slipway::source {

// libgit2's smart protocol over libcurl: TLS 1.2 and 1.3, deadlines, byte caps, redirects only on the same server,
// credentials sent to it alone. For git_remote_callbacks.transport with a GitCall as payload, which must outlive the
// remote.
int newCurlGitTransport(git_transport** out, git_remote* owner, void* call);

}  // namespace slipway::source
