#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "reconciler/base/status.h"
#include "reconciler/source/git_call.h"

namespace slipway::source {

// Bare repositories in the cache directory, one per remote repository. They only save transfer: any may be removed at
// any time. Thread-safe.
class GitMirrors {
 public:
  GitMirrors(std::string directory, std::size_t limit) : directory_(std::move(directory)), limit_(limit) {}

  // One user of a mirror at a time; its repository handle belongs to the holder's thread.
  class Lease {
   public:
    git_repository* repository() const { return repository_.get(); }

   private:
    friend class GitMirrors;
    std::shared_ptr<std::mutex> mutex_;
    std::unique_lock<std::mutex> lock_;
    GitRepository repository_;
  };
  // Opens the mirror of a repository, making it when missing or unusable. Waits for its other user.
  Result<Lease> open(const GitUrl& url);

 private:
  std::shared_ptr<std::mutex> mutexOf(const std::string& name);
  void removeOldest(const std::string& except);

  const std::string directory_;
  const std::size_t limit_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<std::mutex>> mutexes_;
};

// Opens a repository where it is, reading nothing from the directories around it.
Result<GitRepository> openRepository(const std::string& path);

}  // namespace slipway::source
