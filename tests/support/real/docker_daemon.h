#pragma once

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/temp_dir.h"

namespace slipway {

// A dockerd of the test's own: its data, its socket and no network; it leaves the machine's firewall alone. Has the
// image `slipway-test`, which is BusyBox.
class DockerDaemon {
 public:
  ~DockerDaemon() { stop(); }

  // Why there is none; empty when it runs.
  std::string start() {
    if (::geteuid() != 0) return "dockerd needs root";
    if (std::system("command -v dockerd >/dev/null 2>&1") != 0) return "dockerd is not installed";
    if (::access("/bin/busybox", X_OK) != 0) return "busybox is not installed";
    client_ = ::access("/usr/bin/docker", X_OK) == 0 ? "/usr/bin/docker" : "/usr/local/bin/docker";
    const std::string& at = dir_.path();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::setsid();
      const int log = ::open((at + "/log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      ::dup2(log, 1);
      ::dup2(log, 2);
      const std::string data = at + "/data", run = at + "/run", pid = at + "/pid", host = address();
      const std::string group = "/slipway-test-" + std::to_string(::getpid());
      ::execlp("dockerd", "dockerd", "--data-root", data.c_str(), "--exec-root", run.c_str(), "--pidfile", pid.c_str(),
               "-H", host.c_str(), "--iptables=false", "--ip6tables=false", "--bridge=none", "--ip-forward=false",
               "--storage-driver=vfs", "--cgroup-parent", group.c_str(), static_cast<char*>(nullptr));
      ::_exit(127);
    }
    if (std::system(("timeout 30 sh -c 'until " + client_ + " -H " + address() +
                     " version >/dev/null 2>&1; do sleep 0.2; done'")
                        .c_str()) != 0) {
      return "dockerd does not start here: " + lastLine();
    }
    const std::string image = "cd " + at + " && mkdir -p image/bin && cp /bin/busybox image/bin/ && ln -sf busybox " +
                              "image/bin/sleep && ln -sf busybox image/bin/sh && ln -sf busybox image/bin/false && " +
                              "tar -C image -c . | " + client_ + " -H " + address() +
                              " import - slipway-test >/dev/null";
    if (std::system(image.c_str()) != 0) return "no image can be made here";
    return run("run --rm --network none slipway-test sleep 0") ? "" : "no container can be run here: " + lastLine();
  }

  // `docker ARGUMENTS` succeeds.
  bool run(const std::string& arguments) const {
    return std::system((client_ + " -H " + address() + " " + arguments + " >>" + dir_.path() + "/out 2>&1").c_str()) ==
           0;
  }
  std::string address() const { return "unix://" + dir_.path() + "/socket"; }
  const std::string& client() const { return client_; }

  void stop() {
    if (pid_ <= 0) return;
    run("rm -f web idle sick");
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
    (void)std::system(("find /sys/fs/cgroup -depth -type d -path '*/slipway-test-" + std::to_string(pid_) +
                       "*' -exec rmdir {} + 2>/dev/null")
                          .c_str());
    pid_ = 0;
  }

 private:
  std::string lastLine() const {
    std::string last;
    for (const char* name : {"/log", "/out"}) {
      std::ifstream file(dir_.path() + name);
      for (std::string line; std::getline(file, line);) last = line;
    }
    return last;
  }

  TempDir dir_;
  std::string client_;
  pid_t pid_ = 0;
};

}  // namespace slipway
