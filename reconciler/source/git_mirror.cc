#include "reconciler/source/git_mirror.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <git2.h>
#include <sys/stat.h>

#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"
#include "reconciler/source/file_io.h"

namespace slipway::source {
namespace {

// libgit2 does not repack: a mirror of many fetches is dropped and fetched anew.
constexpr std::size_t kPacks = 50;

std::size_t countPacks(const std::string& mirror) {
  std::error_code error;
  std::size_t packs = 0;
  for (std::filesystem::directory_iterator it(mirror + "/objects/pack", error), end; !error && it != end;
       it.increment(error)) {
    packs += it->path().extension() == ".pack" ? 1 : 0;
  }
  return packs;
}

GitRepository openMirror(const std::string& path) {
  git_repository* raw = nullptr;
  git_repository_open_bare(&raw, path.c_str());
  return GitRepository(raw);
}

}  // namespace

std::shared_ptr<std::mutex> GitMirrors::mutexOf(const std::string& name) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<std::mutex>& mutex = mutexes_[name];
  if (!mutex) {
    mutex = std::make_shared<std::mutex>();
  }
  return mutex;
}

Result<GitMirrors::Lease> GitMirrors::open(const GitUrl& url) {
  const std::string name = sha256Hex(url.canonical()).substr(0, 40);
  const std::string path = cat(directory_, "/", name);
  Lease lease;
  lease.mutex_ = mutexOf(name);
  lease.lock_ = std::unique_lock(*lease.mutex_);
  SLIPWAY_RETURN_IF_ERROR(makeDirectories(directory_));
  if (countPacks(path) <= kPacks) {
    lease.repository_ = openMirror(path);
  }
  if (!lease.repository_) {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
    git_repository* raw = nullptr;
    if (git_repository_init(&raw, path.c_str(), 1) != 0) {
      return Status(Code::Unavailable, cat("git cache: ", printable(gitError())));
    }
    lease.repository_.reset(raw);
    removeOldest(name);
  }
  ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0);
  return lease;
}

void GitMirrors::removeOldest(const std::string& except) {
  std::vector<std::pair<std::filesystem::file_time_type, std::filesystem::path>> found;
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory_, error), end; !error && it != end; it.increment(error)) {
    found.emplace_back(it->last_write_time(error), it->path());
  }
  std::sort(found.begin(), found.end());
  for (std::size_t i = 0; i + limit_ < found.size(); ++i) {
    const std::string name = found[i].second.filename();
    const std::shared_ptr<std::mutex> mutex = mutexOf(name);
    if (name == except) {
      continue;
    }
    if (const std::unique_lock lock(*mutex, std::try_to_lock); lock.owns_lock()) {
      std::filesystem::remove_all(found[i].second, error);
    }
  }
}

Result<GitRepository> openRepository(const std::string& path) {
  git_repository* raw = nullptr;
  const int result = git_repository_open_ext(&raw, path.c_str(), GIT_REPOSITORY_OPEN_NO_SEARCH, nullptr);
  if (result == GIT_EOWNER) {
    return Status(Code::Denied, cat("the repository ", path, " belongs to another user than the controller runs as"));
  }
  if (result != 0) {
    return Status(Code::NotFound, cat("no git repository at ", path, " on the controller's machine"));
  }
  return GitRepository(raw);
}

}  // namespace slipway::source
