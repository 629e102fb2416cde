#pragma once

#include <memory>
#include <optional>

#include "providers/transport/command_job.h"

struct ssh_session_struct;
struct ssh_channel_struct;
struct ssh_channel_callbacks_struct;

namespace slipway::transport {

// One command on its way through a session: opening a channel, asking for the command, moving bytes, ending. Used on
// the runner's thread only.
class SshJob final : public CommandJob {
 public:
  SshJob(RemoteTarget target, RemoteCommand command, RemoteEvents events);
  ~SshJob() override;

  // Goes on as far as the session lets it, which is ready for commands. Answers whether it is still at work.
  bool advance(ssh_session_struct* session);
  // The session is gone. Answers false when the job did not start and so may go to another.
  bool lose(const Status& why);

  int moves = 0;  // how often it went to another session

 private:
  bool open(ssh_session_struct* session);
  bool request(ssh_session_struct* session);
  bool pump();
  void prepareCallbacks();
  void letGo() override;
  void closeChannel();

  enum class State { New, Opening, Requesting, Running };

  State state_ = State::New;
  ssh_channel_struct* channel_ = nullptr;
  std::unique_ptr<ssh_channel_callbacks_struct> callbacks_;
  std::optional<int> exitCode_;
  bool closed_ = false;
};

}  // namespace slipway::transport
