#include "reconciler/source/git_source.h"

#include <git2.h>

#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"
#include "reconciler/source/git_import.h"
#include "reconciler/source/git_remote.h"

namespace slipway::source {
namespace {

constexpr std::size_t kShortId = 7;

std::string display(const GitRef& ref, const GitRefs& refs, const std::string& commit) {
  const std::string id = commit.substr(0, kShortId);
  const std::string name = !ref.branch.empty() ? ref.branch : !ref.tag.empty() ? ref.tag : refs.defaultBranch;
  return name.empty() ? id : cat(name, " (", id, ")");
}

// The least that brings the commit: the ref that is it, else everything.
std::vector<std::string> refSpecsFor(const GitRefs& refs, const std::string& commit) {
  for (const auto& [name, id] : refs.ids) {
    if (id == commit && name.starts_with("refs/")) {
      return {cat("+", name, ":", name)};
    }
  }
  return {"+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"};
}

Status inContext(const GitUrl& url, const Status& status) { return status.withContext(cat("git ", url.canonical())); }

}  // namespace

GitLibrary::GitLibrary(const SourceLimits& limits) {
  git_libgit2_init();
  for (const int level :
       {GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_GLOBAL}) {
    git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
  }
  git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 1);
  git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 1);
  git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECTS, static_cast<std::size_t>(limits.fetchObjects));
  git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECT_SIZE, static_cast<std::size_t>(limits.gitBlobBytes));
}

GitLibrary::~GitLibrary() { git_libgit2_shutdown(); }

GitReader::GitReader(ArtifactStore& store, const ArtifactSourceOptions& options)
    : library_(options.limits),
      store_(store),
      options_(options),
      mirrors_(options.cacheDir + "/git", options.limits.cacheRepositories) {}

Result<GitUrl> GitReader::checkSource(const GitSource& source) const {
  SLIPWAY_RETURN_IF_ERROR(checkGitRef(source.ref));
  SLIPWAY_RETURN_IF_ERROR(checkSubPath(source.path));
  Result<GitUrl> url = parseGitUrl(source.repository);
  if (!url) {
    return url;
  }
  if (url->scheme == GitUrl::Scheme::Http && !options_.allowHttp && !url->isLoopback()) {
    return Status(Code::Invalid,
                  cat("repository ", url->canonical(), ": plain http can be read and changed on its way: use https"));
  }
  if (url->scheme == GitUrl::Scheme::File && !options_.allowFile) {
    return Status(Code::Denied,
                  cat("repository ", url->canonical(), ": this controller reads no repositories from its own disk"));
  }
  return url;
}

Result<SourceRevision> GitReader::resolve(const GitSource& source, const SourceCredentials& credentials) {
  const Result<GitUrl> url = checkSource(source);
  if (!url) {
    return url.status();
  }
  if (!source.ref.commit.empty()) {
    const std::string commit = lowerAscii(source.ref.commit);
    return SourceRevision{commit, commit.substr(0, kShortId)};
  }
  if (url->scheme == GitUrl::Scheme::File) {
    if (const auto repository = openRepository(url->path); !repository) {
      return repository.status();
    }
  }
  GitCall call{*url, credentials, source.secretRef, options_, options_.clock.steady() + options_.limits.resolveTime};
  const Result<GitRefs> refs = GitConnection(call).open(nullptr);
  if (!refs) {
    return refs.status();
  }
  const Result<std::string> commit = findCommit(*refs, source.ref);
  if (!commit) {
    return inContext(*url, commit.status());
  }
  return SourceRevision{*commit, display(source.ref, *refs, *commit)};
}

Result<std::shared_ptr<const Artifact>> GitReader::fetch(const GitSource& source, const SourceCredentials& credentials,
                                                         const SourceRevision& revision) {
  const Result<GitUrl> url = checkSource(source);
  if (!url) {
    return url.status();
  }
  SLIPWAY_RETURN_IF_ERROR(checkGitRef(GitRef{"", "", revision.id}));
  const std::string commit = lowerAscii(revision.id);
  const std::string key = gitArtifactKey(*url, commit, source.path, credentials);
  if (const auto digest = store_.find(key)) {
    if (auto known = store_.open(*digest)) {
      return known;
    }
  }
  GitCall call{*url, credentials, source.secretRef, options_, options_.clock.steady() + options_.limits.fetchTime};
  const bool local = url->scheme == GitUrl::Scheme::File;
  auto artifact = local ? fetchFromFile(source, commit, call) : fetchFromServer(source, commit, call);
  if (artifact) {
    SLIPWAY_RETURN_IF_ERROR(store_.remember(key, (*artifact)->digest()));
  }
  return artifact;
}

Result<std::shared_ptr<const Artifact>> GitReader::fetchFromFile(const GitSource& source, const std::string& commit,
                                                                 GitCall& call) {
  const Result<GitRepository> repository = openRepository(call.url.path);
  return repository ? store(repository->get(), source, commit, call) : repository.status();
}

Result<std::shared_ptr<const Artifact>> GitReader::fetchFromServer(const GitSource& source, const std::string& commit,
                                                                   GitCall& call) {
  const Result<GitMirrors::Lease> mirror = mirrors_.open(call.url);
  if (!mirror) {
    return mirror.status();
  }
  call.deadline = options_.clock.steady() + options_.limits.fetchTime;  // not counting the wait for the mirror
  // Connecting even when the mirror has the commit is what shows that these credentials may read it.
  GitConnection connection(call);
  const Result<GitRefs> refs = connection.open(mirror->repository());
  if (!refs) {
    return refs.status();
  }
  if (!hasCommit(mirror->repository(), commit)) {
    options_.logger.info("fetching from git", {{"repository", call.url.canonical()}, {"commit", commit}});
    SLIPWAY_RETURN_IF_ERROR(connection.fetch(refSpecsFor(*refs, commit)));
  }
  return store(mirror->repository(), source, commit, call);
}

Result<std::shared_ptr<const Artifact>> GitReader::store(git_repository* repository, const GitSource& source,
                                                         const std::string& commit, const GitCall& call) {
  if (!hasCommit(repository, commit)) {
    return inContext(call.url, {Code::NotFound, cat("commit ", commit, " is in no branch or tag of the repository")});
  }
  Result<std::unique_ptr<ArtifactWriter>> writer = store_.begin();
  if (!writer) {
    return writer.status();
  }
  if (Status status = importCommit(repository, commit, source.path, call, **writer); !status) {
    return inContext(call.url, status);
  }
  auto artifact = store_.commit(std::move(*writer));
  return artifact ? artifact : inContext(call.url, artifact.status());
}

std::string gitArtifactKey(const GitUrl& url, const std::string& commit, const std::string& path,
                           const SourceCredentials& credentials) {
  Sha256 hash;
  for (const std::string* part : {&credentials.username, &credentials.password, &credentials.sshPrivateKey}) {
    hash.update(cat(part->size(), ":"));
    hash.update(*part);
  }
  return cat("git\n", url.canonical(), "\n", commit, "\n", path, "\n", hash.hex());
}

}  // namespace slipway::source
