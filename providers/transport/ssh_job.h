#pragma once

#include <memory>
#include <optional>
#include <string>

#include "reconciler/ports/command_runner.h"

struct ssh_session_struct;
struct ssh_channel_struct;
struct ssh_channel_callbacks_struct;

namespace slipway::transport {

// One command on its way through a session: opening a channel, asking for the command, moving bytes, ending. Used on
// the runner's thread only.
class SshJob {
 public:
  SshJob(RemoteTarget target, RemoteCommand command, RemoteEvents events);
  ~SshJob();
  SshJob(const SshJob&) = delete;
  SshJob& operator=(const SshJob&) = delete;

  const RemoteTarget& target() const { return target_; }
  SteadyTime deadline() const { return command_.deadline; }
  // The command went out: from then on its effect may happen.
  bool started() const { return started_; }
  bool finished() const { return finished_; }
  // How it ended: ok for every exit code.
  const Status& outcome() const { return outcome_; }
  std::uint64_t bytesSent() const { return sent_; }

  // Goes on as far as the session lets it, which is ready for commands. Answers whether it is still at work.
  bool advance(ssh_session_struct* session);
  void write(std::string_view bytes);
  void closeInput() { closing_ = true; }
  // The session is gone. Answers false when the job did not start and so may go to another.
  bool lose(const Status& why);
  void finish(Result<int> exit);

  std::uint64_t timer = 0;  // of its deadline
  int moves = 0;            // how often it went to another session

 private:
  bool open(ssh_session_struct* session);
  bool request(ssh_session_struct* session);
  bool pump();
  void prepareCallbacks();
  int take(std::string_view bytes, bool error);
  void closeChannel();

  enum class State { New, Opening, Requesting, Running };

  RemoteTarget target_;
  RemoteCommand command_;
  RemoteEvents events_;
  State state_ = State::New;
  ssh_channel_struct* channel_ = nullptr;
  std::unique_ptr<ssh_channel_callbacks_struct> callbacks_;
  std::string input_;
  std::size_t inputAt_ = 0;
  std::uint64_t sent_ = 0;
  std::size_t printed_ = 0;
  std::optional<int> exitCode_;
  Status outcome_;
  bool closing_ = false;
  bool eofSent_ = false;
  bool wrote_ = false;
  bool closed_ = false;
  bool started_ = false;
  bool finished_ = false;
};

}  // namespace slipway::transport
