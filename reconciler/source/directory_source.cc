#include "reconciler/source/directory_source.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>

#include <fcntl.h>
#include <unistd.h>

#include "reconciler/base/strings.h"
#include "reconciler/source/directory_walk.h"

namespace slipway::source {
namespace {

constexpr int kAttempts = 3;

std::string realPath(const std::string& path) {
  std::array<char, PATH_MAX> out{};
  return ::realpath(path.c_str(), out.data()) == nullptr ? std::string() : std::string(out.data());
}

bool liesIn(const std::string& path, const std::string& root) {
  return !root.empty() && (path == root || root == "/" || path.starts_with(root + "/"));
}

// One pass over the tree into a writer, then a second look that must find what the first one saw.
class Snapshot {
 public:
  Snapshot(const Fd& root, const std::vector<std::string>& exclude, ArtifactWriter& writer)
      : root_(root), exclude_(exclude), writer_(writer) {}

  // The path of what changed meanwhile; empty: nothing did.
  Result<std::string> take() {
    Status status =
        walkDirectory(root_, exclude_, [this](const WalkEntry& entry, int directory, const std::string& name) {
          seen_.push_back(entry);
          return entry.isLink ? addLink(entry, directory, name) : addFile(entry, directory, name);
        });
    if (changed_.empty() && status) {
      status = lookAgain();
    }
    if (!changed_.empty()) {
      return changed_;
    }
    return status ? Result<std::string>(std::string()) : Result<std::string>(status);
  }

 private:
  Status markChanged(const std::string& path) {
    changed_ = path;
    return {Code::Conflict, path};
  }

  Status addLink(const WalkEntry& entry, int directory, const std::string& name) {
    std::array<char, PATH_MAX> target{};
    const ssize_t size = ::readlinkat(directory, name.c_str(), target.data(), target.size());
    if (size < 0) {
      return markChanged(entry.path);
    }
    return writer_.add(entry.path, ArtifactFile::Type::Symlink, {target.data(), static_cast<std::size_t>(size)});
  }

  Status addFile(const WalkEntry& entry, int directory, const std::string& name) {
    const Fd fd(::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!fd.isOpen()) {
      return errno == EACCES || errno == EPERM
                 ? Status(Code::Denied, cat(entry.path, ": the controller may not read it"))
                 : markChanged(entry.path);
    }
    if (!isStill(entry, fd)) {
      return markChanged(entry.path);
    }
    std::uint64_t size = 0;
    const auto reader = [&](char* out, std::size_t room) -> Result<std::size_t> {
      ssize_t got = 0;
      do {
        got = ::read(fd.get(), out, room);
      } while (got < 0 && errno == EINTR);
      if (got < 0) {
        return fileError(entry.path, errno);
      }
      size += static_cast<std::uint64_t>(got);
      return static_cast<std::size_t>(got);
    };
    SLIPWAY_RETURN_IF_ERROR(writer_.addFile(entry.path, (entry.info.st_mode & S_IXUSR) != 0, reader));
    const bool whole = size == static_cast<std::uint64_t>(entry.info.st_size);
    return whole && isStill(entry, fd) ? Status::ok() : markChanged(entry.path);
  }

  static bool isStill(const WalkEntry& entry, const Fd& fd) {
    WalkEntry now{entry.path};
    return ::fstat(fd.get(), &now.info) == 0 && entry.sameAs(now);
  }

  Status lookAgain() {
    std::size_t at = 0;
    Status status = walkDirectory(root_, exclude_, [this, &at](const WalkEntry& entry, int, const std::string&) {
      const bool same = at < seen_.size() && entry.sameAs(seen_[at]);
      ++at;
      return same ? Status::ok() : markChanged(entry.path);
    });
    if (status && at < seen_.size()) {
      return markChanged(seen_[at].path);
    }
    return status;
  }

  const Fd& root_;
  const std::vector<std::string>& exclude_;
  ArtifactWriter& writer_;
  std::vector<WalkEntry> seen_;
  std::string changed_;
};

}  // namespace

Result<Fd> DirectoryReader::openRoot(const std::string& path) const {
  if (path.empty() || path.front() != '/') {
    return Status(Code::Invalid, cat("directory \"", printable(path), "\": must be an absolute path"));
  }
  Fd root(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.isOpen()) {
    const bool missing = errno == ENOENT || errno == ENOTDIR;
    const std::string reason = missing ? "no such directory on the controller's machine" : "cannot be opened there";
    return Status(missing ? Code::NotFound : Code::Denied, cat("directory ", printable(path), ": ", reason));
  }
  // Of the opened directory, not of the name: that may lead elsewhere by now.
  const std::string real = realPath(cat("/proc/self/fd/", root.get()));
  const bool allowed =
      roots_.empty() || std::any_of(roots_.begin(), roots_.end(), [&real](const std::string& allowedRoot) {
        return liesIn(real, realPath(allowedRoot));
      });
  if (!allowed) {
    return Status(Code::Denied,
                  cat("directory ", printable(path), ": this controller reads only ", join(roots_, ", ")));
  }
  return root;
}

Result<std::shared_ptr<const Artifact>> DirectoryReader::read(const DirectorySource& source) const {
  const Result<Fd> root = openRoot(source.path);
  if (!root) {
    return root.status();
  }
  std::string changed;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Result<std::unique_ptr<ArtifactWriter>> writer = store_.begin();
    if (!writer) {
      return writer.status();
    }
    const Result<std::string> result = Snapshot(*root, source.exclude, **writer).take();
    if (!result) {
      return result.status().withContext(cat("directory ", source.path));
    }
    if (result->empty()) {
      auto artifact = store_.commit(std::move(*writer));
      return artifact ? artifact : artifact.status().withContext(cat("directory ", source.path));
    }
    changed = *result;
  }
  return Status(Code::Unavailable, cat("directory ", source.path, ": ", changed, " changed while it was read, ",
                                       kAttempts, " times in a row"));
}

}  // namespace slipway::source
