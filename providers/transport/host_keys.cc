#include "providers/transport/host_keys.h"

#include <cerrno>
#include <cstring>

#include <libssh/libssh.h>
#include <poll.h>
#include <unistd.h>

#include "providers/transport/ssh_library.h"
#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"

namespace slipway::transport {
namespace {

constexpr const char* kKinds[] = {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
                                  "rsa-sha2-512,rsa-sha2-256"};

// Waits for the descriptor; false when the time is over.
bool await(int fd, short events, const Clock& clock, SteadyTime deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock.steady()).count();
    pollfd one{fd, events, 0};
    const int ready = left > 0 ? ::poll(&one, 1, static_cast<int>(left)) : 0;
    if (ready >= 0 || errno != EINTR) {
      return ready > 0;
    }
  }
}

Result<int> dial(const std::vector<SocketAddress>& addresses, const Clock& clock, SteadyTime deadline) {
  Status last(Code::Unavailable, "no address");
  for (const SocketAddress& address : addresses) {
    const int fd = openSocket(address);
    if (fd < 0) {
      last = Status(Code::Unavailable, std::strerror(errno));
      continue;
    }
    int error = 0;
    socklen_t size = sizeof error;
    if (!await(fd, POLLOUT, clock, deadline)) {
      last = Status(Code::Timeout, "no answer");
    } else if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0) {
      return fd;
    } else {
      last = Status(Code::Unavailable, std::strerror(error));
    }
    ::close(fd);
  }
  return last;
}

// The server's key of one kind; NotFound when it has none.
Result<std::string> scanKind(const std::vector<SocketAddress>& addresses, const char* kind, const Clock& clock,
                             SteadyTime deadline) {
  const Result<int> fd = dial(addresses, clock, deadline);
  if (!fd) {
    return fd.status();
  }
  const Result<Session> session = newSession(*fd, "none", kind);
  if (!session) {
    return session.status();
  }
  for (;;) {
    const int rc = ssh_connect(session->get());
    if (rc == SSH_OK) {
      Result<std::string> key = serverKey(session->get());
      ssh_disconnect(session->get());
      return key;
    }
    if (rc != SSH_AGAIN) {
      return Status(Code::NotFound, lastError(session->get()));
    }
    const short wanted = (ssh_get_poll_flags(session->get()) & SSH_WRITE_PENDING) != 0 ? POLLIN | POLLOUT : POLLIN;
    if (!await(ssh_get_fd(session->get()), wanted, clock, deadline)) {
      return Status(Code::Timeout, "no answer to the SSH greeting");
    }
  }
}

}  // namespace

Result<std::vector<std::string>> scanHostKeys(const std::string& address, std::uint16_t port, Duration timeout) {
  const std::unique_ptr<Clock> clock = newSystemClock();
  const SteadyTime deadline = clock->steady() + timeout;
  const Result<std::vector<SocketAddress>> addresses = NameResolver::lookUp(address, port, false);
  if (!addresses) {
    return addresses.status();
  }
  std::vector<std::string> lines;
  Status last;
  for (const char* kind : kKinds) {
    Result<std::string> key = scanKind(*addresses, kind, *clock, deadline);
    if (key) {
      lines.push_back(std::move(*key));
    } else if (key.code() != Code::NotFound) {
      return key.status().withContext(cat(address, ":", port));
    } else {
      last = key.status();
    }
  }
  if (lines.empty()) {
    return Status(Code::Unavailable, cat(address, ":", port, ": no SSH host key: ", last.message()));
  }
  return lines;
}

std::string fingerprint(std::string_view hostKeyLine) {
  const std::vector<std::string> words = split(trim(hostKeyLine), ' ');
  std::string blob;
  if (words.size() < 2 || words[1].empty() || !base64Decode(words[1], blob)) {
    return {};
  }
  const std::string hex = sha256Hex(blob);
  std::string digest;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    digest.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  std::string text = base64Encode(digest);
  while (!text.empty() && text.back() == '=') {
    text.pop_back();
  }
  return cat("SHA256:", text);
}

}  // namespace slipway::transport
