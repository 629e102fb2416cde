#include "reconciler/source/known_hosts.h"

#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"

namespace slipway::source {
namespace {

constexpr std::size_t kTextBytes = 1U << 20U;

std::string knownName(const std::string& host, std::uint16_t port) {
  return port == 22 ? host : cat("[", host, "]:", port);
}

std::vector<std::string> words(std::string_view line) {
  std::vector<std::string> out;
  std::string word;
  for (const char c : line) {
    if (c == ' ' || c == '\t' || c == '\r') {
      if (!word.empty()) {
        out.push_back(std::move(word));
      }
      word.clear();
    } else {
      word += c;
    }
  }
  if (!word.empty()) {
    out.push_back(std::move(word));
  }
  return out;
}

// "|1|salt|hash": HMAC-SHA1 of the name.
bool hashMatches(const std::string& hashed, const std::string& name) {
  const std::vector<std::string> parts = split(hashed, '|');
  std::string salt;
  std::string wanted;
  if (parts.size() != 4 || parts[1] != "1" || !base64Decode(parts[2], salt) || !base64Decode(parts[3], wanted)) {
    return false;
  }
  return wanted == hmacSha1(salt, name);
}

bool patternMatches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t retry = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = t;
    } else if (p < pattern.size() && (pattern[p] == text[t] || pattern[p] == '?')) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++retry;
    } else {
      return false;
    }
  }
  return std::all_of(pattern.begin() + static_cast<std::ptrdiff_t>(p), pattern.end(), [](char c) { return c == '*'; });
}

}  // namespace

bool KnownHosts::Line::matches(const std::string& name) const {
  if (names.starts_with('|')) {
    return hashMatches(names, name);
  }
  bool found = false;
  for (const std::string& pattern : split(lowerAscii(names), ',')) {
    if (pattern.starts_with('!') && patternMatches(std::string_view(pattern).substr(1), name)) {
      return false;
    }
    found = found || patternMatches(pattern, name);
  }
  return found;
}

KnownHosts::KnownHosts(std::string_view text) {
  for (const std::string& line : split(text.substr(0, kTextBytes), '\n')) {
    std::vector<std::string> fields = words(line);
    if (fields.empty() || fields[0].starts_with('#')) {
      continue;
    }
    Line entry;
    if (fields[0].starts_with('@')) {
      if (fields[0] != "@revoked") {
        continue;
      }
      entry.revoked = true;
      fields.erase(fields.begin());
    }
    if (fields.size() < 3 || !base64Decode(fields[2], entry.key) || entry.key.empty()) {
      continue;
    }
    entry.names = fields[0];
    entry.type = fields[1];
    lines_.push_back(std::move(entry));
  }
}

HostKeyVerdict KnownHosts::check(const std::string& host, std::uint16_t port, const std::string& keyBlob) const {
  const std::string name = knownName(host, port);
  bool listed = false;
  bool known = false;
  for (const Line& line : lines_) {
    const bool sameKey = line.key == keyBlob;
    if ((line.revoked && !sameKey) || !line.matches(name)) {
      continue;
    }
    if (line.revoked) {
      return HostKeyVerdict::Revoked;
    }
    listed = true;
    known = known || sameKey;
  }
  if (known) {
    return HostKeyVerdict::Known;
  }
  return listed ? HostKeyVerdict::Changed : HostKeyVerdict::Unknown;
}

std::vector<std::string> KnownHosts::keyTypes(const std::string& host, std::uint16_t port) const {
  const std::string name = knownName(host, port);
  std::vector<std::string> types;
  for (const Line& line : lines_) {
    if (!line.revoked && line.matches(name) && std::find(types.begin(), types.end(), line.type) == types.end()) {
      types.push_back(line.type);
    }
  }
  return types;
}

}  // namespace slipway::source
