#include "providers/transport/ssh_library.h"

#include <algorithm>

#include <libssh/libssh.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "providers/transport/host_keys.h"
#include "providers/transport/refusals.h"
#include "reconciler/base/strings.h"

namespace slipway::transport {
namespace {

// curve25519 first: the cheapest for both sides.
constexpr const char* kKeyExchange =
    "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,"
    "diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group14-sha256";
constexpr const char* kCiphers =
    "aes128-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr";
constexpr const char* kMacs = "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512";
constexpr const char* kUserKeys =
    "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256";

std::string_view blobOf(std::string_view line) {
  line = trim(line);
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) {
    return {};
  }
  const std::string_view rest = trim(line.substr(space + 1));
  return rest.substr(0, rest.find(' '));
}

bool setOptions(ssh_session session, const std::string& user, const std::string& algorithms) {
  const bool processConfig = false;
  return ssh_options_set(session, SSH_OPTIONS_PROCESS_CONFIG, &processConfig) == SSH_OK &&
         ssh_options_set(session, SSH_OPTIONS_HOST, "server") == SSH_OK &&
         ssh_options_set(session, SSH_OPTIONS_USER, user.c_str()) == SSH_OK &&
         ssh_options_set(session, SSH_OPTIONS_KEY_EXCHANGE, kKeyExchange) == SSH_OK &&
         ssh_options_set(session, SSH_OPTIONS_HOSTKEYS, algorithms.c_str()) == SSH_OK &&
         ssh_options_set(session, SSH_OPTIONS_PUBLICKEY_ACCEPTED_TYPES, kUserKeys) == SSH_OK &&
         ssh_options_set(session, SSH_OPTIONS_CIPHERS_C_S, kCiphers) == SSH_OK &&
         ssh_options_set(session, SSH_OPTIONS_CIPHERS_S_C, kCiphers) == SSH_OK &&
         ssh_options_set(session, SSH_OPTIONS_HMAC_C_S, kMacs) == SSH_OK &&
         ssh_options_set(session, SSH_OPTIONS_HMAC_S_C, kMacs) == SSH_OK &&
         ssh_options_set(session, SSH_OPTIONS_COMPRESSION, "no") == SSH_OK;
}

}  // namespace

void SessionFree::operator()(ssh_session session) const { ssh_free(session); }

void KeyFree::operator()(ssh_key key) const { ssh_key_free(key); }

Status checkLibrary() {
  if (ssh_init() != SSH_OK) {
    return {Code::Unavailable, "libssh cannot be initialised"};
  }
  const Session session(ssh_new());
  if (session == nullptr || !setOptions(session.get(), "none", "ssh-ed25519,rsa-sha2-512,rsa-sha2-256")) {
    return {Code::Unavailable, cat("libssh lacks algorithms: ", session == nullptr ? "" : lastError(session.get()))};
  }
  return Status::ok();
}

Result<Session> newSession(int fd, const std::string& user, const std::string& hostKeyAlgorithms) {
  Session session(ssh_new());
  if (session == nullptr || ssh_options_set(session.get(), SSH_OPTIONS_FD, &fd) != SSH_OK ||
      !setOptions(session.get(), user, hostKeyAlgorithms)) {
    const std::string why = session == nullptr ? "no memory" : lastError(session.get());
    session.reset();
    ::close(fd);
    return Status(Code::Invalid, cat("cannot set up an SSH session: ", why));
  }
  ssh_set_blocking(session.get(), 0);
  return session;
}

Result<std::string> serverKey(ssh_session session) {
  ssh_key raw = nullptr;
  if (ssh_get_server_publickey(session, &raw) != SSH_OK) {
    return Status(Code::Unavailable, cat("the server showed no key: ", lastError(session)));
  }
  const Key key(raw);
  char* base64 = nullptr;
  if (ssh_pki_export_pubkey_base64(raw, &base64) != SSH_OK) {
    return Status(Code::Unavailable, "the server's key cannot be read");
  }
  std::string line = cat(ssh_key_type_to_char(ssh_key_type(raw)), " ", static_cast<const char*>(base64));
  ssh_string_free_char(base64);
  return line;
}

Status checkServerKey(ssh_session session, const RemoteTarget& target) {
  const Result<std::string> shown = serverKey(session);
  if (!shown) {
    return shown.status();
  }
  const bool pinned = std::any_of(target.hostKeys.begin(), target.hostKeys.end(),
                                  [&](const std::string& pin) { return blobOf(pin) == blobOf(*shown); });
  return pinned ? Status::ok()
                : otherHostKey(target, cat(shown->substr(0, shown->find(' ')), " ", fingerprint(*shown)));
}

Result<Key> importKey(const RemoteTarget& target) {
  ssh_key raw = nullptr;
  const char* passphrase = target.passphrase.empty() ? nullptr : target.passphrase.c_str();
  // Without a callback libssh would ask on the terminal for a missing passphrase.
  const auto refuse = [](const char*, char*, size_t, int, int, void*) { return -1; };
  const int rc = ssh_pki_import_privkey_base64(target.privateKey.c_str(), passphrase, refuse, nullptr, &raw);
  if (rc != SSH_OK || raw == nullptr) {
    return keyUnusable(target);
  }
  return Key(raw);
}

std::string lastError(ssh_session session) { return printable(ssh_get_error(session)); }

int openSocket(const SocketAddress& address) {
  const int fd = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    return -1;
  }
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.length) != 0 && errno != EINPROGRESS) {
    const int error = errno;
    ::close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

}  // namespace slipway::transport
