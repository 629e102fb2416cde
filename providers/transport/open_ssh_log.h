#pragma once

#include <string>
#include <string_view>

#include "reconciler/base/status.h"
#include "reconciler/ports/command_runner.h"

namespace slipway::transport {

// What the ssh program says about itself (LogLevel DEBUG1, apart from the command's output), and what follows from it.
// The words are those of every OpenSSH since 7; one that is not known makes a failure less precise, never a success.
class OpenSshLog {
 public:
  void take(std::string_view bytes);

  bool authenticated() const { return authenticated_; }
  // The request to run the command is out: from here on it may run.
  bool commandSent() const { return commandSent_; }
  bool gotExitStatus() const { return gotExitStatus_; }
  bool gotExitSignal() const { return gotExitSignal_; }

  // Why a connection failed that ended without an exit status.
  Status failure(const RemoteTarget& target) const;

 private:
  void takeLine(std::string_view line);
  void takeDebug(std::string_view text);
  void takeMessage(std::string_view text);

  std::string pending_;
  std::string hostKey_;  // "ssh-ed25519 SHA256:…", the first the server showed
  std::string last_;     // the newest message for people
  bool authenticated_ = false;
  bool commandSent_ = false;
  bool gotExitStatus_ = false;
  bool gotExitSignal_ = false;
  bool hostKeyRefused_ = false;
  bool noCommonHostKey_ = false;
  bool keyRefused_ = false;
  bool keyUnusable_ = false;
  bool sessionRefused_ = false;
  bool commandRefused_ = false;
};

}  // namespace slipway::transport
