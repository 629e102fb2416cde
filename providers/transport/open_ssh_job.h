#pragma once

#include <memory>
#include <string>
#include <vector>

#include <poll.h>

#include "providers/transport/child_process.h"
#include "providers/transport/command_job.h"
#include "providers/transport/open_ssh_folder.h"
#include "providers/transport/open_ssh_log.h"

namespace slipway::transport {

// One command as one run of the ssh program. Used on the runner's thread only.
class OpenSshJob final : public CommandJob {
 public:
  OpenSshJob(RemoteTarget target, RemoteCommand command, RemoteEvents events);
  ~OpenSshJob() override;

  // Starts `program`, with its files below `directory`. Unavailable: the system has nothing left for it now.
  Status launch(const std::string& program, const std::string& directory);
  bool launched() const { return child_ != nullptr; }
  bool authenticated() const { return log_.authenticated(); }
  // True once, when the attempt to connect has ended either way.
  bool countOnce();

  void addTo(std::vector<pollfd>& fds) const;
  // Every output is at its end, but the program was not seen to end yet: look again soon.
  bool isEnding() const;
  // Moves what can be moved without waiting; finishes when the program has ended.
  void advance();
  // Ends the program, and says how far it had come: the command may have gone out a moment ago.
  void halt();

 private:
  std::vector<std::string> arguments() const;
  void readLog();
  std::string readError();
  void readOutput();
  void pushInput();
  void conclude();
  Status lost(int status) const;
  void letGo() override;
  void closeLog();

  std::unique_ptr<OpenSshFolder> folder_;
  std::unique_ptr<ChildProcess> child_;
  OpenSshLog log_;
  int logFd_ = -1;
  bool logBegan_ = false;
  bool logEnded_ = false;
  bool counted_ = false;
};

}  // namespace slipway::transport
