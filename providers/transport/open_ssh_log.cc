#include "providers/transport/open_ssh_log.h"

#include "providers/transport/refusals.h"
#include "reconciler/base/strings.h"

namespace slipway::transport {
namespace {

constexpr std::size_t kLineLimit = 4096;
constexpr std::string_view kDebug = "debug1: ";

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace

void OpenSshLog::take(std::string_view bytes) {
  for (const char c : bytes) {
    if (c == '\n') {
      takeLine(trim(pending_));
      pending_.clear();
    } else if (pending_.size() < kLineLimit) {
      pending_.push_back(c);
    }
  }
}

void OpenSshLog::takeLine(std::string_view line) {
  if (line.starts_with(kDebug)) {
    takeDebug(line.substr(kDebug.size()));
  } else if (!line.empty()) {
    takeMessage(line);
  }
}

void OpenSshLog::takeDebug(std::string_view text) {
  if (text.starts_with("Server host key: ")) {
    if (hostKey_.empty()) {
      hostKey_ = printable(text.substr(text.find(": ") + 2));
    }
  } else if (text.starts_with("Sending command: ")) {
    authenticated_ = true;
    commandSent_ = true;
  } else if (contains(text, "rtype exit-status")) {
    gotExitStatus_ = true;
  } else if (contains(text, "rtype exit-signal")) {
    gotExitSignal_ = true;
  }
}

void OpenSshLog::takeMessage(std::string_view text) {
  if (text.starts_with("Authenticated to ")) {
    authenticated_ = true;
    return;
  }
  if (text.starts_with("Transferred: ") || text.starts_with("Bytes per second: ")) {
    return;
  }
  hostKeyRefused_ = hostKeyRefused_ || text.starts_with("Host key verification failed");
  noCommonHostKey_ = noCommonHostKey_ || contains(text, "no matching host key type");
  keyRefused_ = keyRefused_ || contains(text, "Permission denied (") || contains(text, "Too many authentication fail");
  keyUnusable_ = keyUnusable_ || text.starts_with("Load key ");
  sessionRefused_ = sessionRefused_ || (text.starts_with("channel ") && contains(text, "open failed"));
  commandRefused_ = commandRefused_ || text.starts_with("exec request failed");
  last_ = printable(text.starts_with("ssh: ") ? text.substr(5) : text);
}

Status OpenSshLog::failure(const RemoteTarget& target) const {
  const std::string why = last_.empty() ? "ssh ended without a message" : last_;
  if (!authenticated_) {
    if (noCommonHostKey_) {
      return noHostKeyOfPinnedType(target);
    }
    if (hostKeyRefused_) {
      return otherHostKey(target, hostKey_.empty() ? "one that ssh does not name" : hostKey_);
    }
    if (keyRefused_) {
      return keyUnusable_ ? keyUnusable(target) : keyNotAccepted(target);
    }
    return {Code::Unavailable, cat("no SSH connection to ", describe(target), ": ", why)};
  }
  if (sessionRefused_) {
    return {Code::Unavailable, cat(describe(target), " refuses another session: ", why)};
  }
  if (commandRefused_) {
    return {Code::Denied, cat(describe(target), " refuses to run commands: ", why)};
  }
  return {Code::OutcomeUnknown, cat(describe(target), ": the connection was lost while the command ran: ", why)};
}

}  // namespace slipway::transport
