#include "providers/transport/ssh_job.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include "providers/transport/ssh_library.h"
#include "reconciler/base/strings.h"

namespace slipway::transport {
namespace {

constexpr std::size_t kWrite = 128U << 10U;

int signalNumber(std::string_view name) {
  static constexpr std::pair<std::string_view, int> kSignals[] = {
      {"ABRT", SIGABRT}, {"ALRM", SIGALRM}, {"FPE", SIGFPE},   {"HUP", SIGHUP},   {"ILL", SIGILL},
      {"INT", SIGINT},   {"KILL", SIGKILL}, {"PIPE", SIGPIPE}, {"QUIT", SIGQUIT}, {"SEGV", SIGSEGV},
      {"TERM", SIGTERM}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2}};
  for (const auto& [known, number] : kSignals) {
    if (known == name) {
      return number;
    }
  }
  return 0;
}

}  // namespace

SshJob::SshJob(RemoteTarget target, RemoteCommand command, RemoteEvents events)
    : target_(std::move(target)), command_(std::move(command)), events_(std::move(events)) {
  input_ = std::move(command_.input);
  closing_ = command_.closeInput;
}

SshJob::~SshJob() { closeChannel(); }

bool SshJob::advance(ssh_session session) {
  if (finished_) {
    return false;
  }
  if (state_ == State::New && !open(session)) {
    return false;
  }
  if (state_ == State::Opening) {
    const int rc = ssh_channel_open_session(channel_);
    if (rc == SSH_AGAIN) {
      return true;
    }
    if (rc != SSH_OK) {
      if (ssh_is_connected(session) != 0) {
        finish(Status(Code::Unavailable, cat(describe(target_), " refuses another session: ", lastError(session))));
      }
      return false;
    }
    state_ = State::Requesting;
    started_ = true;
    if (events_.started) {
      events_.started();
    }
  }
  if (state_ == State::Requesting && !request(session)) {
    return !finished_;
  }
  return pump();
}

bool SshJob::open(ssh_session session) {
  channel_ = ssh_channel_new(session);
  if (channel_ == nullptr) {
    return false;
  }
  prepareCallbacks();
  state_ = State::Opening;
  return true;
}

void SshJob::prepareCallbacks() {
  callbacks_ = std::make_unique<ssh_channel_callbacks_struct>();
  callbacks_->userdata = this;
  callbacks_->channel_data_function = [](ssh_session, ssh_channel, void* data, uint32_t size, int error, void* self) {
    return static_cast<SshJob*>(self)->take({static_cast<const char*>(data), size}, error != 0);
  };
  callbacks_->channel_exit_status_function = [](ssh_session, ssh_channel, int code, void* self) {
    static_cast<SshJob*>(self)->exitCode_ = code;
  };
  callbacks_->channel_exit_signal_function = [](ssh_session, ssh_channel, const char* name, int, const char*,
                                                const char*, void* self) {
    static_cast<SshJob*>(self)->exitCode_ = 128 + signalNumber(name);
  };
  callbacks_->channel_close_function = [](ssh_session, ssh_channel, void* self) {
    static_cast<SshJob*>(self)->closed_ = true;
  };
  ssh_callbacks_init(callbacks_.get());
  ssh_set_channel_callbacks(channel_, callbacks_.get());
}

bool SshJob::request(ssh_session session) {
  const int rc = ssh_channel_request_exec(channel_, command_.command.c_str());
  if (rc == SSH_AGAIN) {
    return false;
  }
  if (rc == SSH_OK) {
    state_ = State::Running;
    return true;
  }
  if (ssh_is_connected(session) != 0) {
    finish(Status(Code::Denied, cat(describe(target_), " refuses to run commands: ", lastError(session))));
  }
  return false;
}

int SshJob::take(std::string_view bytes, bool error) {
  if (finished_) {
    return static_cast<int>(bytes.size());
  }
  const auto& event = error ? events_.error : events_.output;
  if (!error) {
    printed_ += bytes.size();
  }
  if (printed_ <= command_.outputLimit && event) {
    event(bytes);
  }
  return static_cast<int>(bytes.size());
}

// Moves what can be moved. Answers whether there is more to come.
bool SshJob::pump() {
  if (printed_ > command_.outputLimit) {
    finish(Status(Code::Invalid, cat(describe(target_), ": the command printed more than ", command_.outputLimit,
                                     " bytes and was cut off")));
    return false;
  }
  while (inputAt_ < input_.size() && !closed_) {
    const std::size_t piece = std::min(input_.size() - inputAt_, kWrite);
    const int n = ssh_channel_write(channel_, input_.data() + inputAt_, static_cast<uint32_t>(piece));
    if (n <= 0) {
      break;
    }
    inputAt_ += static_cast<std::size_t>(n);
    sent_ += static_cast<std::uint64_t>(n);
    wrote_ = true;
  }
  if (inputAt_ == input_.size()) {
    input_.clear();
    inputAt_ = 0;
    if (closing_ && !eofSent_ && !closed_) {
      eofSent_ = true;
      ssh_channel_send_eof(channel_);
    } else if (std::exchange(wrote_, false) && events_.drained && !closed_) {
      events_.drained();
    }
  }
  if (closed_) {
    if (exitCode_) {
      finish(*exitCode_);
    } else {
      finish(Status(Code::OutcomeUnknown, cat(describe(target_), " closed the channel without an exit code")));
    }
    return false;
  }
  return true;
}

void SshJob::write(std::string_view bytes) {
  if (inputAt_ > 0) {
    input_.erase(0, std::exchange(inputAt_, 0));
  }
  input_.append(bytes);
}

bool SshJob::lose(const Status& why) {
  if (finished_) {
    return true;
  }
  // What libssh has of the channel goes with the session.
  closeChannel();
  if (!started_) {
    state_ = State::New;
    return false;
  }
  if (exitCode_) {
    finish(*exitCode_);
  } else {
    finish(Status(Code::OutcomeUnknown, cat("the connection was lost while the command ran: ", why.message())));
  }
  return true;
}

void SshJob::finish(Result<int> exit) {
  if (std::exchange(finished_, true)) {
    return;
  }
  closeChannel();
  outcome_ = exit.status();
  if (events_.exit) {
    events_.exit(std::move(exit));
  }
}

void SshJob::closeChannel() {
  if (channel_ != nullptr) {
    ssh_remove_channel_callbacks(channel_, callbacks_.get());
    ssh_channel_free(std::exchange(channel_, nullptr));
  }
}

}  // namespace slipway::transport
