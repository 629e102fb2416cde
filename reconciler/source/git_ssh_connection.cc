#include "reconciler/source/git_ssh_connection.h"

#include <array>

#include <libssh/libssh.h>
#include <poll.h>
#include <sys/socket.h>

#include "reconciler/base/strings.h"
#include "reconciler/source/known_hosts.h"
#include "reconciler/source/tcp_dial.h"

namespace slipway::source {
namespace {

constexpr std::size_t kErrorTextBytes = 4096;

struct FreeSession {
  void operator()(ssh_session session) const { ssh_free(session); }
};
struct FreeChannel {
  void operator()(ssh_channel channel) const { ssh_channel_free(channel); }
};
struct FreeKey {
  void operator()(ssh_key key) const { ssh_key_free(key); }
};
using Session = std::unique_ptr<ssh_session_struct, FreeSession>;
using Channel = std::unique_ptr<ssh_channel_struct, FreeChannel>;
using Key = std::unique_ptr<ssh_key_struct, FreeKey>;

struct HostKey {
  std::string blob;
  std::string type;
  std::string fingerprint;
};

// Host key algorithms for a session: those whose keys we know, else the modern ones, to show the fingerprint.
std::string hostKeyAlgorithms(const std::vector<std::string>& types) {
  std::string list;
  for (const std::string& type : types) {
    const std::string name = type == "ssh-rsa" ? "rsa-sha2-512,rsa-sha2-256" : type;
    list += (list.empty() ? "" : ",") + name;
  }
  return list.empty()
             ? "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256"
             : list;
}

HostKey readHostKey(ssh_session session) {
  HostKey out;
  ssh_key raw = nullptr;
  if (ssh_get_server_publickey(session, &raw) != SSH_OK) {
    return out;
  }
  const Key key(raw);
  char* base64 = nullptr;
  if (ssh_pki_export_pubkey_base64(key.get(), &base64) == SSH_OK) {
    base64Decode(base64, out.blob);
    ssh_string_free_char(base64);
  }
  const char* type = ssh_key_type_to_char(ssh_key_type(key.get()));
  out.type = type == nullptr ? "" : type;
  unsigned char* hash = nullptr;
  std::size_t size = 0;
  if (ssh_get_publickey_hash(key.get(), SSH_PUBLICKEY_HASH_SHA256, &hash, &size) == 0) {
    char* text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, size);
    out.fingerprint = text == nullptr ? "" : text;
    ssh_string_free_char(text);
    ssh_clean_pubkey_hash(&hash);
  }
  return out;
}

// The path stands in single quotes for the server's shell. Its grammar (git_url.h) has no quote.
std::string uploadPackCommand(const GitUrl& url) {
  const bool home = url.path.starts_with("/~");
  return cat("git-upload-pack '", home ? url.path.substr(1) : url.path, "'");
}

}  // namespace

struct GitSshConnection::State {
  explicit State(GitCall& theCall) : call(theCall) {}
  ~State() {
    if (channel) {
      ssh_channel_close(channel.get());
    }
    channel.reset();
    if (session) {
      ssh_disconnect(session.get());
    }
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  GitCall& call;
  Fd socket;
  Session session;
  Channel channel;
  std::string errorText;

  int failSsh(Code code, std::string_view what) {
    return call.fail({code, cat(what, ": ", printable(ssh_get_error(session.get())))});
  }

  // Waits for the socket. -1 past the deadline, or when the server was silent for the stall time.
  int wait(SteadyTime since) {
    const int millis = call.waitMillis();
    if (millis == 0) {
      return call.failLate();
    }
    if (call.options.clock.steady() - since > call.options.limits.stallTime) {
      return call.fail(
          {Code::Timeout, cat("the server was silent for ", formatDuration(call.options.limits.stallTime))});
    }
    const auto events = ssh_get_poll_flags(session.get());
    pollfd entry{ssh_get_fd(session.get()), POLLIN, 0};
    if ((events & SSH_WRITE_PENDING) != 0) {
      entry.events |= POLLOUT;
    }
    ::poll(&entry, 1, millis);
    return 0;
  }

  // Repeats a non-blocking libssh call until it answers something else than `again`.
  template <typename Call>
  int repeat(int again, int& result, Call step) {
    const SteadyTime since = call.options.clock.steady();
    while ((result = step()) == again) {
      if (wait(since) != 0) {
        return -1;
      }
    }
    return 0;
  }

  int connect();
  int checkHostKey();
  int authenticate();
  int withKey();
  int withPassword();
  int refused();
  int start();
  int explainEnd();
  void readErrorText();
};

int GitSshConnection::State::connect() {
  Result<Fd> dialled = dialServer(call);
  if (!dialled) {
    return call.fail(dialled.status());
  }
  socket = std::move(*dialled);
  session.reset(ssh_new());
  const KnownHosts known(call.credentials.knownHosts);
  const std::string algorithms = hostKeyAlgorithms(known.keyTypes(call.url.host, call.url.port));
  const std::string user = call.url.user.empty() ? "git" : call.url.user;
  // libssh closes the descriptor it is given.
  socket_t fd = socket.release();
  const int off = 0;
  ssh_options_set(session.get(), SSH_OPTIONS_HOST, call.url.host.c_str());
  ssh_options_set(session.get(), SSH_OPTIONS_USER, user.c_str());
  ssh_options_set(session.get(), SSH_OPTIONS_PROCESS_CONFIG, &off);
  ssh_options_set(session.get(), SSH_OPTIONS_FD, &fd);
  if (ssh_options_set(session.get(), SSH_OPTIONS_HOSTKEYS, algorithms.c_str()) != SSH_OK) {
    return call.fail({Code::Denied, cat("known_hosts of ", call.credentialName(),
                                        " lists only key types that are not supported: ", algorithms)});
  }
  ssh_set_blocking(session.get(), 0);
  int result = 0;
  if (repeat(SSH_AGAIN, result, [this] { return ssh_connect(session.get()); }) != 0) {
    return -1;
  }
  return result == SSH_OK ? 0 : failSsh(Code::Unavailable, "SSH connection");
}

int GitSshConnection::State::checkHostKey() {
  const HostKey key = readHostKey(session.get());
  const GitUrl& url = call.url;
  if (key.blob.empty()) {
    return failSsh(Code::Denied, "host key");
  }
  const std::string name = url.port == 22 ? url.host : cat("[", url.host, "]:", url.port);
  const std::string seen = cat("the server's host key is ", key.type, " ", key.fingerprint);
  switch (KnownHosts(call.credentials.knownHosts).check(url.host, url.port, key.blob)) {
    case HostKeyVerdict::Known:
      return 0;
    case HostKeyVerdict::Revoked:
      return call.fail({Code::Denied, cat(seen, ", which known_hosts of ", call.credentialName(), " revokes")});
    case HostKeyVerdict::Changed:
      return call.fail({Code::Denied, cat("host key mismatch: ", seen, ", but known_hosts of ", call.credentialName(),
                                          " lists another key for ", name)});
    case HostKeyVerdict::Unknown:
      break;
  }
  return call.fail(
      {Code::Denied, cat("host key not known: ", seen, "; when that is right, put the line \"", name, " ", key.type,
                         " ", base64Encode(key.blob), "\" into known_hosts (", call.credentialName(), ")")});
}

int GitSshConnection::State::refused() {
  return call.fail({Code::Denied, cat("authentication failed as user ", call.url.user.empty() ? "git" : call.url.user,
                                      ": ", call.credentialName())});
}

int GitSshConnection::State::withKey() {
  ssh_key raw = nullptr;
  const char* phrase = call.credentials.password.empty() ? nullptr : call.credentials.password.c_str();
  if (ssh_pki_import_privkey_base64(call.credentials.sshPrivateKey.c_str(), phrase, nullptr, nullptr, &raw) != SSH_OK) {
    return call.fail(
        {Code::Denied, cat("ssh-privatekey of ", call.credentialName(),
                           " cannot be read: it is no private key, or its passphrase (password) is wrong")});
  }
  const Key key(raw);
  int result = 0;
  if (repeat(SSH_AUTH_AGAIN, result, [&] { return ssh_userauth_publickey(session.get(), nullptr, key.get()); }) != 0) {
    return -1;
  }
  return result == SSH_AUTH_SUCCESS ? 0 : refused();
}

int GitSshConnection::State::withPassword() {
  int result = 0;
  const char* password = call.credentials.password.c_str();
  if (repeat(SSH_AUTH_AGAIN, result, [&] { return ssh_userauth_password(session.get(), nullptr, password); }) != 0) {
    return -1;
  }
  return result == SSH_AUTH_SUCCESS ? 0 : refused();
}

int GitSshConnection::State::authenticate() {
  if (!call.credentials.sshPrivateKey.empty()) {
    return withKey();
  }
  if (!call.credentials.password.empty()) {
    return withPassword();
  }
  return call.fail({Code::Denied, cat("git over SSH needs a key: put ssh-privatekey and known_hosts into a Secret (",
                                      call.credentialName(), ")")});
}

int GitSshConnection::State::start() {
  int result = 0;
  channel.reset(ssh_channel_new(session.get()));
  if (repeat(SSH_AGAIN, result, [this] { return ssh_channel_open_session(channel.get()); }) != 0) {
    return -1;
  }
  if (result != SSH_OK) {
    return failSsh(Code::Unavailable, "SSH channel");
  }
  const std::string command = uploadPackCommand(call.url);
  if (repeat(SSH_AGAIN, result, [&] { return ssh_channel_request_exec(channel.get(), command.c_str()); }) != 0) {
    return -1;
  }
  return result == SSH_OK ? 0 : failSsh(Code::Unavailable, "starting git-upload-pack");
}

void GitSshConnection::State::readErrorText() {
  std::array<char, 1024> text{};
  int got = 0;
  while ((got = ssh_channel_read_nonblocking(channel.get(), text.data(), text.size(), 1)) > 0) {
    if (errorText.size() < kErrorTextBytes) {
      errorText.append(text.data(), static_cast<std::size_t>(got));
    }
  }
}

// The stream ended: silent when the protocol was through, else with what the server's program said.
int GitSshConnection::State::explainEnd() {
  readErrorText();
  if (errorText.empty()) {
    return 0;
  }
  const std::string lower = lowerAscii(errorText);
  const bool missing = lower.find("not found") != std::string::npos ||
                       lower.find("does not appear") != std::string::npos ||
                       lower.find("does not exist") != std::string::npos || lower.find("no such") != std::string::npos;
  const bool denied = lower.find("denied") != std::string::npos || lower.find("not allowed") != std::string::npos;
  const std::string said = printable(lastLines(errorText, 3));
  if (missing) {
    return call.fail({Code::NotFound, cat("repository not found: ", said)});
  }
  return call.fail({denied ? Code::Denied : Code::Unavailable, cat("the git server says: ", said)});
}

GitSshConnection::GitSshConnection(GitCall& call) : state_(std::make_unique<State>(call)) {}
GitSshConnection::~GitSshConnection() = default;

int GitSshConnection::open() {
  const bool done =
      state_->connect() == 0 && state_->checkHostKey() == 0 && state_->authenticate() == 0 && state_->start() == 0;
  return done ? 0 : -1;
}

int GitSshConnection::read(char* out, std::size_t size, std::size_t& got) {
  got = 0;
  const SteadyTime since = state_->call.options.clock.steady();
  while (true) {
    const int result = ssh_channel_read_nonblocking(state_->channel.get(), out, static_cast<std::uint32_t>(size), 0);
    if (result > 0) {
      got = static_cast<std::size_t>(result);
      return state_->call.count(got) ? 0 : -1;
    }
    if (result == SSH_EOF || ssh_channel_is_eof(state_->channel.get()) != 0) {
      return state_->explainEnd();
    }
    if (result == SSH_ERROR) {
      return state_->failSsh(Code::Unavailable, "SSH connection");
    }
    state_->readErrorText();
    if (state_->wait(since) != 0) {
      return -1;
    }
  }
}

int GitSshConnection::write(const char* data, std::size_t size) {
  const SteadyTime since = state_->call.options.clock.steady();
  while (size > 0) {
    const int sent = ssh_channel_write(state_->channel.get(), data, static_cast<std::uint32_t>(size));
    if (sent == SSH_ERROR) {
      return state_->failSsh(Code::Unavailable, "SSH connection");
    }
    if (sent > 0) {
      data += sent;
      size -= static_cast<std::size_t>(sent);
    } else if (state_->wait(since) != 0) {
      return -1;
    }
  }
  return 0;
}

}  // namespace slipway::source
