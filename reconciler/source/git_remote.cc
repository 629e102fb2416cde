#include "reconciler/source/git_remote.h"

#include <git2.h>

#include "reconciler/base/strings.h"
#include "reconciler/source/git_transport_curl.h"
#include "reconciler/source/git_transport_ssh.h"

namespace slipway::source {
namespace {

constexpr std::string_view kHeads = "refs/heads/";
constexpr std::string_view kTags = "refs/tags/";
constexpr std::string_view kPeeled = "^{}";

std::string oidText(const git_oid& oid) {
  std::string text(GIT_OID_HEXSZ, '0');
  git_oid_fmt(text.data(), &oid);
  return text;
}

GitRefs readRefs(const git_remote_head* const* heads, std::size_t count) {
  GitRefs refs;
  for (std::size_t i = 0; i < count; ++i) {
    std::string name = heads[i]->name;
    if (name == "HEAD" && heads[i]->symref_target != nullptr) {
      const std::string_view target = heads[i]->symref_target;
      refs.defaultBranch = target.starts_with(kHeads) ? target.substr(kHeads.size()) : std::string_view();
    }
    const bool peeled = name.ends_with(kPeeled);
    if (peeled) {
      name.resize(name.size() - kPeeled.size());
    }
    // A peeled line comes after its tag's own and replaces it.
    if (peeled || !refs.ids.contains(name)) {
      refs.ids[name] = oidText(heads[i]->oid);
    }
  }
  return refs;
}

// "main, next and 12 more"
std::string namesBelow(const GitRefs& refs, std::string_view prefix) {
  constexpr std::size_t kShown = 10;
  std::vector<std::string> names;
  std::size_t more = 0;
  for (const auto& [name, id] : refs.ids) {
    if (!name.starts_with(prefix)) {
      continue;
    }
    if (names.size() < kShown) {
      names.push_back(printable(name.substr(prefix.size())));
    } else {
      ++more;
    }
  }
  if (names.empty()) {
    return "none";
  }
  return join(names, ", ") + (more == 0 ? std::string() : cat(" and ", more, " more"));
}

}  // namespace

int GitConnection::onProgress(const git_indexer_progress* progress, void* payload) {
  auto& call = *static_cast<GitCall*>(payload);
  if (call.waitMillis() == 0) {
    return call.failLate();
  }
  if (progress->total_objects > call.options.limits.fetchObjects ||
      progress->received_bytes > call.options.limits.fetchBytes) {
    return call.fail({Code::Invalid, "the repository is larger than the limits for one fetch"});
  }
  return 0;
}

git_remote_callbacks GitConnection::callbacks() const {
  git_remote_callbacks out = GIT_REMOTE_CALLBACKS_INIT;
  out.payload = &call_;
  out.transfer_progress = onProgress;
  if (call_.url.scheme == GitUrl::Scheme::Ssh) {
    out.transport = newSshGitTransport;
  } else if (call_.url.scheme != GitUrl::Scheme::File) {
    out.transport = newCurlGitTransport;
  }
  return out;
}

Status GitConnection::failed() const {
  const Status status = call_.failure ? Status(Code::Unavailable, printable(gitError())) : call_.failure;
  return status.withContext(cat("git ", call_.url.canonical()));
}

Result<GitRefs> GitConnection::open(git_repository* repository) {
  git_remote_create_options options = GIT_REMOTE_CREATE_OPTIONS_INIT;
  options.repository = repository;
  options.flags = GIT_REMOTE_CREATE_SKIP_INSTEADOF | GIT_REMOTE_CREATE_SKIP_DEFAULT_FETCHSPEC;
  git_remote* raw = nullptr;
  if (git_remote_create_with_opts(&raw, call_.url.canonical().c_str(), &options) != 0) {
    return failed();
  }
  remote_.reset(raw);
  const git_remote_callbacks with = callbacks();
  const git_remote_head** heads = nullptr;
  std::size_t count = 0;
  if (git_remote_connect(raw, GIT_DIRECTION_FETCH, &with, nullptr, nullptr) != 0 ||
      git_remote_ls(&heads, &count, raw) != 0) {
    return failed();
  }
  return readRefs(heads, count);
}

Status GitConnection::fetch(const std::vector<std::string>& refSpecs) {
  git_fetch_options options = GIT_FETCH_OPTIONS_INIT;
  options.callbacks = callbacks();
  options.prune = GIT_FETCH_NO_PRUNE;
  options.update_fetchhead = 0;
  options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
  options.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
  std::vector<char*> texts;
  for (const std::string& spec : refSpecs) {
    texts.push_back(const_cast<char*>(spec.c_str()));
  }
  const git_strarray specs{texts.data(), texts.size()};
  return git_remote_fetch(remote_.get(), &specs, &options, nullptr) == 0 ? Status::ok() : failed();
}

Result<std::string> findCommit(const GitRefs& refs, const GitRef& ref) {
  if (!ref.commit.empty()) {
    return lowerAscii(ref.commit);
  }
  if (refs.ids.empty()) {
    return Status(Code::NotFound, "the repository has no commits yet");
  }
  const std::string name = !ref.branch.empty() ? cat(kHeads, ref.branch)
                           : !ref.tag.empty()  ? cat(kTags, ref.tag)
                                               : "HEAD";
  const auto it = refs.ids.find(name);
  if (it != refs.ids.end()) {
    return it->second;
  }
  if (!ref.branch.empty()) {
    return Status(Code::NotFound, cat("branch ", ref.branch, " not found; branches: ", namesBelow(refs, kHeads)));
  }
  if (!ref.tag.empty()) {
    return Status(Code::NotFound, cat("tag ", ref.tag, " not found; tags: ", namesBelow(refs, kTags)));
  }
  return Status(Code::NotFound, cat("the repository has no default branch; name one of: ", namesBelow(refs, kHeads)));
}

}  // namespace slipway::source
