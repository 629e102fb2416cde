#pragma once

#include <memory>
#include <string>

#include "reconciler/base/status.h"
#include "reconciler/ports/command_runner.h"

namespace slipway::transport {

// The directory in which one ssh program runs, for its user alone: the private key, the pinned host keys and a pipe for
// what ssh itself says, all by plain names. Removed at its end.
class OpenSshFolder {
 public:
  static constexpr const char* kHost = "slipway-server";  // the only name in known_hosts
  static constexpr const char* kKey = "key";
  static constexpr const char* kKnownHosts = "known_hosts";
  static constexpr const char* kLog = "log";
  static constexpr const char* kAskPass = "./askpass";  // prints the passphrase

  // In `parent`, which exists. Unavailable naming the file.
  static Result<std::unique_ptr<OpenSshFolder>> make(const std::string& parent, const RemoteTarget& target);
  ~OpenSshFolder();
  OpenSshFolder(const OpenSshFolder&) = delete;
  OpenSshFolder& operator=(const OpenSshFolder&) = delete;

  const std::string& path() const { return path_; }
  // The pipe's reading end, non-blocking, the caller's.
  Result<int> openLog() const;
  // What ssh has read already need not lie about.
  void dropSecrets() const;

 private:
  explicit OpenSshFolder(std::string path) : path_(std::move(path)) {}
  Status write(const char* name, const std::string& text, unsigned mode) const;
  Status fill(const RemoteTarget& target) const;

  std::string path_;
};

}  // namespace slipway::transport
