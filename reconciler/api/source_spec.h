#pragma once

#include <optional>
#include <string>
#include <vector>

namespace slipway {

// Exactly one of branch, tag and commit; none means the remote's default branch.
struct GitRef {
  std::string branch;
  std::string tag;
  std::string commit;  // 40 hexadecimal digits
  bool operator==(const GitRef&) const = default;
};

struct GitSource {
  std::string repository;  // https://, ssh://, file:// or user@host:path
  GitRef ref;
  std::string path;       // only this directory of the tree; empty: all
  std::string secretRef;  // Secret with username/password, or ssh-privatekey and known_hosts
  bool operator==(const GitSource&) const = default;
};

struct DirectorySource {
  std::string path;                  // absolute, on the controller's machine
  std::vector<std::string> exclude;  // names or patterns with *; .git is always left out
  bool operator==(const DirectorySource&) const = default;
};

// Where a release's files come from: exactly one is set.
struct SourceSpec {
  std::optional<GitSource> git;
  std::optional<DirectorySource> directory;
  bool operator==(const SourceSpec&) const = default;
};

// The content of the Secret a source names. Not printable.
struct SourceCredentials {
  std::string username;
  std::string password;
  std::string sshPrivateKey;
  std::string knownHosts;
  std::string caCertificate;
};

}  // namespace slipway
