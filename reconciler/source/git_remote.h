#pragma once

#include <map>
#include <string>
#include <vector>

#include "reconciler/source/git_call.h"

struct git_remote_callbacks;
struct git_indexer_progress;

namespace slipway::source {

// What a repository offers: full names of refs and the object each leads to, annotated tags followed to the end.
struct GitRefs {
  std::map<std::string, std::string> ids;
  std::string defaultBranch;  // without refs/heads/; empty: not told
};

// One connection to a repository. Used by one thread. Failures name the repository.
class GitConnection {
 public:
  explicit GitConnection(GitCall& call) : call_(call) {}

  // Connects as a remote of `repository` (a mirror), or of none to list refs only.
  Result<GitRefs> open(git_repository* repository);
  // Brings the refs and all they reach into the mirror. REQUIRES: open succeeded with a mirror.
  Status fetch(const std::vector<std::string>& refSpecs);

 private:
  static int onProgress(const git_indexer_progress* progress, void* call);
  git_remote_callbacks callbacks() const;
  Status failed() const;

  GitCall& call_;
  GitRemote remote_;
};

// The commit a ref of the spec stands for. NotFound lists what there is.
Result<std::string> findCommit(const GitRefs& refs, const GitRef& ref);

}  // namespace slipway::source
