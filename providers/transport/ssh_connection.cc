#include "providers/transport/ssh_connection.h"

#include <cerrno>
#include <cstring>

#include <libssh/libssh.h>
#include <poll.h>
#include <unistd.h>

#include "providers/transport/refusals.h"
#include "reconciler/base/strings.h"

namespace slipway::transport {
namespace {

constexpr int kPacketRounds = 256;  // then others get their turn; the descriptor stays ready

}  // namespace

SshConnection::SshConnection(RemoteTarget target) : target_(std::move(target)) {}

SshConnection::~SshConnection() { fail(Status(Code::Cancelled, "the connection was closed")); }

int SshConnection::fd() const {
  if (session_ != nullptr) {
    return ssh_get_fd(session_.get());
  }
  return dialling_;
}

short SshConnection::pollEvents() const {
  if (session_ == nullptr) {
    return POLLOUT;
  }
  return (ssh_get_poll_flags(session_.get()) & SSH_WRITE_PENDING) != 0 ? POLLIN | POLLOUT : POLLIN;
}

void SshConnection::dial(std::vector<SocketAddress> addresses) {
  addresses_ = std::move(addresses);
  nextAddress_ = 0;
  problem_ = Status(Code::Unavailable, cat(describe(target_), ": no address"));
  dialNext();
}

void SshConnection::dialNext() {
  while (nextAddress_ < addresses_.size()) {
    state_ = State::Dialling;
    dialling_ = openSocket(addresses_[nextAddress_++]);
    if (dialling_ >= 0) {
      return;
    }
    problem_ = Status(Code::Unavailable, cat("cannot connect to ", describe(target_), ": ", std::strerror(errno)));
  }
  fail(problem_);
}

void SshConnection::giveUpAddress() {
  if (state_ != State::Dialling) {
    return;
  }
  ::close(std::exchange(dialling_, -1));
  problem_ = Status(Code::Unavailable, cat("cannot connect to ", describe(target_), ": no answer"));
  dialNext();
}

void SshConnection::advance() {
  if (state_ == State::Dialling) {
    advanceDialling();
  }
  if (state_ == State::Greeting) {
    advanceGreeting();
  }
  if (state_ == State::Authenticating) {
    advanceAuthentication();
  }
  if (state_ != State::Ready) {
    return;
  }
  pumpPackets();
  const auto all = jobs;
  for (const auto& job : all) {
    if (state_ != State::Ready) {
      return;
    }
    if (!job->advance(session_.get()) && job->finished()) {
      jobs.remove(job);
    }
  }
  if (state_ == State::Ready && ssh_is_connected(session_.get()) == 0) {
    fail(Status(Code::Unavailable, cat(describe(target_), ": ", lastError(session_.get()))));
  }
}

void SshConnection::advanceDialling() {
  pollfd one{dialling_, POLLOUT, 0};
  if (::poll(&one, 1, 0) <= 0) {
    return;
  }
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(dialling_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    ::close(std::exchange(dialling_, -1));
    problem_ = Status(Code::Unavailable, cat("cannot connect to ", describe(target_), ": ", std::strerror(error)));
    dialNext();
    return;
  }
  Result<Session> session = newSession(std::exchange(dialling_, -1), target_.user, hostKeyAlgorithms(target_.hostKeys));
  if (!session) {
    fail(session.status());
    return;
  }
  session_ = std::move(*session);
  state_ = State::Greeting;
}

void SshConnection::advanceGreeting() {
  const int rc = ssh_connect(session_.get());
  if (rc == SSH_AGAIN) {
    return;
  }
  if (rc != SSH_OK) {
    const std::string why = lastError(session_.get());
    // The one failure that is about keys: the server has none of a pinned type, and no other type is tried.
    if (why.find("server host key algo") != std::string::npos) {
      fail(noHostKeyOfPinnedType(target_));
    } else {
      fail(Status(Code::Unavailable, cat("no SSH connection to ", describe(target_), ": ", why)));
    }
    return;
  }
  if (Status trusted = checkServerKey(session_.get(), target_); !trusted) {
    fail(std::move(trusted));
    return;
  }
  Result<Key> key = importKey(target_);
  if (!key) {
    fail(key.status());
    return;
  }
  key_ = std::move(*key);
  state_ = State::Authenticating;
}

void SshConnection::advanceAuthentication() {
  switch (ssh_userauth_publickey(session_.get(), nullptr, key_.get())) {
    case SSH_AUTH_AGAIN:
      return;
    case SSH_AUTH_SUCCESS:
      break;
    case SSH_AUTH_DENIED:
    case SSH_AUTH_PARTIAL:
      fail(keyNotAccepted(target_));
      return;
    default:
      fail(Status(Code::Unavailable,
                  cat("authentication with ", describe(target_), " broke off: ", lastError(session_.get()))));
      return;
  }
  key_.reset();
  event_ = ssh_event_new();
  if (event_ == nullptr || ssh_event_add_session(event_, session_.get()) != SSH_OK) {
    fail(Status(Code::Unavailable, "no memory for a connection"));
    return;
  }
  state_ = State::Ready;
  wasReady_ = true;
}

// Each round is one poll and one read of the library's.
void SshConnection::pumpPackets() {
  for (int round = 0; round < kPacketRounds; ++round) {
    pollfd one{fd(), pollEvents(), 0};
    if (::poll(&one, 1, 0) <= 0) {
      return;
    }
    if (ssh_event_dopoll(event_, 0) == SSH_ERROR) {
      fail(Status(Code::Unavailable, cat(describe(target_), ": ", lastError(session_.get()))));
      return;
    }
  }
}

void SshConnection::fail(Status why) {
  if (state_ == State::Dead) {
    return;
  }
  state_ = State::Dead;
  problem_ = std::move(why);
  // Jobs free their channels first: the session's end would free them too.
  for (auto at = jobs.begin(); at != jobs.end();) {
    at = (*at)->lose(problem_) ? jobs.erase(at) : std::next(at);
  }
  if (session_ != nullptr) {
    if (event_ != nullptr) {
      ssh_event_remove_session(event_, session_.get());
      ssh_event_free(std::exchange(event_, nullptr));
    }
    if (wasReady_ && ssh_is_connected(session_.get()) != 0) {
      ssh_disconnect(session_.get());
    }
    session_.reset();
  }
  if (dialling_ >= 0) {
    ::close(std::exchange(dialling_, -1));
  }
}

}  // namespace slipway::transport
