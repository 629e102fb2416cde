#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "reconciler/api/source_spec.h"
#include "reconciler/base/clock.h"
#include "reconciler/base/status.h"
#include "reconciler/source/artifact_source.h"
#include "reconciler/source/git_url.h"

struct git_repository;
struct git_remote;
struct git_commit;
struct git_tree;
struct git_tree_entry;
struct git_blob;
struct git_odb;

namespace slipway::source {

// One conversation with a git server: where to, as whom, until when, and why it failed. libgit2's callbacks carry no
// reason of ours through it, so the first failure is kept here. Used by one thread.
struct GitCall {
  const GitUrl& url;
  const SourceCredentials& credentials;
  std::string secretName;  // for messages; empty: the source names none
  const ArtifactSourceOptions& options;
  SteadyTime deadline;
  std::uint64_t received = 0;
  Status failure;
  std::string movedTo;  // where the server says the repository is now; empty: where the URL says

  // Keeps the first failure; answers what libgit2 wants to see.
  int fail(Status status) {
    if (failure) {
      failure = std::move(status);
    }
    return -1;
  }
  // Milliseconds that one wait may last, at least 1; 0 when the deadline has passed.
  int waitMillis() const {
    const Duration left = deadline - options.clock.steady();
    if (left <= Duration::zero()) {
      return 0;
    }
    constexpr std::int64_t kSlice = 1000;
    const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(left).count();
    return static_cast<int>(std::clamp<std::int64_t>(millis, 1, kSlice));
  }
  int failLate() { return fail({Code::Timeout, "the git server did not finish in time"}); }
  // Counts received bytes; false beyond the cap.
  bool count(std::size_t bytes) {
    received += bytes;
    if (received <= options.limits.fetchBytes) {
      return true;
    }
    fail({Code::Invalid, "the repository sends more than the limit for one fetch"});
    return false;
  }
  // "Secret shop-git", or what to do when there is none.
  std::string credentialName() const {
    return secretName.empty() ? "the source names no secretRef" : "Secret " + secretName;
  }
};

struct GitFree {
  void operator()(git_repository* handle) const;
  void operator()(git_remote* handle) const;
  void operator()(git_commit* handle) const;
  void operator()(git_tree* handle) const;
  void operator()(git_tree_entry* handle) const;
  void operator()(git_blob* handle) const;
  void operator()(git_odb* handle) const;
};
using GitRepository = std::unique_ptr<git_repository, GitFree>;
using GitRemote = std::unique_ptr<git_remote, GitFree>;
using GitCommit = std::unique_ptr<git_commit, GitFree>;
using GitTree = std::unique_ptr<git_tree, GitFree>;
using GitTreeEntry = std::unique_ptr<git_tree_entry, GitFree>;
using GitBlob = std::unique_ptr<git_blob, GitFree>;
using GitOdb = std::unique_ptr<git_odb, GitFree>;

// libgit2's message for this thread's last failure.
std::string gitError();

}  // namespace slipway::source
