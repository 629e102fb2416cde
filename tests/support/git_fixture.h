#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/support/temp_dir.h"

namespace slipway {

// A repository of its own with branch main, written by the real git.
class GitFixture {
 public:
  GitFixture() {
    git("init -q -b main");
    git("config user.name Test");
    git("config user.email test@example.com");
    git("config http.receivepack false");
  }
  static bool available() { return std::system("command -v git >/dev/null") == 0; }

  std::string path() const { return dir_ / "repo"; }
  std::string url() const { return "file://" + path(); }
  const TempDir& dir() const { return dir_; }

  void put(const std::string& name, const std::string& content) const {
    const std::string full = path() + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(full).parent_path());
    writeFile(full, content);
  }
  // Commits all there is; gives the id.
  std::string commit(const std::string& message = "change") const {
    git("add -A");
    git("commit -q --allow-empty -m '" + message + "'");
    return id("HEAD");
  }
  std::string id(const std::string& revision) const { return git("rev-parse '" + revision + "'"); }
  // Standard output without the last newline.
  std::string git(const std::string& arguments) const {
    std::filesystem::create_directories(path());
    const std::string command = "HOME=" + dir_.path() + " GIT_CONFIG_NOSYSTEM=1 git -C " + path() + " " + arguments;
    std::FILE* pipe = ::popen(command.c_str(), "r");
    std::string out;
    char buffer[4096];
    for (std::size_t got = 0; (got = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) {
      out.append(buffer, got);
    }
    if (::pclose(pipe) != 0) std::abort();
    while (out.ends_with('\n')) out.pop_back();
    return out;
  }

 private:
  TempDir dir_;
};

}  // namespace slipway
