#include "reconciler/source/git_import.h"

#include <git2.h>

#include "reconciler/base/strings.h"
#include "reconciler/source/artifact_manifest.h"

namespace slipway::source {
namespace {

constexpr std::string_view kLfs = "version https://git-lfs.github.com/spec/";
constexpr std::size_t kLfsBytes = 1024;

GitCommit lookUp(git_repository* repository, const std::string& commit) {
  git_oid id;
  git_commit* raw = nullptr;
  if (git_oid_fromstr(&id, commit.c_str()) == 0) {
    git_commit_lookup(&raw, repository, &id);
  }
  return GitCommit(raw);
}

class Import {
 public:
  Import(git_repository* repository, GitOdb odb, const GitCall& call, ArtifactWriter& writer)
      : repository_(repository), odb_(std::move(odb)), call_(call), writer_(writer) {}

  Status tree(const git_tree* tree, const std::string& prefix) {
    // Nested empty or repeated trees cost time without adding files.
    if (++trees_ > call_.options.limits.files) {
      return {Code::Invalid, "the tree has too many directories"};
    }
    if (call_.waitMillis() == 0) {
      return {Code::Timeout, "reading the tree took too long"};
    }
    for (std::size_t i = 0; i < git_tree_entrycount(tree); ++i) {
      const git_tree_entry* item = git_tree_entry_byindex(tree, i);
      const std::string name = git_tree_entry_name(item);
      const std::string path = prefix + name;
      if (name.find('/') != std::string::npos) {
        return {Code::Invalid, cat(printable(path), ": a tree entry may not contain a slash")};
      }
      SLIPWAY_RETURN_IF_ERROR(checkPath(path));
      SLIPWAY_RETURN_IF_ERROR(entry(item, path));
    }
    return Status::ok();
  }

 private:
  Status entry(const git_tree_entry* item, const std::string& path) {
    switch (git_tree_entry_filemode_raw(item) & 0170000) {
      case 0040000:
        return subtree(item, path);
      case 0120000:
        return blob(item, path, ArtifactFile::Type::Symlink);
      case 0100000: {
        const bool executable = (git_tree_entry_filemode_raw(item) & 0100) != 0;
        return blob(item, path, executable ? ArtifactFile::Type::Executable : ArtifactFile::Type::Regular);
      }
      case 0160000:
        return {Code::Invalid, cat(path,
                                   ": is a submodule, and submodules are not fetched: vendor its files, or set "
                                   "path to a directory without one")};
      default:
        return {Code::Invalid, cat(path, ": unknown kind of tree entry")};
    }
  }

  Status subtree(const git_tree_entry* item, const std::string& path) {
    git_tree* raw = nullptr;
    if (git_tree_lookup(&raw, repository_, git_tree_entry_id(item)) != 0) {
      return damaged(path);
    }
    const GitTree child(raw);
    return tree(child.get(), path + "/");
  }

  Status blob(const git_tree_entry* item, const std::string& path, ArtifactFile::Type type) {
    std::size_t size = 0;
    git_object_t kind = GIT_OBJECT_INVALID;
    if (git_odb_read_header(&size, &kind, odb_.get(), git_tree_entry_id(item)) != 0 || kind != GIT_OBJECT_BLOB) {
      return damaged(path);
    }
    if (size > call_.options.limits.gitBlobBytes) {
      return {Code::Invalid, cat(path, ": larger than ", call_.options.limits.gitBlobBytes, " bytes")};
    }
    git_blob* raw = nullptr;
    if (git_blob_lookup(&raw, repository_, git_tree_entry_id(item)) != 0) {
      return damaged(path);
    }
    const GitBlob content(raw);
    const std::string_view bytes(static_cast<const char*>(git_blob_rawcontent(raw)),
                                 static_cast<std::size_t>(git_blob_rawsize(raw)));
    if (type != ArtifactFile::Type::Symlink && bytes.size() <= kLfsBytes && bytes.starts_with(kLfs)) {
      return {Code::Invalid, cat(path,
                                 ": is a Git LFS pointer, and LFS files are not fetched: keep the file itself in "
                                 "git, or fetch it in a build step")};
    }
    return writer_.add(path, type, bytes);
  }

  static Status damaged(const std::string& path) {
    return {Code::Unavailable, cat(path, ": the object is missing or damaged: ", printable(gitError()))};
  }

  git_repository* repository_;
  const GitOdb odb_;
  const GitCall& call_;
  ArtifactWriter& writer_;
  std::uint64_t trees_ = 0;
};

Result<GitTree> directoryOf(git_repository* repository, GitTree root, const std::string& path) {
  if (path.empty()) {
    return root;
  }
  git_tree_entry* raw = nullptr;
  if (git_tree_entry_bypath(&raw, root.get(), path.c_str()) != 0) {
    return Status(Code::NotFound, cat("path ", path, ": no such directory in the commit"));
  }
  const GitTreeEntry entry(raw);
  git_tree* tree = nullptr;
  if (git_tree_entry_type(raw) != GIT_OBJECT_TREE || git_tree_lookup(&tree, repository, git_tree_entry_id(raw)) != 0) {
    return Status(Code::Invalid, cat("path ", path, ": not a directory in the commit"));
  }
  return GitTree(tree);
}

}  // namespace

bool hasCommit(git_repository* repository, const std::string& commit) { return lookUp(repository, commit) != nullptr; }

Status importCommit(git_repository* repository, const std::string& commit, const std::string& path, const GitCall& call,
                    ArtifactWriter& writer) {
  const GitCommit found = lookUp(repository, commit);
  git_tree* rawTree = nullptr;
  git_odb* rawOdb = nullptr;
  if (!found || git_commit_tree(&rawTree, found.get()) != 0) {
    return {Code::NotFound, cat("commit ", commit, " not found")};
  }
  GitTree root(rawTree);
  if (git_repository_odb(&rawOdb, repository) != 0) {
    return {Code::Unavailable, printable(gitError())};
  }
  GitOdb odb(rawOdb);
  const std::string directory = path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
  const Result<GitTree> tree = directoryOf(repository, std::move(root), directory);
  if (!tree) {
    return tree.status();
  }
  return Import(repository, std::move(odb), call, writer).tree(tree->get(), "");
}

}  // namespace slipway::source
