#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/clock.h"
#include "reconciler/base/status.h"

namespace slipway::apiserver {

// The server's own certificate authority and what it has signed; all in PEM. Not printable: it holds private keys.
struct Pki {
  std::string caCertificate;
  std::string serverCertificate;
  std::string serverKey;
  std::string adminCertificate;  // common name slipway-admin, organisation system:masters
  std::string adminKey;
};

// Reads <dataDir>/pki, making on first start a CA (EC P-256, 10 years), a server certificate and an administrator's
// client certificate (1 year each). The latter two are made anew when they have less than 30 days left, do not belong
// to the CA or, for the server's, do not name exactly localhost, 127.0.0.1, ::1, this machine and `names` (host names
// or addresses). Keys have mode 0600 in a directory of mode 0700. Invalid, naming the file, when one cannot be read:
// nothing is replaced then, because clients trust the old CA. Blocks on the disk.
Result<Pki> ensurePki(const std::string& dataDir, const std::vector<std::string>& names, const Clock& clock);

// A kubeconfig with everything embedded. `serverUrl` is "https://127.0.0.1:6443".
std::string adminKubeconfig(const Pki& pki, std::string_view serverUrl);

// Replaces the file atomically and durably, mode 0600. Unavailable with the path and reason.
Status writePrivateFile(const std::string& path, std::string_view content);

}  // namespace slipway::apiserver
