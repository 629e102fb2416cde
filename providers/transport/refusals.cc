#include "providers/transport/refusals.h"

#include <algorithm>

#include "providers/transport/host_keys.h"
#include "reconciler/base/strings.h"

namespace slipway::transport {

std::string describe(const RemoteTarget& target) {
  return cat(target.name, " (", target.user, "@", target.address, ":", target.port, ")");
}

std::string hostKeyAlgorithms(const std::vector<std::string>& pins) {
  std::vector<std::string> algorithms;
  for (const char* type : {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"}) {
    const bool pinned = std::any_of(pins.begin(), pins.end(),
                                    [&](const std::string& pin) { return trim(pin).starts_with(cat(type, " ")); });
    if (pinned) {
      algorithms.emplace_back(type);
    }
  }
  if (std::any_of(pins.begin(), pins.end(), [](const std::string& pin) { return trim(pin).starts_with("ssh-rsa "); })) {
    algorithms.emplace_back("rsa-sha2-512,rsa-sha2-256");
  }
  return join(algorithms, ",");
}

Status checkPins(const RemoteTarget& target) {
  if (!hostKeyAlgorithms(target.hostKeys).empty()) {
    return Status::ok();
  }
  return {Code::Denied, cat(describe(target), " has no pinned host key: run `slipway server enrol ", target.name,
                            "` and compare the fingerprint")};
}

Status otherHostKey(const RemoteTarget& target, std::string_view found) {
  std::vector<std::string> expected;
  for (const std::string& pin : target.hostKeys) {
    expected.push_back(fingerprint(pin));
  }
  return {Code::Denied,
          cat(describe(target), " has another host key than the pinned one: expected ", join(expected, " or "),
              ", found ", found, ". If the server was reinstalled, run `slipway server enrol ", target.name,
              "`; if not, someone may be in between")};
}

Status noHostKeyOfPinnedType(const RemoteTarget& target) {
  return {Code::Denied,
          cat(describe(target), " has no host key of the pinned type (", hostKeyAlgorithms(target.hostKeys),
              "): if it was reinstalled, run `slipway server enrol ", target.name, "`")};
}

Status keyNotAccepted(const RemoteTarget& target) {
  return {Code::Denied, cat(describe(target), " does not accept the private key: is its public half in ", target.user,
                            "'s authorized_keys?")};
}

Status keyUnusable(const RemoteTarget& target) {
  return {Code::Denied, cat("the private key for ", describe(target),
                            " cannot be used: it is no OpenSSH or PEM key, or its passphrase is missing or wrong")};
}

}  // namespace slipway::transport
