#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "reconciler/api/source_spec.h"
#include "reconciler/base/status.h"

namespace slipway::source {

struct GitUrl {
  enum class Scheme { Https, Http, Ssh, File };
  Scheme scheme = Scheme::Https;
  std::string user;  // ssh only
  std::string host;  // lower case; an IPv6 address without brackets
  std::uint16_t port = 0;
  std::string path;  // as the server wants it: "/srv/app.git" or, for user@host:path, relative

  // One spelling per repository: what caches are keyed by, and what people are shown. No credential is ever part of it.
  std::string canonical() const;
  bool isLoopback() const;
};

// Accepts https://, http://, ssh://, file:// and user@host:path. Everything that a server, a shell or a program could
// take for something else than a name is Invalid: leading dashes, quotes, control characters, credentials in the URL.
Result<GitUrl> parseGitUrl(std::string_view text);

// git's rules for the name of a branch or tag, and no leading dash; 40 hexadecimal digits for a commit; at most one of
// the three.
Status checkGitRef(const GitRef& ref);

// A relative directory inside the tree; empty: all of it.
Status checkSubPath(const std::string& path);

}  // namespace slipway::source
