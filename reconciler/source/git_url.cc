#include "reconciler/source/git_url.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "reconciler/base/strings.h"
#include "reconciler/source/artifact_manifest.h"

namespace slipway::source {
namespace {

constexpr std::size_t kUrlBytes = 2048;

Status bad(std::string_view text, std::string_view why) {
  std::string shown = printable(text.substr(0, 200));
  const std::size_t scheme = shown.find("://");
  const std::size_t at = shown.find('@');
  if (scheme != std::string::npos && at != std::string::npos && at > scheme) {
    shown.replace(scheme + 3, at - scheme - 3, "…");  // may be a password
  }
  return {Code::Invalid, cat("repository \"", shown, "\": ", why)};
}

bool isSafe(std::string_view text, const char* extra) {
  return std::all_of(text.begin(), text.end(), [extra](unsigned char c) {
    return std::isalnum(c) != 0 || c >= 0x80 || (c != 0 && std::strchr(extra, c) != nullptr);
  });
}

bool isHost(std::string_view host) {
  return !host.empty() && host.size() <= 253 && host.front() != '-' && host.front() != '.' &&
         std::all_of(host.begin(), host.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_'; });
}

bool isIpv6(std::string_view host) {
  return host.find(':') != std::string_view::npos &&
         host.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
}

bool isUser(std::string_view user) { return !user.empty() && user.front() != '-' && isSafe(user, "._-+"); }

// Characters that need no quoting in any shell that a git server may use.
bool isPath(std::string_view path) {
  return !path.empty() && path.front() != '-' && path.find("/-") == std::string_view::npos &&
         isSafe(path, "/._-+~@,:=%");
}

Status takePort(std::string_view text, std::string_view digits, GitUrl& url) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || value < 1 || value > 65535) {
    return bad(text, "the port must be 1 to 65535");
  }
  url.port = static_cast<std::uint16_t>(value);
  return Status::ok();
}

// "[user@]host[:port]"
Status takeAuthority(std::string_view text, std::string_view authority, GitUrl& url) {
  const std::size_t at = authority.rfind('@');
  if (at != std::string_view::npos) {
    if (url.scheme != GitUrl::Scheme::Ssh || !isUser(authority.substr(0, at))) {
      return bad(text, "no user or password may stand in the URL: put them into a Secret and name it in secretRef");
    }
    url.user = authority.substr(0, at);
    authority.remove_prefix(at + 1);
  }
  std::string_view host = authority;
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    host = authority.substr(1, close == std::string_view::npos ? 0 : close - 1);
    authority.remove_prefix(close == std::string_view::npos ? authority.size() : close + 1);
    if (!isIpv6(host)) {
      return bad(text, "the address in brackets is not an IPv6 address");
    }
  } else {
    host = authority.substr(0, authority.find(':'));
    authority.remove_prefix(host.size());
    if (!isHost(host)) {
      return bad(text, "the host name is missing or has characters that host names cannot have");
    }
  }
  url.host = lowerAscii(host);
  if (authority.empty()) {
    return Status::ok();
  }
  return authority.front() == ':' ? takePort(text, authority.substr(1), url) : bad(text, "the host is malformed");
}

Result<GitUrl> parseScpLike(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::size_t at = text.find('@');
  if (colon == std::string_view::npos || at == std::string_view::npos || at > colon) {
    return bad(text, "must begin with https://, ssh:// or file://, or be user@host:path");
  }
  GitUrl url;
  url.scheme = GitUrl::Scheme::Ssh;
  url.port = 22;
  url.user = text.substr(0, at);
  url.host = lowerAscii(text.substr(at + 1, colon - at - 1));
  url.path = text.substr(colon + 1);
  if (!isUser(url.user) || !isHost(url.host) || !isPath(url.path)) {
    return bad(text, "user, host or path has characters that are not allowed");
  }
  return url;
}

bool takeScheme(std::string_view scheme, GitUrl& url) {
  const std::string name = lowerAscii(scheme);
  if (name == "https") {
    url.scheme = GitUrl::Scheme::Https;
    url.port = 443;
  } else if (name == "http") {
    url.scheme = GitUrl::Scheme::Http;
    url.port = 80;
  } else if (name == "ssh") {
    url.scheme = GitUrl::Scheme::Ssh;
    url.port = 22;
  } else if (name == "file") {
    url.scheme = GitUrl::Scheme::File;
  } else {
    return false;
  }
  return true;
}

// One level of git's check-ref-format.
Status checkRefName(std::string_view field, const std::string& name) {
  const bool forbidden = std::any_of(name.begin(), name.end(), [](unsigned char c) {
    return c <= 0x20 || c == 0x7F || std::strchr("~^:?*[\\", c) != nullptr;
  });
  bool parts = true;
  for (const std::string& part : split(name, '/')) {
    parts = parts && !part.empty() && part.front() != '.' && !part.ends_with(".lock");
  }
  if (name.size() > 250 || name.front() == '-' || name == "@" || name.ends_with('.') || forbidden || !parts ||
      name.find("..") != std::string::npos || name.find("@{") != std::string::npos) {
    return {Code::Invalid, cat("ref.", field, " \"", printable(name.substr(0, 200)), "\": not a name that git allows")};
  }
  return Status::ok();
}

}  // namespace

std::string GitUrl::canonical() const {
  const std::string shownHost = host.find(':') == std::string::npos ? host : cat("[", host, "]");
  switch (scheme) {
    case Scheme::Https:
      return cat("https://", shownHost, port == 443 ? "" : cat(":", port), path);
    case Scheme::Http:
      return cat("http://", shownHost, port == 80 ? "" : cat(":", port), path);
    case Scheme::Ssh:
      if (path.front() != '/') {
        return cat(user, "@", shownHost, ":", path);
      }
      return cat("ssh://", user, user.empty() ? "" : "@", shownHost, port == 22 ? "" : cat(":", port), path);
    case Scheme::File:
      break;
  }
  return "file://" + path;
}

bool GitUrl::isLoopback() const {
  return host == "localhost" || host == "::1" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos);
}

Result<GitUrl> parseGitUrl(std::string_view text) {
  if (text.empty() || text.size() > kUrlBytes) {
    return bad(text, "a URL of 1 to 2048 bytes is needed");
  }
  const std::size_t scheme = text.find("://");
  if (scheme == std::string_view::npos) {
    return parseScpLike(text);
  }
  GitUrl url;
  if (!takeScheme(text.substr(0, scheme), url)) {
    return bad(text, "only https://, ssh://, file:// and user@host:path are supported");
  }
  const std::string_view rest = text.substr(scheme + 3);
  const std::size_t slash = rest.find('/');
  url.path = slash == std::string_view::npos ? std::string() : std::string(rest.substr(slash));
  if (!isPath(url.path) || url.path == "/") {
    return bad(
        text,
        "the path is missing or has characters that are not allowed (letters, digits and / . _ - + ~ @ , : = % are)");
  }
  if (url.scheme == GitUrl::Scheme::File) {
    return slash == 0 ? Result<GitUrl>(url) : bad(text, "a file URL needs three slashes: file:///path");
  }
  SLIPWAY_RETURN_IF_ERROR(takeAuthority(text, rest.substr(0, slash), url));
  return url;
}

Status checkGitRef(const GitRef& ref) {
  const int set = (ref.branch.empty() ? 0 : 1) + (ref.tag.empty() ? 0 : 1) + (ref.commit.empty() ? 0 : 1);
  if (set > 1) {
    return {Code::Invalid, "ref: give one of branch, tag and commit, not several"};
  }
  if (!ref.branch.empty()) {
    return checkRefName("branch", ref.branch);
  }
  if (!ref.tag.empty()) {
    return checkRefName("tag", ref.tag);
  }
  if (!ref.commit.empty() &&
      (ref.commit.size() != 40 || ref.commit.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)) {
    return {Code::Invalid,
            cat("ref.commit \"", printable(ref.commit.substr(0, 80)), "\": needs all 40 hexadecimal digits")};
  }
  return Status::ok();
}

Status checkSubPath(const std::string& path) {
  if (path.empty()) {
    return Status::ok();
  }
  const Status status = checkPath(path.ends_with('/') ? std::string_view(path).substr(0, path.size() - 1) : path);
  return status ? status : Status(Code::Invalid, cat("path ", status.message()));
}

}  // namespace slipway::source
