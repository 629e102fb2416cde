#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/status.h"

struct sockaddr;

namespace slipway::transport {

// An IP address as 16 bytes; IPv4, also where it is written inside an IPv6 address, as ::ffff:a.b.c.d.
using IpBytes = std::array<std::uint8_t, 16>;

struct IpRange {
  IpBytes base{};
  int bits = 128;  // of the 16 bytes
  bool contains(const IpBytes& address) const;
  bool contains(const IpRange& other) const;
};

// "10.0.0.0/8", "fd00::/8" or a single address. Invalid says what is wrong with the text.
Result<IpRange> parseIpRange(std::string_view text);

// The address in its plain form: IPv4 that is mapped, translated (64:ff9b::/96) or tunnelled (2002::/16) counts as the
// IPv4 address that the packets get to.
IpBytes plainAddress(const IpBytes& address);
IpBytes addressOf(const sockaddr& address);

// Where nothing of ours ever connects to: link-local addresses, where the metadata services of clouds are, multicast,
// broadcast, the unspecified address. REQUIRES: a plain address.
bool isNeverConnected(const IpBytes& address);

// To which addresses the URLs that users of the API write may lead: those of the public internet, and what the
// administrator allowed. Names are no rule: what counts is the address that is connected to. Thread-safe.
class OutboundRules {
 public:
  // `allowed`: ranges, besides the public ones; Invalid for one that can never be allowed.
  static Result<std::shared_ptr<OutboundRules>> create(const std::vector<std::string>& allowed);

  // A port of this machine that is never connected to, whatever is allowed: our own API.
  void protectPort(std::uint16_t port);

  // Why the address is not connected to, for people; empty: it may be. `address` is IPv4 or IPv6.
  std::string refusal(const sockaddr& address) const;

 private:
  std::vector<IpRange> allowed_;
  mutable std::mutex mutex_;
  std::set<std::uint16_t> ownPorts_;
};

}  // namespace slipway::transport
