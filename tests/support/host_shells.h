#pragma once

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/temp_dir.h"

namespace slipway {

// A shell the host script must work in, and the programs it finds there.
struct HostShell {
  std::string name;
  std::vector<std::string> words;
  std::string path;  // empty: as here
  friend void PrintTo(const HostShell& shell, std::ostream* out) { *out << shell.name; }
  bool usable() const { return ::access(words.front().c_str(), X_OK) == 0; }
};

// A folder of links to busybox and nothing else: no flock, no GNU options. Made once a process.
inline std::string busyboxPath() {
  static const TempDir folder;
  static const bool installed =
      std::system(("/bin/busybox --install -s " + folder.path() + " 2>/dev/null").c_str()) == 0;
  return installed ? folder.path() : std::string();
}

inline std::vector<HostShell> hostShells() {
  std::vector<HostShell> shells = {
      {"dash", {"/bin/dash"}, {}}, {"bash", {"/bin/bash"}, {}}, {"bashPosix", {"/bin/bash", "--posix"}, {}}};
  if (::access("/bin/busybox", X_OK) == 0) {
    shells.push_back({"busybox", {"/bin/busybox", "sh"}, busyboxPath()});
  }
  for (const char* more : {"/bin/mksh", "/bin/ksh93", "/bin/yash", "/bin/posh"}) {
    if (::access(more, X_OK) == 0) {
      shells.push_back({std::filesystem::path(more).filename().string(), {more}, {}});
    }
  }
  return shells;
}

inline std::string hostShellName(const testing::TestParamInfo<HostShell>& info) { return info.param.name; }

// A process that has ended but was not yet reaped does not run.
inline bool isRunning(int pid) {
  const std::string text = readFile("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t at = text.rfind(") ");
  return at != std::string::npos && text[at + 2] != 'Z';
}

// Kills every process that has a file below `directory` open: what a crash of the host would end.
inline void killAllIn(const std::string& directory) {
  for (int round = 0; round < 3; ++round) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const std::string name = entry.path().filename().string();
      if (name.find_first_not_of("0123456789") != std::string::npos || std::stoi(name) == ::getpid()) continue;
      std::error_code ignored;  // it may end meanwhile
      for (std::filesystem::directory_iterator fd(entry.path() / "fd", ignored), end; fd != end;
           fd.increment(ignored)) {
        if (std::filesystem::read_symlink(fd->path(), ignored).string().starts_with(directory)) {
          ::kill(std::stoi(name), SIGKILL);
          break;
        }
      }
    }
  }
}

}  // namespace slipway
