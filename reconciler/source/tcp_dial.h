#pragma once

#include <string>

#include "reconciler/base/status.h"
#include "reconciler/source/file_io.h"
#include "reconciler/source/git_call.h"

namespace slipway::source {

// A connected, non-blocking socket to the call's server. Name look-up and connect end at the call's deadline or after
// the connect time, whichever is first, also with a name server that never answers.
Result<Fd> dialServer(const GitCall& call);

}  // namespace slipway::source
