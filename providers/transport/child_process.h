#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "reconciler/base/status.h"

namespace slipway::transport {

struct ChildSpec {
  std::string program;                   // absolute path
  std::vector<std::string> arguments;    // without the program's name
  std::vector<std::string> environment;  // "NAME=value"; nothing is inherited
  std::string directory;                 // where it runs
};

// A program that runs beside us, in a session of its own, so that no terminal and no signal of ours reaches it. Its end
// of life kills and reaps it. For one thread.
class ChildProcess {
 public:
  // Unavailable: the system has no process or descriptor left for us. Invalid: this program cannot be started at all.
  static Result<std::unique_ptr<ChildProcess>> start(const ChildSpec& spec);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Our ends, non-blocking; -1 when closed. The input is a socket: send with MSG_NOSIGNAL.
  int input() const { return input_; }
  int output() const { return output_; }
  int error() const { return error_; }
  void closeInput();
  void closeOutput();
  void closeError();

  // The status of waitpid(2), once it has ended.
  std::optional<int> poll();
  // Ends it at once when it still runs, and answers the status.
  int kill();
  // Waits for its end: for one that is about to end.
  int wait();

 private:
  ChildProcess(pid_t pid, int input, int output, int error)
      : pid_(pid), input_(input), output_(output), error_(error) {}

  pid_t pid_;
  int input_;
  int output_;
  int error_;
  std::optional<int> status_;
};

}  // namespace slipway::transport
