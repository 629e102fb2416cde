#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "reconciler/base/status.h"

namespace slipway::client {

// How to reach one API server, and as whom. Not printable: it holds a private key or token.
struct ClientConfig {
  bool tls = true;
  std::string host;
  std::uint16_t port = 443;
  std::string basePath;       // of the server's URL, without a slash at the end
  std::string serverName;     // to verify instead of host; empty: host
  std::string caCertificate;  // PEM; empty: the system's
  std::string certificate;    // PEM
  std::string key;            // PEM
  std::string token;
  bool insecureSkipVerify = false;
  std::string ns = "default";  // the context's namespace
  std::string userAgent = "slipway/0.1.0";
  std::string source;  // file and context, for messages
};

struct KubeconfigOptions {
  std::string path;            // --kubeconfig: only this file
  std::string environment;     // the value of KUBECONFIG: files separated by colons; missing ones are skipped
  std::string home;            // for ~/.kube/config when neither is given
  std::string context;         // empty: the current one
  std::string ns;              // replaces the context's namespace
  bool allowInsecure = false;  // accept insecure-skip-tls-verify
};

// Reads and merges kubeconfig files as kubectl does: the first file that names a cluster, user or context counts.
// NotFound when there is no file; Invalid with file and field otherwise. Exec and auth-provider plug-ins, passwords and
// proxies are refused.
Result<ClientConfig> loadKubeconfig(const KubeconfigOptions& options);

// Fills host, port, tls and base path. Invalid when it is not an http or https URL.
Status parseServerUrl(const std::string& url, ClientConfig& config);

}  // namespace slipway::client
