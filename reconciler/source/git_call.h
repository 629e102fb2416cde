#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include <git2.h>

#include "reconciler/api/source_spec.h"
#include "reconciler/base/clock.h"
#include "reconciler/base/status.h"
#include "reconciler/source/artifact_source.h"
#include "reconciler/source/git_url.h"

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

template <auto Free>
struct GitFree {
  template <typename T>
  void operator()(T* handle) const {
    Free(handle);
  }
};

using GitRepository = std::unique_ptr<git_repository, GitFree<git_repository_free>>;
using GitRemote = std::unique_ptr<git_remote, GitFree<git_remote_free>>;
using GitCommit = std::unique_ptr<git_commit, GitFree<git_commit_free>>;
using GitTree = std::unique_ptr<git_tree, GitFree<git_tree_free>>;
using GitTreeEntry = std::unique_ptr<git_tree_entry, GitFree<git_tree_entry_free>>;
using GitBlob = std::unique_ptr<git_blob, GitFree<git_blob_free>>;
using GitObject = std::unique_ptr<git_object, GitFree<git_object_free>>;
using GitOdb = std::unique_ptr<git_odb, GitFree<git_odb_free>>;
using GitReference = std::unique_ptr<git_reference, GitFree<git_reference_free>>;

// libgit2's message for this thread's last failure.
inline std::string gitError() {
  const git_error* error = git_error_last();
  return error == nullptr || error->message == nullptr ? "unknown error" : error->message;
}

}  // namespace slipway::source
