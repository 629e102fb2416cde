#include "providers/transport/child_process.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reconciler/base/strings.h"

namespace slipway::transport {
namespace {

void closeOnce(int& fd) {
  if (fd >= 0) {
    ::close(std::exchange(fd, -1));
  }
}

// Both ends of three channels; what is still here at the end is closed.
class Channels {
 public:
  Channels() = default;
  ~Channels() {
    for (int& fd : fds_) {
      closeOnce(fd);
    }
  }
  Channels(const Channels&) = delete;
  Channels& operator=(const Channels&) = delete;

  bool open() {
    return ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds_.data()) == 0 &&
           ::pipe2(fds_.data() + 2, O_CLOEXEC) == 0 && ::pipe2(fds_.data() + 4, O_CLOEXEC) == 0 && unblock(fds_[0]) &&
           unblock(fds_[2]) && unblock(fds_[4]);
  }
  // What the child reads or writes as descriptor 0, 1 or 2.
  int theirs(int number) const { return fds_[number == 0 ? 1 : 2 * number + 1]; }
  int takeOurs(int number) { return std::exchange(fds_[2 * number], -1); }

 private:
  static bool unblock(int fd) { return ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK) == 0; }

  std::array<int, 6> fds_{-1, -1, -1, -1, -1, -1};
};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (const std::string& text : texts) {
    out.push_back(const_cast<char*>(text.c_str()));
  }
  out.push_back(nullptr);
  return out;
}

// What the child does between its birth and the program.
class SpawnPlan {
 public:
  SpawnPlan(const Channels& channels, const std::string& directory) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
    for (int number = 0; number < 3; ++number) {
      failed(posix_spawn_file_actions_adddup2(&actions_, channels.theirs(number), number));
    }
    failed(posix_spawn_file_actions_addchdir_np(&actions_, directory.c_str()));
    // The daemon blocks some signals and ignores others; the program wants them as usual.
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    failed(posix_spawnattr_setsigmask(&attributes_, &none));
    failed(posix_spawnattr_setsigdefault(&attributes_, &all));
    failed(posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID));
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  // 0 or an errno.
  int run(const ChildSpec& spec, pid_t& pid) const {
    if (error_ != 0) {
      return error_;
    }
    std::vector<std::string> words = {spec.program};
    words.insert(words.end(), spec.arguments.begin(), spec.arguments.end());
    return ::posix_spawn(&pid, spec.program.c_str(), &actions_, &attributes_, pointers(words).data(),
                         pointers(spec.environment).data());
  }

 private:
  void failed(int error) {
    if (error_ == 0) {
      error_ = error;
    }
  }

  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
  int error_ = 0;
};

Status startError(const ChildSpec& spec, int error) {
  const bool scarce = error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE;
  return {scarce ? Code::Unavailable : Code::Invalid, cat("cannot start ", spec.program, ": ", std::strerror(error))};
}

}  // namespace

Result<std::unique_ptr<ChildProcess>> ChildProcess::start(const ChildSpec& spec) {
  Channels channels;
  if (!channels.open()) {
    return startError(spec, errno);
  }
  pid_t pid = -1;
  if (const int error = SpawnPlan(channels, spec.directory).run(spec, pid); error != 0) {
    return startError(spec, error);
  }
  return std::unique_ptr<ChildProcess>(
      new ChildProcess(pid, channels.takeOurs(0), channels.takeOurs(1), channels.takeOurs(2)));
}

ChildProcess::~ChildProcess() {
  kill();
  closeInput();
  closeOutput();
  closeError();
}

void ChildProcess::closeInput() { closeOnce(input_); }
void ChildProcess::closeOutput() { closeOnce(output_); }
void ChildProcess::closeError() { closeOnce(error_); }

std::optional<int> ChildProcess::poll() {
  int status = 0;
  if (!status_ && ::waitpid(pid_, &status, WNOHANG) == pid_) {
    status_ = status;
  }
  return status_;
}

int ChildProcess::kill() {
  if (!poll()) {
    ::kill(pid_, SIGKILL);
  }
  return wait();
}

int ChildProcess::wait() {
  while (!status_) {
    int status = 0;
    const pid_t ended = ::waitpid(pid_, &status, 0);
    if (ended == pid_) {
      status_ = status;
    } else if (errno != EINTR) {
      status_ = 0x7f00;  // somebody else took it: as a program that could not be run
    }
  }
  return *status_;
}

}  // namespace slipway::transport
