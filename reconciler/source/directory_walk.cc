#include "reconciler/source/directory_walk.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>
#include <tuple>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "reconciler/base/strings.h"
#include "reconciler/source/artifact_manifest.h"

namespace slipway::source {
namespace {

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

Status entryError(const std::string& path, int error) {
  if (error == EACCES || error == EPERM) {
    return {Code::Denied, cat(printable(path), ": the controller may not read it")};
  }
  return fileError(printable(path), error);
}

std::string_view kindName(mode_t mode) {
  if (S_ISSOCK(mode)) {
    return "a socket";
  }
  return S_ISFIFO(mode) ? "a pipe" : "a device";
}

auto identity(const struct stat& info) {
  return std::make_tuple(info.st_dev, info.st_ino, info.st_mode, info.st_size, info.st_mtim.tv_sec,
                         info.st_mtim.tv_nsec, info.st_ctim.tv_sec, info.st_ctim.tv_nsec);
}

class Walk {
 public:
  Walk(const std::vector<std::string>& exclude, const WalkVisitor& visit) : exclude_(exclude), visit_(visit) {}

  Status directory(Fd fd, const std::string& prefix) {
    Result<std::vector<std::string>> names = list(fd, prefix);
    if (!names) {
      return names.status();
    }
    for (const std::string& name : *names) {
      const std::string path = prefix + name;
      if (isExcluded(exclude_, path)) {
        continue;
      }
      SLIPWAY_RETURN_IF_ERROR(checkPath(path));
      SLIPWAY_RETURN_IF_ERROR(entry(fd.get(), name, path));
    }
    return Status::ok();
  }

 private:
  static Result<std::vector<std::string>> list(const Fd& fd, const std::string& prefix) {
    const int copy = ::openat(fd.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const std::unique_ptr<DIR, CloseDir> dir(copy < 0 ? nullptr : ::fdopendir(copy));
    if (!dir) {
      return entryError(prefix.empty() ? "." : prefix, errno);
    }
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(dir.get())) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") {
        names.push_back(name);
      }
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  Status entry(int parent, const std::string& name, const std::string& path) {
    WalkEntry found{path};
    if (::fstatat(parent, name.c_str(), &found.info, AT_SYMLINK_NOFOLLOW) != 0) {
      return errno == ENOENT ? Status::ok() : entryError(path, errno);
    }
    const mode_t mode = found.info.st_mode;
    if (S_ISDIR(mode)) {
      Fd child(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!child.isOpen()) {
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? Status::ok() : entryError(path, errno);
      }
      return directory(std::move(child), path + "/");
    }
    found.isLink = S_ISLNK(mode);
    if (!found.isLink && !S_ISREG(mode)) {
      return {Code::Invalid, cat(path, ": is ", kindName(mode), ", which a release cannot hold: exclude it")};
    }
    return visit_(found, parent, name);
  }

  const std::vector<std::string>& exclude_;
  const WalkVisitor& visit_;
};

}  // namespace

bool WalkEntry::sameAs(const WalkEntry& other) const {
  return path == other.path && identity(info) == identity(other.info);
}

Status walkDirectory(const Fd& root, const std::vector<std::string>& exclude, const WalkVisitor& visit) {
  Fd copy(::openat(root.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!copy.isOpen()) {
    return entryError(".", errno);
  }
  return Walk(exclude, visit).directory(std::move(copy), "");
}

bool globMatches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t retry = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos && text[retry] != '/') {
      p = star + 1;
      t = ++retry;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') {
    ++p;
  }
  return p == pattern.size();
}

bool isExcluded(const std::vector<std::string>& patterns, std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  if (name == ".git") {
    return true;
  }
  for (std::string_view pattern : patterns) {
    while (pattern.ends_with('/')) {
      pattern.remove_suffix(1);
    }
    const bool wholePath = pattern.find('/') != std::string_view::npos;
    while (pattern.starts_with('/')) {
      pattern.remove_prefix(1);
    }
    if (!pattern.empty() && globMatches(pattern, wholePath ? path : name)) {
      return true;
    }
  }
  return false;
}

}  // namespace slipway::source
