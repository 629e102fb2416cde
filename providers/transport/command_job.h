#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "reconciler/base/log.h"
#include "reconciler/ports/command_runner.h"
#include "reconciler/ports/metrics.h"

namespace slipway::transport {

// One command on its way, whatever carries it: the input that waits, how much was printed, how it ended. Used on the
// runner's thread only.
class CommandJob {
 public:
  virtual ~CommandJob() = default;
  CommandJob(const CommandJob&) = delete;
  CommandJob& operator=(const CommandJob&) = delete;

  const RemoteTarget& target() const { return target_; }
  SteadyTime deadline() const { return command_.deadline; }
  // The command went out: from then on its effect may happen.
  bool started() const { return started_; }
  bool finished() const { return finished_; }
  // How it ended: ok for every exit code.
  const Status& outcome() const { return outcome_; }
  std::uint64_t bytesSent() const { return sent_; }

  void write(std::string_view bytes);
  void closeInput() { closing_ = true; }
  // The first call counts: lets go of what carries the command, then tells `exit`.
  void finish(Result<int> exit);

  std::uint64_t timer = 0;  // of its deadline

 protected:
  CommandJob(RemoteTarget target, RemoteCommand command, RemoteEvents events);

  // Closes what carries the command, which may be nothing.
  virtual void letGo() = 0;

  const std::string& commandText() const { return command_.command; }
  void markStarted();
  // Hands on what the command printed, up to its limit.
  void take(std::string_view bytes, bool error);
  // Ends the command when it printed too much; then true.
  bool isOverLimit();
  std::string_view waitingInput() const { return std::string_view(input_).substr(inputAt_); }
  void noteSent(std::size_t bytes);
  // All input was taken: true, once, when its end is to be sent; else asks for more when some went out.
  bool settleInput();

 private:
  RemoteTarget target_;
  RemoteCommand command_;
  RemoteEvents events_;
  std::string input_;
  std::size_t inputAt_ = 0;
  std::uint64_t sent_ = 0;
  std::size_t printed_ = 0;
  Status outcome_;
  bool closing_ = false;
  bool endTold_ = false;
  bool wrote_ = false;
  bool started_ = false;
  bool finished_ = false;
};

// Timeout, in the words of a job at its deadline.
Status lateStatus(const CommandJob& job);

void recordEnd(const CommandJob& job, Metrics& metrics, Logger& logger);

// "ok" or the code's name, for metrics.
std::string resultLabel(const Status& status);

}  // namespace slipway::transport
