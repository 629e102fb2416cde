#include "reconciler/source/file_io.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reconciler/base/strings.h"

namespace slipway::source {

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    Fd dropped(std::exchange(fd_, std::exchange(other.fd_, -1)));
  }
  return *this;
}

Fd::~Fd() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

Status fileError(std::string_view what, int error) {
  return {Code::Unavailable, cat(what, ": ", std::generic_category().message(error))};
}

Status makeDirectories(const std::string& path) {
  for (std::size_t end = path.find('/', 1); true; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      return fileError(cat("making directory ", part), errno);
    }
    if (end == std::string::npos) {
      return Status::ok();
    }
  }
}

Status writeAll(int fd, std::string_view bytes, std::string_view what) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      return fileError(cat("writing ", what), errno);
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return Status::ok();
}

Status readAt(int fd, char* out, std::size_t size, std::uint64_t offset) {
  while (size > 0) {
    const ssize_t got = ::pread(fd, out, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return fileError("reading a cached artifact", errno);
    }
    if (got == 0) {
      return {Code::Unavailable, "a cached artifact is shorter than its list of files says"};
    }
    out += got;
    size -= static_cast<std::size_t>(got);
    offset += static_cast<std::uint64_t>(got);
  }
  return Status::ok();
}

Result<std::string> readFile(const std::string& path, std::uint64_t limit) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat info {};
  if (!fd.isOpen() || ::fstat(fd.get(), &info) != 0) {
    return fileError(cat("reading ", path), errno);
  }
  if (!S_ISREG(info.st_mode) || static_cast<std::uint64_t>(info.st_size) > limit) {
    return Status(Code::Unavailable, cat("reading ", path, ": not a file of at most ", limit, " bytes"));
  }
  std::string bytes(static_cast<std::size_t>(info.st_size), '\0');
  SLIPWAY_RETURN_IF_ERROR(readAt(fd.get(), bytes.data(), bytes.size(), 0));
  return bytes;
}

Status syncDirectory(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.isOpen() || ::fsync(fd.get()) != 0) {
    return fileError(cat("syncing ", path), errno);
  }
  return Status::ok();
}

Status writeFileDurably(const std::string& path, std::string_view bytes) {
  std::string temporary = path + ".XXXXXX";
  const Fd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd.isOpen()) {
    return fileError(cat("writing ", path), errno);
  }
  Status status = writeAll(fd.get(), bytes, path);
  if (status && (::fsync(fd.get()) != 0 || ::rename(temporary.c_str(), path.c_str()) != 0)) {
    status = fileError(cat("writing ", path), errno);
  }
  if (!status) {
    ::unlink(temporary.c_str());
    return status;
  }
  return syncDirectory(path.substr(0, path.rfind('/')));
}

}  // namespace slipway::source
