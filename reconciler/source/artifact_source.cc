#include "reconciler/source/artifact_source.h"

#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <string>

#include "reconciler/base/strings.h"
#include "reconciler/source/artifact_store.h"
#include "reconciler/source/directory_source.h"
#include "reconciler/source/git_source.h"

namespace slipway::source {
namespace {

// Callers that ask for the same key at the same time share one run of the work and its result. Thread-safe. A later
// call runs again.
template <typename T>
class SingleFlight {
 public:
  T run(const std::string& key, const std::function<T()>& work) {
    std::promise<T> promise;
    std::shared_future<T> running;
    {
      const std::lock_guard lock(mutex_);
      const auto it = flights_.find(key);
      if (it != flights_.end()) {
        running = it->second;
      } else {
        flights_.emplace(key, promise.get_future().share());
      }
    }
    if (running.valid()) {
      return running.get();
    }
    T result = work();
    {
      // Before the result is known: a call that begins after the work has ended must not share it.
      const std::lock_guard lock(mutex_);
      flights_.erase(key);
    }
    promise.set_value(result);
    return result;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_future<T>> flights_;
};

constexpr std::size_t kShownDigest = 19;  // "sha256:" and twelve digits

class CachedSource final : public ArtifactSource {
 public:
  explicit CachedSource(const ArtifactSourceOptions& options)
      : store_(options.cacheDir, options.limits, options.logger),
        directories_(store_, options.directoryRoots),
        git_(store_, options) {}

  Result<SourceRevision> resolve(const SourceSpec& spec, const SourceCredentials& credentials) override {
    SLIPWAY_RETURN_IF_ERROR(check(spec));
    if (spec.git) {
      return git_.resolve(*spec.git, credentials);
    }
    const auto artifact = readDirectory(*spec.directory);
    if (!artifact) {
      return artifact.status();
    }
    return SourceRevision{(*artifact)->digest(), (*artifact)->digest().substr(0, kShownDigest)};
  }

  Result<std::shared_ptr<const Artifact>> fetch(const SourceSpec& spec, const SourceCredentials& credentials,
                                                const SourceRevision& revision) override {
    SLIPWAY_RETURN_IF_ERROR(check(spec));
    return spec.git ? fetchGit(*spec.git, credentials, revision) : fetchDirectory(*spec.directory, revision);
  }

 private:
  using Fetched = Result<std::shared_ptr<const Artifact>>;

  Status check(const SourceSpec& spec) {
    if (spec.git.has_value() == spec.directory.has_value()) {
      return {Code::Invalid, "source: give exactly one of git and directory"};
    }
    return store_.prepare();
  }

  Fetched fetchGit(const GitSource& source, const SourceCredentials& credentials, const SourceRevision& revision) {
    const Result<GitUrl> url = parseGitUrl(source.repository);
    if (!url) {
      return url.status();
    }
    return flights_.run(gitArtifactKey(*url, revision.id, source.path, credentials),
                        [&] { return git_.fetch(source, credentials, revision); });
  }

  Fetched fetchDirectory(const DirectorySource& source, const SourceRevision& revision) {
    if (Fetched known = store_.open(revision.id)) {
      return known;
    }
    const Fetched now = readDirectory(source);
    if (now && (*now)->digest() != revision.id) {
      return Status(Code::NotFound, cat("directory ", source.path, ": has changed since ", printable(revision.display),
                                        " was read, and that content is no longer kept"));
    }
    return now;
  }

  Fetched readDirectory(const DirectorySource& source) {
    return flights_.run(cat("directory\n", source.path, "\n", join(source.exclude, "\n")),
                        [&] { return directories_.read(source); });
  }

  ArtifactStore store_;
  DirectoryReader directories_;
  GitReader git_;
  SingleFlight<Fetched> flights_;
};

}  // namespace

std::unique_ptr<ArtifactSource> newArtifactSource(const ArtifactSourceOptions& options) {
  return std::make_unique<CachedSource>(options);
}

}  // namespace slipway::source
