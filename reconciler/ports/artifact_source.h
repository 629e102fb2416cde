#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "reconciler/api/source_spec.h"
#include "reconciler/base/status.h"

namespace slipway {

// What a reference was pinned to. Two equal revisions have equal content.
struct SourceRevision {
  std::string id;       // a commit id, or "sha256:…" of the content
  std::string display;  // "v1.4.2 (3f2a91c)", for people
};

struct ArtifactFile {
  std::string path;    // relative, '/' between names, no "." or ".."
  std::string digest;  // sha256 hex of the content, or of the link target
  std::uint64_t size = 0;
  enum class Type { Regular, Executable, Symlink } type = Type::Regular;
};

// One immutable tree of files, kept by the controller under its digest.
class Artifact {
 public:
  virtual ~Artifact() = default;
  // "sha256:…" over the canonical list of files: same content, same digest, whatever the source was.
  virtual const std::string& digest() const = 0;
  virtual const std::vector<ArtifactFile>& files() const = 0;  // sorted by path
  // A POSIX ustar/pax stream with the named files (all when empty), deterministic: no times, owner 0.
  // `sink` gets it piece by piece; false from it stops.
  virtual Status writeTar(const std::vector<std::string>& paths,
                          const std::function<bool(std::string_view)>& sink) const = 0;
};

// ref → revision → content. Thread-safe. Calls block (network, disk): call it on a worker of the provider pool.
class ArtifactSource {
 public:
  virtual ~ArtifactSource() = default;
  // Errors: NotFound (no such ref, directory), Denied (credentials), Unavailable, Timeout, Invalid (bad URL, a link
  // that leaves the tree).
  virtual Result<SourceRevision> resolve(const SourceSpec& spec, const SourceCredentials& credentials) = 0;
  // The content of a revision; fetched once, then from disk. Verified against its digest on each open.
  virtual Result<std::shared_ptr<const Artifact>> fetch(const SourceSpec& spec, const SourceCredentials& credentials,
                                                        const SourceRevision& revision) = 0;
};

}  // namespace slipway
