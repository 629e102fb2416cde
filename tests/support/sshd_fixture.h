#pragma once

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reconciler/ports/command_runner.h"
#include "tests/support/http/unused_port.h"
#include "tests/support/temp_dir.h"

namespace slipway {

// A real sshd of the current user on a loopback port, with a folder, host keys and an authorized key of its own. It
// takes our processes only; no right of root is needed.
class SshdFixture {
 public:
  static bool available() {
    return ::access("/usr/sbin/sshd", X_OK) == 0 && std::system("command -v ssh-keygen >/dev/null") == 0;
  }

  explicit SshdFixture(std::vector<std::string> hostKeyTypes = {"ed25519"}, const std::string& moreConfig = "") {
    shell("ssh-keygen -q -t ed25519 -N '' -f " + (dir_ / "user"));
    std::filesystem::copy_file(dir_ / "user.pub", dir_ / "authorized_keys");
    std::string keys;
    for (const std::string& type : hostKeyTypes) {
      shell("ssh-keygen -q -t " + type + " -N '' -f " + (dir_ / ("host_" + type)));
      keys += "HostKey " + (dir_ / ("host_" + type)) + "\n";
      hostKeys_.push_back(keyLine(readFile(dir_ / ("host_" + type + ".pub"))));
    }
    // sshd wants its privilege separation folder when it runs as root.
    if (::geteuid() == 0) ::mkdir("/run/sshd", 0755);
    for (int attempt = 0; attempt < 20 && pid_ < 0; ++attempt) {
      port_ = unusedPort();
      writeFile(dir_ / "config", keys + "Port " + std::to_string(port_) +
                                     "\nListenAddress 127.0.0.1\nListenAddress 127.0.1.1\nAuthorizedKeysFile " +
                                     (dir_ / "authorized_keys") +
                                     "\nUsePAM no\nStrictModes no\nPidFile none\nPasswordAuthentication no\n"
                                     "KbdInteractiveAuthentication no\nPrintMotd no\nLogLevel ERROR\n"
                                     "PermitRootLogin prohibit-password\nMaxStartups 100:30:200\n" +
                                     moreConfig + "\n");
      start();
    }
  }
  ~SshdFixture() { stop(); }
  SshdFixture(const SshdFixture&) = delete;
  SshdFixture& operator=(const SshdFixture&) = delete;

  RemoteTarget target(const std::string& name = "one") const {
    RemoteTarget target;
    target.name = name;
    target.address = "127.0.0.1";
    target.port = port_;
    target.user = user();
    target.privateKey = readFile(dir_ / "user");
    target.hostKeys = hostKeys_;
    return target;
  }
  static std::string user() {
    const passwd* entry = ::getpwuid(::geteuid());
    return entry == nullptr ? "root" : entry->pw_name;
  }
  // "type base64" without the comment.
  static std::string keyLine(const std::string& publicKey) {
    const std::size_t type = publicKey.find(' ');
    return publicKey.substr(0, publicKey.find_first_of(" \n", type + 1));
  }
  std::string newKey(const std::string& name, const std::string& type = "ed25519",
                     const std::string& passphrase = "") const {
    shell("ssh-keygen -q -t " + type + " -N '" + passphrase + "' -f " + (dir_ / name));
    return readFile(dir_ / name);
  }
  void authorize(const std::string& name) const {
    writeFile(dir_ / "authorized_keys", readFile(dir_ / "authorized_keys") + readFile(dir_ / (name + ".pub")));
  }
  const std::vector<std::string>& hostKeys() const { return hostKeys_; }
  std::uint16_t port() const { return port_; }
  const TempDir& dir() const { return dir_; }

  // Kills the sshd processes that serve connections, not the one that listens.
  void cutConnections() const {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const std::string name = entry.path().filename().string();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      if (parentOf(name) == pid_) {
        for (const auto& below : std::filesystem::directory_iterator("/proc")) {
          const std::string child = below.path().filename().string();
          if (child.find_first_not_of("0123456789") == std::string::npos && parentOf(child) == std::stoi(name) &&
              readFile("/proc/" + child + "/comm") == "sshd\n") {
            ::kill(std::stoi(child), SIGKILL);
          }
        }
        ::kill(std::stoi(name), SIGKILL);
      }
    }
  }
  // The listener and every connection stand still; packets are taken by the kernel and not answered.
  void freeze() const { ::kill(pid_, SIGSTOP); }
  void thaw() const { ::kill(pid_, SIGCONT); }
  void stop() {
    if (pid_ > 0) {
      cutConnections();
      ::kill(pid_, SIGCONT);
      ::kill(pid_, SIGTERM);
      ::waitpid(pid_, nullptr, 0);
      pid_ = -1;
    }
  }

 private:
  static void shell(const std::string& command) {
    if (std::system((command + " </dev/null >/dev/null 2>&1").c_str()) != 0) std::abort();
  }
  static int parentOf(const std::string& pid) {
    const std::string stat = readFile("/proc/" + pid + "/stat");
    const std::size_t at = stat.rfind(") ");
    return at == std::string::npos ? -1 : std::atoi(stat.c_str() + at + 4);
  }
  void start() {
    const std::string config = dir_ / "config";
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGTERM);
      const int log = ::open((dir_ / "log").c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
      ::dup2(log, 1);
      ::dup2(log, 2);
      ::execl("/usr/sbin/sshd", "/usr/sbin/sshd", "-D", "-e", "-f", config.c_str(), nullptr);
      ::_exit(127);
    }
    while (!listens()) {
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
        pid_ = -1;
        return;
      }
      ::poll(nullptr, 0, 5);
    }
  }
  bool listens() const {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port_);
    const bool ok = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    return ok;
  }

  TempDir dir_;
  std::vector<std::string> hostKeys_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace slipway
