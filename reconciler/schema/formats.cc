#include "reconciler/schema/formats.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <string>

#include <arpa/inet.h>

#include "reconciler/base/clock.h"
#include "reconciler/base/strings.h"

namespace slipway::schema {
namespace {

bool all(std::string_view text, bool (*test)(char)) { return std::all_of(text.begin(), text.end(), test); }
bool digit(char c) { return c >= '0' && c <= '9'; }
bool hex(char c) { return digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool alnum(char c) { return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool isIp(int family, std::string_view text) {
  std::array<unsigned char, 16> address{};
  return text.size() < 64 && inet_pton(family, std::string(text).c_str(), address.data()) == 1;
}

bool isIpv4(std::string_view text) { return isIp(AF_INET, text); }
bool isIpv6(std::string_view text) { return isIp(AF_INET6, text); }

bool isCidr(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) {
    return false;
  }
  const std::string_view bits = text.substr(slash + 1);
  int size = -1;
  auto [end, error] = std::from_chars(bits.data(), bits.data() + bits.size(), size);
  if (bits.empty() || error != std::errc() || end != bits.data() + bits.size() || (bits.size() > 1 && bits[0] == '0')) {
    return false;
  }
  const std::string_view address = text.substr(0, slash);
  return (isIpv4(address) && size >= 0 && size <= 32) || (isIpv6(address) && size >= 0 && size <= 128);
}

bool isMac(std::string_view text) {
  if (text.size() != 17) {
    return false;
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i % 3 == 2 ? (text[i] != ':' && text[i] != '-') : !hex(text[i])) {
      return false;
    }
  }
  return true;
}

bool isUri(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (text.starts_with("/") && text.find(' ') == std::string_view::npos) {
    return true;
  }
  return colon != std::string_view::npos && colon > 0 && colon + 1 < text.size() && !digit(text[0]) &&
         std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(colon),
                     [](char c) { return alnum(c) || c == '+' || c == '-' || c == '.'; }) &&
         std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F; });
}

bool isHostname(std::string_view text) {
  if (text.empty() || text.size() > 253) {
    return false;
  }
  const std::vector<std::string> labels = split(text, '.');
  return std::all_of(labels.begin(), labels.end(), [](const std::string& label) {
    return !label.empty() && label.size() <= 63 && alnum(label.front()) && alnum(label.back()) &&
           all(label, [](char c) { return alnum(c) || c == '-'; });
  });
}

bool isEmail(std::string_view text) {
  const std::size_t at = text.rfind('@');
  return at != std::string_view::npos && at > 0 && isHostname(text.substr(at + 1)) &&
         all(text.substr(0, at), [](char c) {
           return alnum(c) || std::string_view(".!#$%&'*+/=?^_`{|}~-").find(c) != std::string_view::npos;
         });
}

bool isUuid(std::string_view text) {
  std::string plain(text);
  plain.erase(std::remove(plain.begin(), plain.end(), '-'), plain.end());
  const bool dashed = text.size() == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-';
  return plain.size() == 32 && all(plain, hex) && (dashed || text.size() == 32);
}

bool isUuidOf(char version, std::string_view text) {
  std::string plain(text);
  plain.erase(std::remove(plain.begin(), plain.end(), '-'), plain.end());
  return isUuid(text) && plain[12] == version;
}

bool isBytes(std::string_view text) {
  std::string ignored;
  return base64Decode(text, ignored);
}

bool isDate(std::string_view text) { return text.size() == 10 && parseTime(cat(text, "T00:00:00Z")); }
bool isDateTime(std::string_view text) { return parseTime(text).isOk(); }

bool isDuration(std::string_view text) {
  if (text.starts_with("-") || text.starts_with("+")) {
    text.remove_prefix(1);
  }
  return parseDuration(text).isOk();
}

bool isHexColor(std::string_view text) {
  text.remove_prefix(text.starts_with("#") ? 1 : 0);
  return (text.size() == 3 || text.size() == 6) && all(text, hex);
}

using Test = bool (*)(std::string_view);
constexpr std::array<std::pair<std::string_view, Test>, 19> kFormats{{
    {"date-time", isDateTime},
    {"datetime", isDateTime},
    {"date", isDate},
    {"duration", isDuration},
    {"byte", isBytes},
    {"ipv4", isIpv4},
    {"ipv6", isIpv6},
    {"cidr", isCidr},
    {"mac", isMac},
    {"uri", isUri},
    {"hostname", isHostname},
    {"email", isEmail},
    {"uuid", isUuid},
    {"uuid3", [](std::string_view text) { return isUuidOf('3', text); }},
    {"uuid4", [](std::string_view text) { return isUuidOf('4', text); }},
    {"uuid5", [](std::string_view text) { return isUuidOf('5', text); }},
    {"hexcolor", isHexColor},
    {"k8s-short-name", isDnsLabel},
    {"k8s-long-name", isDnsSubdomain},
}};

}  // namespace

bool matchesFormat(std::string_view format, std::string_view text) {
  auto found = std::find_if(kFormats.begin(), kFormats.end(), [&](const auto& one) { return one.first == format; });
  return found == kFormats.end() || found->second(text);
}

}  // namespace slipway::schema
