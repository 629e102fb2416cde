#pragma once

#include <memory>
#include <string>

#include "reconciler/ports/artifact_source.h"
#include "reconciler/source/artifact_source.h"
#include "reconciler/source/artifact_store.h"
#include "reconciler/source/git_mirror.h"

namespace slipway::source {

// Holds libgit2 open with settings that no file of the machine can change.
class GitLibrary {
 public:
  explicit GitLibrary(const SourceLimits& limits);
  ~GitLibrary();
  GitLibrary(const GitLibrary&) = delete;
  GitLibrary& operator=(const GitLibrary&) = delete;
};

// Git repositories. Thread-safe; calls block until their deadlines at most.
class GitReader {
 public:
  GitReader(ArtifactStore& store, const ArtifactSourceOptions& options);

  // Asks the server what a branch or tag stands for. A commit stands for itself: no server is asked.
  Result<SourceRevision> resolve(const GitSource& source, const SourceCredentials& credentials);

  // The commit's files. What these credentials fetched before comes from disk; what others fetched does so only after
  // the server accepted these.
  Result<std::shared_ptr<const Artifact>> fetch(const GitSource& source, const SourceCredentials& credentials,
                                                const SourceRevision& revision);

 private:
  Result<GitUrl> checkSource(const GitSource& source) const;
  Result<std::shared_ptr<const Artifact>> fetchFromFile(const GitSource& source, const std::string& commit,
                                                        GitCall& call);
  Result<std::shared_ptr<const Artifact>> fetchFromServer(const GitSource& source, const std::string& commit,
                                                          GitCall& call);
  Result<std::shared_ptr<const Artifact>> store(git_repository* repository, const GitSource& source,
                                                const std::string& commit, const GitCall& call);

  const GitLibrary library_;
  ArtifactStore& store_;
  const ArtifactSourceOptions options_;
  GitMirrors mirrors_;
};

// What an artifact is remembered by: repository, commit, directory, and a digest of the credentials.
std::string gitArtifactKey(const GitUrl& url, const std::string& commit, const std::string& path,
                           const SourceCredentials& credentials);

}  // namespace slipway::source
