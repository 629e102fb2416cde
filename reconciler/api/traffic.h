#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/api/json_fields.h"
#include "reconciler/base/clock.h"
#include "reconciler/base/json.h"

namespace slipway {

enum class ProxyType { Nginx, HaProxy, Caddy, Traefik };
// "nginx", "haproxy", "caddy", "traefik": as in spec.traffic.type.
std::string_view proxyName(ProxyType type);

// A cookie of the proxy's, by which a visitor stays with the instance that answered first.
struct Stickiness {
  std::string cookie;  // its name; empty: there is none
  Duration maxAge{0};  // 0: as long as the browser is open
  bool operator==(const Stickiness&) const = default;
};

// The proxy in front of a release: which program, on which machines, and what in it belongs to the release.
struct TrafficSpec {
  ProxyType type = ProxyType::Nginx;
  std::vector<std::string> servers;  // Servers that the proxy runs on; empty: on every server of the release itself
  std::string service;       // upstream (nginx), backend (haproxy), @id of the handler (caddy), service (traefik)
  std::string writeService;  // haproxy: a second backend, `balance first` with all but one as backups
  int port = 0;              // of the application on each server, where its instances have none of their own; 0: none
  std::string file;          // empty: as in filePath()
  std::string admin;         // empty: as in adminAddress()
  std::string pidFile;       // nginx: of its master process; empty: as in pidFilePath()
  std::string test;          // nginx, haproxy: command that checks the files; empty: as in testCommand()
  std::string reload;        // nginx, haproxy: command that makes it read them; empty: as in reloadCommand()
  Duration timeout = std::chrono::seconds(30);       // for one change until the proxy is seen to have it
  Duration drainTimeout = std::chrono::seconds(30);  // for the requests of a backend that is drained

  // Where the proxy's configuration lies on its machine. Empty: none is kept (caddy).
  std::string filePath() const;
  // A Unix socket's path, or HOST:PORT, as seen from the proxy's machine. Empty: none is used (nginx).
  std::string adminAddress() const;
  std::string pidFilePath() const { return pidFile.empty() ? "/run/nginx.pid" : pidFile; }
  std::string testCommand() const;
  std::string reloadCommand() const;
  // Whether the proxy stands on each server of the release, before its own instances only.
  bool onEachServer() const { return servers.empty(); }
  bool operator==(const TrafficSpec&) const = default;
};

// One instance of the application that a proxy sends requests to. Its name is one of its kind in the service.
struct TrafficBackend {
  std::string name;     // "web1", "web1-blue": letters, digits, '.', '_', '-', at most 128
  std::string address;  // IP address, or host name where the proxy resolves names
  int port = 0;
  bool operator==(const TrafficBackend&) const = default;
};

inline constexpr int kMaxBackendWeight = 256;

// A version's part of the traffic and the number of backends that share it.
struct TrafficShare {
  int percent = 0;  // 0..100
  std::size_t backends = 0;
};

// The weight of each backend of each share, 0..kMaxBackendWeight, so that the shares are as asked for to within half a
// point where that can be written with such weights. 0 percent gives 0, more gives at least 1. The same percentages and
// counts give the same weights. REQUIRES: a share with percent > 0 has backends.
std::vector<int> backendWeights(const std::vector<TrafficShare>& shares);

void readTraffic(const Json& json, TrafficSpec& out, FieldReader& parent);
Json toJson(const TrafficSpec& traffic);

}  // namespace slipway
