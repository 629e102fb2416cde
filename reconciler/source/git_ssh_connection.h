#pragma once

#include <memory>
#include <string>

#include "reconciler/source/git_call.h"

namespace slipway::source {

// git-upload-pack on an SSH server, as a stream. Used by one thread; every wait ends at the call's deadline. Failures
// are left in the call; functions then answer -1.
class GitSshConnection {
 public:
  explicit GitSshConnection(GitCall& call);
  ~GitSshConnection();
  GitSshConnection(const GitSshConnection&) = delete;
  GitSshConnection& operator=(const GitSshConnection&) = delete;

  // Connects, checks the host key, authenticates, starts the program.
  int open();
  // `got` is 0 at the end.
  int read(char* out, std::size_t size, std::size_t& got);
  int write(const char* data, std::size_t size);

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace slipway::source
