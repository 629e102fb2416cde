#include "reconciler/source/git_call.h"

#include <git2.h>

namespace slipway::source {

void GitFree::operator()(git_repository* handle) const { git_repository_free(handle); }
void GitFree::operator()(git_remote* handle) const { git_remote_free(handle); }
void GitFree::operator()(git_commit* handle) const { git_commit_free(handle); }
void GitFree::operator()(git_tree* handle) const { git_tree_free(handle); }
void GitFree::operator()(git_tree_entry* handle) const { git_tree_entry_free(handle); }
void GitFree::operator()(git_blob* handle) const { git_blob_free(handle); }
void GitFree::operator()(git_odb* handle) const { git_odb_free(handle); }

std::string gitError() {
  const git_error* error = git_error_last();
  return error == nullptr || error->message == nullptr ? "unknown error" : error->message;
}

}  // namespace slipway::source
