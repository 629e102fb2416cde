#include "providers/transport/outbound/address_rules.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "reconciler/base/strings.h"

namespace slipway::transport {
namespace {

constexpr int kMappedBits = 96;  // before the four bytes of an IPv4 address

struct NamedRange {
  std::string_view text;
  std::string_view what;
};

// Never, also where a range that is allowed has them.
constexpr std::array<NamedRange, 7> kNever{{{"0.0.0.0/8", "unspecified"},
                                            {"169.254.0.0/16", "link-local"},
                                            {"224.0.0.0/3", "multicast, reserved or broadcast"},
                                            {"::/128", "unspecified"},
                                            {"fe80::/10", "link-local"},
                                            {"ff00::/8", "multicast"},
                                            {"fd00:ec2::254/128", "metadata"}}};

// Only where the administrator says so.
constexpr std::array<NamedRange, 18> kInside{{{"127.0.0.0/8", "loopback"},
                                              {"::1/128", "loopback"},
                                              {"10.0.0.0/8", "private"},
                                              {"172.16.0.0/12", "private"},
                                              {"192.168.0.0/16", "private"},
                                              {"100.64.0.0/10", "shared, of a carrier"},
                                              {"192.0.0.0/24", "reserved"},
                                              {"192.0.2.0/24", "reserved"},
                                              {"192.88.99.0/24", "reserved"},
                                              {"198.18.0.0/15", "reserved"},
                                              {"198.51.100.0/24", "reserved"},
                                              {"203.0.113.0/24", "reserved"},
                                              {"fc00::/7", "private"},
                                              {"fec0::/10", "private"},
                                              {"100::/64", "reserved"},
                                              {"2001::/32", "tunnelled"},
                                              {"2001:db8::/32", "reserved"},
                                              {"64:ff9b:1::/48", "translated"}}};

template <std::size_t N>
std::vector<std::pair<IpRange, std::string>> rangesOf(const std::array<NamedRange, N>& named) {
  std::vector<std::pair<IpRange, std::string>> out;
  for (const NamedRange& one : named) {
    out.emplace_back(*parseIpRange(one.text), one.what);
  }
  return out;
}

const std::string* nameIn(const std::vector<std::pair<IpRange, std::string>>& ranges, const IpBytes& address) {
  for (const auto& [range, name] : ranges) {
    if (range.contains(address)) {
      return &name;
    }
  }
  return nullptr;
}

const std::string* neverName(const IpBytes& address) {
  static const auto kRanges = rangesOf(kNever);
  return nameIn(kRanges, address);
}

const std::string* insideName(const IpBytes& address) {
  static const auto kRanges = rangesOf(kInside);
  return nameIn(kRanges, address);
}

IpBytes mapped(const std::uint8_t* four) {
  IpBytes out{};
  out[10] = out[11] = 0xFF;
  std::copy_n(four, 4, out.begin() + 12);
  return out;
}

std::optional<IpBytes> parseAddress(const std::string& text, bool& four) {
  std::array<std::uint8_t, 4> in4{};
  IpBytes in6{};
  four = inet_pton(AF_INET, text.c_str(), in4.data()) == 1;
  if (four) {
    return mapped(in4.data());
  }
  if (inet_pton(AF_INET6, text.c_str(), in6.data()) == 1) {
    return in6;
  }
  return std::nullopt;
}

std::uint16_t portOf(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &address, sizeof in);
    return ntohs(in.sin_port);
  }
  sockaddr_in6 in{};
  std::memcpy(&in, &address, sizeof in);
  return ntohs(in.sin6_port);
}

// The kernel lets a socket be bound only to an address of this machine.
bool isOfThisMachine(const sockaddr& address) {
  const int probe = ::socket(address.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (probe < 0) {
    return true;
  }
  sockaddr_storage local{};
  const socklen_t size = address.sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  std::memcpy(&local, &address, size);
  if (address.sa_family == AF_INET) {
    reinterpret_cast<sockaddr_in&>(local).sin_port = 0;
  } else {
    reinterpret_cast<sockaddr_in6&>(local).sin6_port = 0;
  }
  const bool bound = ::bind(probe, reinterpret_cast<const sockaddr*>(&local), size) == 0;
  ::close(probe);
  return bound;
}

}  // namespace

bool IpRange::contains(const IpBytes& address) const {
  for (int bit = 0; bit < bits; bit += 8) {
    const int left = std::min(bits - bit, 8);
    const auto mask = static_cast<std::uint8_t>(0xFF << (8 - left));
    const auto i = static_cast<std::size_t>(bit / 8);
    if ((address[i] & mask) != (base[i] & mask)) {
      return false;
    }
  }
  return true;
}

bool IpRange::contains(const IpRange& other) const { return bits <= other.bits && contains(other.base); }

Result<IpRange> parseIpRange(std::string_view text) {
  const std::size_t slash = text.find('/');
  bool four = false;
  const std::optional<IpBytes> base = parseAddress(std::string(text.substr(0, slash)), four);
  const auto wrong = [&] {
    return Status(Code::Invalid, cat("\"", printable(std::string(text)),
                                     "\" is no range of addresses: write it as 10.0.0.0/8, fd00::/8 or one address"));
  };
  if (!base.has_value()) {
    return wrong();
  }
  const int most = four ? 32 : 128;
  int bits = most;
  if (slash != std::string_view::npos) {
    const std::string_view number = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), bits);
    if (error != std::errc() || end != number.data() + number.size() || bits < 0 || bits > most) {
      return wrong();
    }
  }
  return IpRange{*base, four ? kMappedBits + bits : bits};
}

IpBytes plainAddress(const IpBytes& address) {
  static const IpRange kTranslated = *parseIpRange("64:ff9b::/96");
  static const IpRange kTunnelled = *parseIpRange("2002::/16");
  static const IpRange kCompatible = *parseIpRange("::/96");
  if (kTranslated.contains(address)) {
    return mapped(&address[12]);
  }
  if (kTunnelled.contains(address)) {
    return mapped(&address[2]);
  }
  const bool special = std::all_of(address.begin(), address.begin() + 15, [](std::uint8_t byte) { return byte == 0; });
  if (kCompatible.contains(address) && !special) {
    return mapped(&address[12]);
  }
  return address;
}

IpBytes addressOf(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &address, sizeof in);
    std::array<std::uint8_t, 4> four{};
    std::memcpy(four.data(), &in.sin_addr, four.size());
    return mapped(four.data());
  }
  sockaddr_in6 in{};
  std::memcpy(&in, &address, sizeof in);
  IpBytes out{};
  std::memcpy(out.data(), &in.sin6_addr, out.size());
  return plainAddress(out);
}

bool isNeverConnected(const IpBytes& address) { return neverName(address) != nullptr; }

Result<std::shared_ptr<OutboundRules>> OutboundRules::create(const std::vector<std::string>& allowed) {
  auto rules = std::make_shared<OutboundRules>();
  for (const std::string& text : allowed) {
    Result<IpRange> range = parseIpRange(text);
    SLIPWAY_RETURN_IF_ERROR(range.status());
    for (const NamedRange& never : kNever) {
      if (parseIpRange(never.text)->contains(*range)) {
        return Status(Code::Invalid,
                      cat("\"", text, "\" has ", never.what, " addresses, which are never connected to"));
      }
    }
    rules->allowed_.push_back(*range);
  }
  return rules;
}

void OutboundRules::protectPort(std::uint16_t port) {
  const std::lock_guard lock(mutex_);
  ownPorts_.insert(port);
}

std::string OutboundRules::refusal(const sockaddr& address) const {
  if (address.sa_family != AF_INET && address.sa_family != AF_INET6) {
    return "only IPv4 and IPv6 addresses are connected to";
  }
  const IpBytes plain = addressOf(address);
  if (const std::string* what = neverName(plain)) {
    return cat("its address is ", *what, ", which is never connected to");
  }
  const bool allowed =
      std::any_of(allowed_.begin(), allowed_.end(), [&](const IpRange& range) { return range.contains(plain); });
  if (const std::string* what = insideName(plain); what != nullptr && !allowed) {
    return cat("its address is ", *what, ": an administrator has to allow it (slipwayd serve --allow-outbound)");
  }
  bool own = false;
  {
    const std::lock_guard lock(mutex_);
    own = ownPorts_.contains(portOf(address));
  }
  return own && isOfThisMachine(address) ? "it is this controller's own API, which is never connected to" : "";
}

}  // namespace slipway::transport
