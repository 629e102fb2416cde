#include "providers/transport/open_ssh_job.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "providers/transport/refusals.h"
#include "reconciler/base/strings.h"

namespace slipway::transport {
namespace {

constexpr std::size_t kPiece = 64U << 10U;
constexpr int kRounds = 16;  // then others get their turn; the descriptor stays ready
constexpr int kSshFailed = 255;

// Hands what is there to `take`, up to some rounds. False at the end of the stream.
template <typename Take>
bool drain(int fd, Take take) {
  std::array<char, kPiece> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): read(2) fills it
  for (int round = 0; round < kRounds; ++round) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n > 0) {
      take(std::string_view(buffer.data(), static_cast<std::size_t>(n)));
    } else if (n == 0) {
      return false;
    } else if (errno != EINTR) {
      return errno == EAGAIN;
    }
  }
  return true;
}

}  // namespace

OpenSshJob::OpenSshJob(RemoteTarget target, RemoteCommand command, RemoteEvents events)
    : CommandJob(std::move(target), std::move(command), std::move(events)) {}

OpenSshJob::~OpenSshJob() { closeLog(); }

// Nothing is left to configuration files, agents, terminals or the network's word for a key.
std::vector<std::string> OpenSshJob::arguments() const {
  std::vector<std::string> words = {"-F", "none", "-T", "-a", "-x", "-E", OpenSshFolder::kLog};
  const auto option = [&words](const std::string& text) {
    words.emplace_back("-o");
    words.push_back(text);
  };
  // The program that answers for the passphrase counts as somebody who is asked.
  option(target().passphrase.empty() ? "BatchMode=yes" : "NumberOfPasswordPrompts=1");
  option("StrictHostKeyChecking=yes");
  option(cat("UserKnownHostsFile=", OpenSshFolder::kKnownHosts));
  option("GlobalKnownHostsFile=none");
  option(cat("HostKeyAlias=", OpenSshFolder::kHost));
  option(cat("HostKeyAlgorithms=", hostKeyAlgorithms(target().hostKeys)));
  option("CheckHostIP=no");
  option("UpdateHostKeys=no");
  option("VerifyHostKeyDNS=no");
  option(cat("IdentityFile=", OpenSshFolder::kKey));
  option("IdentitiesOnly=yes");
  option("IdentityAgent=none");
  option("PreferredAuthentications=publickey");
  option("PasswordAuthentication=no");
  option("KbdInteractiveAuthentication=no");
  option("ControlMaster=no");
  option("ControlPath=none");
  option("ConnectionAttempts=1");
  option("ServerAliveInterval=15");
  option("ServerAliveCountMax=4");
  option("EscapeChar=none");
  option("LogLevel=DEBUG1");
  for (const std::string& word : {std::string("-l"), target().user, std::string("-p"), cat(target().port),
                                  std::string("--"), target().address, commandText()}) {
    words.push_back(word);
  }
  return words;
}

Status OpenSshJob::launch(const std::string& program, const std::string& directory) {
  Result<std::unique_ptr<OpenSshFolder>> folder = OpenSshFolder::make(directory, target());
  SLIPWAY_RETURN_IF_ERROR(folder.status());
  const Result<int> log = (*folder)->openLog();
  SLIPWAY_RETURN_IF_ERROR(log.status());
  logFd_ = *log;
  std::vector<std::string> environment = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C"};
  if (!target().passphrase.empty()) {
    // An OpenSSH before 8.4 wants a display to believe that there is nobody at a terminal.
    environment.insert(environment.end(),
                       {cat("SSH_ASKPASS=", OpenSshFolder::kAskPass), "SSH_ASKPASS_REQUIRE=force", "DISPLAY=none"});
  }
  Result<std::unique_ptr<ChildProcess>> child =
      ChildProcess::start({program, arguments(), std::move(environment), (*folder)->path()});
  if (!child) {
    closeLog();
    return child.status();
  }
  folder_ = std::move(*folder);
  child_ = std::move(*child);
  return Status::ok();
}

bool OpenSshJob::countOnce() {
  return (launched() || finished()) && (log_.authenticated() || finished()) && !std::exchange(counted_, true);
}

void OpenSshJob::addTo(std::vector<pollfd>& fds) const {
  if (child_ == nullptr) {
    return;
  }
  for (const int fd : {child_->output(), child_->error(), logFd_}) {
    if (fd >= 0) {
      fds.push_back({fd, POLLIN, 0});
    }
  }
  if (started() && child_->input() >= 0 && !waitingInput().empty()) {
    fds.push_back({child_->input(), POLLOUT, 0});
  }
}

bool OpenSshJob::isEnding() const { return child_ != nullptr && child_->output() < 0 && child_->error() < 0; }

void OpenSshJob::advance() {
  if (finished() || child_ == nullptr) {
    return;
  }
  // A server's banner comes on the same stream as what the command prints as errors, but before the command went out.
  // So first the errors, then whether it went out: what was there before is none of the command's.
  const std::string errors = readError();
  readLog();
  readOutput();
  if (started() && !errors.empty()) {
    take(errors, true);
  }
  if (isOverLimit()) {
    return;
  }
  if (logEnded_ || (isEnding() && child_->poll())) {
    conclude();
    return;
  }
  pushInput();
}

void OpenSshJob::readLog() {
  if (logFd_ < 0) {
    return;
  }
  const bool more = drain(logFd_, [this](std::string_view bytes) {
    logBegan_ = true;
    log_.take(bytes);
  });
  // Before ssh has opened the pipe it reads as if it was at its end.
  logEnded_ = !more && logBegan_;
  if (log_.commandSent() && !started()) {
    folder_->dropSecrets();
    markStarted();
  }
}

std::string OpenSshJob::readError() {
  std::string errors;
  if (child_->error() >= 0 && !drain(child_->error(), [&](std::string_view bytes) { errors += bytes; })) {
    child_->closeError();
  }
  return errors;
}

void OpenSshJob::readOutput() {
  if (child_->output() < 0) {
    return;
  }
  const bool more = drain(child_->output(), [this](std::string_view bytes) {
    markStarted();
    take(bytes, false);
  });
  if (!more) {
    child_->closeOutput();
  }
}

void OpenSshJob::pushInput() {
  if (!started() || child_->input() < 0) {
    return;
  }
  while (!waitingInput().empty()) {
    const std::string_view piece = waitingInput().substr(0, kPiece);
    const ssize_t n = ::send(child_->input(), piece.data(), piece.size(), MSG_NOSIGNAL);
    if (n > 0) {
      noteSent(static_cast<std::size_t>(n));
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else if (n < 0 && errno != EAGAIN) {
      child_->closeInput();  // ssh takes no more: its end tells why
      return;
    } else {
      return;
    }
  }
  if (settleInput()) {
    child_->closeInput();
  }
}

void OpenSshJob::conclude() {
  const int status = child_->wait();
  // Nobody writes any more: what is left is there already.
  std::string errors;
  while (child_->error() >= 0) {
    errors += readError();
  }
  while (child_->output() >= 0 && !isOverLimit()) {
    readOutput();
  }
  readLog();
  if (finished()) {
    return;
  }
  if (started() && !errors.empty()) {
    take(errors, true);
  }
  const bool exited = WIFEXITED(status);
  if (log_.gotExitStatus() && exited) {
    finish(WEXITSTATUS(status));
  } else if (log_.gotExitSignal()) {
    finish(128);  // by a signal that ssh does not name
  } else if (started() && exited && WEXITSTATUS(status) != kSshFailed) {
    finish(WEXITSTATUS(status));
  } else {
    finish(lost(status));
  }
}

Status OpenSshJob::lost(int status) const {
  if (WIFSIGNALED(status)) {
    return {started() || authenticated() ? Code::OutcomeUnknown : Code::Unavailable,
            cat(describe(target()), ": the ssh program was ended by signal ", WTERMSIG(status))};
  }
  return log_.failure(target());
}

void OpenSshJob::halt() {
  if (child_ != nullptr && !finished()) {
    child_->kill();
    readLog();
  }
}

void OpenSshJob::letGo() {
  child_.reset();
  folder_.reset();
  closeLog();
}

void OpenSshJob::closeLog() {
  if (logFd_ >= 0) {
    ::close(std::exchange(logFd_, -1));
  }
}

}  // namespace slipway::transport
