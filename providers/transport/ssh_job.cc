#include "providers/transport/ssh_job.h"

#include <csignal>
#include <utility>

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include "providers/transport/refusals.h"
#include "providers/transport/ssh_library.h"
#include "reconciler/base/strings.h"

namespace slipway::transport {
namespace {

// libssh's buffers grow to twice a packet and keep that size for the life of the connection.
constexpr std::size_t kWrite = 15U << 10U;

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
    : CommandJob(std::move(target), std::move(command), std::move(events)) {}

SshJob::~SshJob() { closeChannel(); }

bool SshJob::advance(ssh_session session) {
  if (finished()) {
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
        finish(Status(Code::Unavailable, cat(describe(target()), " refuses another session: ", lastError(session))));
      }
      return false;
    }
    state_ = State::Requesting;
    markStarted();
  }
  if (state_ == State::Requesting && !request(session)) {
    return !finished();
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
    static_cast<SshJob*>(self)->take({static_cast<const char*>(data), size}, error != 0);
    return static_cast<int>(size);
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
  const int rc = ssh_channel_request_exec(channel_, commandText().c_str());
  if (rc == SSH_AGAIN) {
    return false;
  }
  if (rc == SSH_OK) {
    state_ = State::Running;
    return true;
  }
  if (ssh_is_connected(session) != 0) {
    finish(Status(Code::Denied, cat(describe(target()), " refuses to run commands: ", lastError(session))));
  }
  return false;
}

// Moves what can be moved. Answers whether there is more to come.
bool SshJob::pump() {
  if (isOverLimit()) {
    return false;
  }
  // What the socket does not take now waits here rather than in libssh, encrypted.
  ssh_session session = ssh_channel_get_session(channel_);
  while (!waitingInput().empty() && !closed_ && (ssh_get_poll_flags(session) & SSH_WRITE_PENDING) == 0) {
    const std::string_view piece = waitingInput().substr(0, kWrite);
    const int n = ssh_channel_write(channel_, piece.data(), static_cast<uint32_t>(piece.size()));
    if (n <= 0) {
      break;
    }
    noteSent(static_cast<std::size_t>(n));
  }
  if (!closed_ && settleInput()) {
    ssh_channel_send_eof(channel_);
  }
  if (closed_) {
    if (exitCode_) {
      finish(*exitCode_);
    } else {
      finish(Status(Code::OutcomeUnknown, cat(describe(target()), " closed the channel without an exit code")));
    }
    return false;
  }
  return true;
}

bool SshJob::lose(const Status& why) {
  if (finished()) {
    return true;
  }
  // What libssh has of the channel goes with the session.
  closeChannel();
  if (!started()) {
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

void SshJob::letGo() { closeChannel(); }

void SshJob::closeChannel() {
  if (channel_ != nullptr) {
    ssh_remove_channel_callbacks(channel_, callbacks_.get());
    ssh_channel_free(std::exchange(channel_, nullptr));
  }
}

}  // namespace slipway::transport
