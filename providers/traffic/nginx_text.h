#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/ports/traffic.h"

namespace slipway::traffic {

// One `server` directive of an upstream, with what else stands in it.
struct NginxServer {
  BackendState state;
  std::string options;  // parameters other than weight and down: "backup max_fails=2"
};

// An upstream in a file of nginx: what is before it, its body cut at its servers, what is after it.
struct NginxUpstream {
  std::string before;
  std::string block;  // "upstream shop {...}"
  std::string after;
  std::vector<std::string> rest;  // text of the body around the servers: one more than there are servers
  std::vector<NginxServer> servers;
};

// The upstream of this name; nothing when the file has none. Invalid when the file cannot be read as nginx would.
Result<std::optional<NginxUpstream>> findNginxUpstream(std::string_view file, const std::string& name);

// The block with these servers in place of its own; everything else in it is kept. `backends` in order of name.
std::string withNginxServers(const NginxUpstream& upstream, const std::string& name,
                             const std::vector<BackendState>& backends);

}  // namespace slipway::traffic
