#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cmd/slipwayd/log_sink.h"

namespace slipway::daemon {

enum class SshBackend { Auto, Libssh, OpenSsh, Sequential };

struct ServeOptions {
  std::string dataDir;
  std::string address = "127.0.0.1";
  std::uint16_t port = 6443;
  std::vector<std::string> names;  // further names in the server's certificate
  std::string kubeconfigOut;       // empty: <dataDir>/admin.kubeconfig
  std::string metricsAddress;      // plain HTTP for a scraper; empty: only over the API port
  std::uint16_t metricsPort = 0;
  std::vector<std::string> sourceRoots;    // directory sources must lie in one of them; none: anywhere
  std::vector<std::string> allowOutbound;  // ranges inside the network that URLs of users may lead to
  int workers = 4;
  SshBackend sshBackend = SshBackend::Auto;
  LogOptions log;
};

}  // namespace slipway::daemon
