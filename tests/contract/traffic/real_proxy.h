#pragma once

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reconciler/ports/traffic.h"
#include "tests/contract/traffic/loopback_http.h"
#include "tests/support/http/unused_port.h"
#include "tests/support/real/built_program.h"
#include "tests/support/temp_dir.h"

namespace slipway {

// A proxy of the test's own, with a folder, ports and processes of its own, in front of backends of its own. At the
// beginning its service "shop" has one backend, "web1", as a person has written it.
class RealProxy {
 public:
  virtual ~RealProxy() { stop(); }
  RealProxy() = default;
  RealProxy(const RealProxy&) = delete;
  RealProxy& operator=(const RealProxy&) = delete;

  virtual void start() = 0;
  // As a reboot would.
  void restart() {
    stop();
    start();
  }
  void stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    // What does not leave in time is made to: connections may be open.
    for (int i = 0; i < 300 && ::waitpid(pid_, nullptr, WNOHANG) == 0; ++i) {
      ::poll(nullptr, 0, 10);
      if (i == 200) ::kill(pid_, SIGKILL);
    }
    pid_ = -1;
  }
  // A person gives web1 another weight, and does not tell.
  virtual void editByHand() = 0;
  // What a person has written, and must be there again after a restore.
  virtual std::string original() = 0;
  // A backend that this proxy does not take; nothing: it takes all that can be written.
  virtual TrafficBackend unacceptable() const { return {}; }
  // As the proxy calls the one that a person has written.
  virtual std::string firstName() const { return "web1"; }
  // How often a client makes a connection again that ended without an answer.
  virtual int retries() const { return 0; }
  // How many times it has read its configuration since it was made to for the first time, or what stands for that.
  virtual std::string generation() { return {}; }

  TrafficSpec spec;
  int port = unusedPort();
  int writePort = 0;  // where requests for spec.writeService go; 0: there is none
  TempDir dir;
  NamedBackend web1{"web1"};
  NamedBackend web2{"web2"};
  NamedBackend web3{"web3"};

  static TrafficBackend at(const NamedBackend& backend) { return {backend.name(), "127.0.0.1", backend.port()}; }

 protected:
  void run(const std::vector<std::string>& words) {
    std::vector<char*> argv;
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    const std::string log = dir / "log";
    const std::string home = "HOME=" + dir.path();
    std::vector<char*> env = {const_cast<char*>(home.c_str()), nullptr};
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const int out = ::open(log.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
      ::dup2(out, 1);
      ::dup2(out, 2);
      ::execve(argv[0], argv.data(), env.data());
      ::_exit(127);
    }
    awaitPort(port);
  }
  void awaitPort(int wanted) const {
    for (int i = 0; i < 3000; ++i) {
      const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      address.sin_port = htons(static_cast<std::uint16_t>(wanted));
      const bool up = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
      ::close(fd);
      if (up) return;
      ::poll(nullptr, 0, 10);
    }
  }
  pid_t pid_ = -1;
};

// How to make one, or why it cannot be made here.
struct ProxyKind {
  std::string name;
  std::string missing;
  std::function<std::unique_ptr<RealProxy>()> make;
  friend void PrintTo(const ProxyKind& kind, std::ostream* out) { *out << kind.name; }
};

ProxyKind nginxKind();
ProxyKind haproxyKind();
ProxyKind haproxyWithWritesKind();
ProxyKind caddyKind();
ProxyKind newCaddyKind();
ProxyKind traefikKind();

inline std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

}  // namespace slipway
