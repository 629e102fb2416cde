#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::source {

enum class HostKeyVerdict { Known, Unknown, Changed, Revoked };

// The text of an OpenSSH known_hosts file: plain, hashed and wildcard names, [host]:port, @revoked. @cert-authority
// lines are passed over: certificates are not supported.
class KnownHosts {
 public:
  explicit KnownHosts(std::string_view text);
  bool empty() const { return lines_.empty(); }
  // `keyBlob` is the key in SSH wire format.
  HostKeyVerdict check(const std::string& host, std::uint16_t port, const std::string& keyBlob) const;
  // Algorithms of the keys listed for the host, so that the server is asked for one of these.
  std::vector<std::string> keyTypes(const std::string& host, std::uint16_t port) const;

 private:
  struct Line {
    bool revoked = false;
    std::string names;
    std::string type;
    std::string key;  // wire format
    bool matches(const std::string& name) const;
  };
  std::vector<Line> lines_;
};

}  // namespace slipway::source
