#pragma once

#include <string>
#include <vector>

#include "reconciler/api/destination.h"
#include "reconciler/api/run.h"
#include "reconciler/ports/command_runner.h"
#include "reconciler/ports/objects.h"

namespace slipway::release {

// The frozen set of a run: the servers of every destination of the spec, narrowed as it asks, each once. Errors:
// NotFound (destination_not_found: no such Destination), Invalid (unknown server, nothing selected, a server in two
// destinations, in two groups of the strategy or in none).
Result<std::vector<RunTarget>> freezeTargets(const ApiReader& reader, const std::string& ns, const ReleaseSpec& spec);

// Where and how to reach a server: its object and the Secret with its key. NotFound when the Server is gone or is
// another one of the same name (`uid` differs); Denied when the key is missing: the message names Server and Secret.
Result<RemoteTarget> resolveAccess(const ApiReader& reader, const std::string& ns, const std::string& server,
                                   const std::string& uid);

// The Secret a source names; empty credentials when it names none.
Result<SourceCredentials> resolveCredentials(const ApiReader& reader, const std::string& ns, const SourceSpec& source);

}  // namespace slipway::release
