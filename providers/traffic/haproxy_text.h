#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/ports/traffic.h"

namespace slipway::traffic {

// One `server` line of a backend.
struct HaProxyServer {
  BackendState state;                // writer: it is no backup
  std::vector<std::string> options;  // words after the address, without weight and backup
};

// A `backend` or `listen` section of a file of HAProxy.
struct HaProxySection {
  std::string before;
  std::string head;  // its first line
  std::string text;  // all of it
  std::string after;
  std::vector<std::string> lines;  // of the body, those of servers left out
  std::size_t serversAt = 0;       // where in `lines` the servers belong
  std::vector<HaProxyServer> servers;
  std::vector<std::string> defaults;  // words of its default-server lines
  Stickiness stickiness;              // that we have set; its line is in none of `lines`, its words in no `options`
  std::string otherCookie;            // a cookie line of a person's own
};

// The section of this name; nothing when the file has none.
std::optional<HaProxySection> findHaProxySection(std::string_view file, const std::string& name);

// The section with these servers in place of its own, and this cookie; everything else in it is kept. Those of a write
// backend: all but one are backups, weights are 0 or 1, and there is no cookie.
std::string withHaProxyServers(const HaProxySection& section, const std::vector<BackendState>& backends,
                               const Stickiness& stickiness, bool writeBackend);

// Options for a server that is new: what the others have, save what belongs to one server alone.
std::vector<std::string> commonOptions(const HaProxySection& section);

// One server as the running proxy has it.
struct RuntimeServer {
  std::string name;
  std::string address;
  int port = 0;
  int weight = 0;
  bool draining = false;
  bool maintenance = false;
  int sessions = 0;
  std::string health;
  std::string cookie;  // by which a visitor comes back
};

// From what `show servers state` and `show stat` answer. Invalid, with its words, when they are no such answers.
Result<std::vector<RuntimeServer>> parseRuntime(const std::string& state, const std::string& stat);

}  // namespace slipway::traffic
