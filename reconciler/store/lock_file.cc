#include "reconciler/store/lock_file.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "reconciler/base/strings.h"

namespace slipway::store {
namespace {

std::string holderOf(int descriptor) {
  std::array<char, 32> text{};
  const ssize_t size = pread(descriptor, text.data(), text.size(), 0);
  const std::string pid(trim({text.data(), size > 0 ? static_cast<std::size_t>(size) : 0}));
  return pid.empty() || pid.find_first_not_of("0123456789") != std::string::npos ? "another process" : "process " + pid;
}

}  // namespace

Result<LockFile> LockFile::acquire(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return Status(Code::Unavailable, cat("cannot open ", path, ": ", std::strerror(errno)));
  LockFile lock(descriptor);
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return Status(Code::Unavailable, cat("cannot lock ", path, ": ", std::strerror(errno)));
    return Status(Code::Unavailable,
                  cat("the data directory is in use by ", holderOf(descriptor), " (lock ", path, "); stop it first"));
  }
  const std::string pid = cat(getpid(), '\n');
  if (ftruncate(descriptor, 0) != 0 || pwrite(descriptor, pid.data(), pid.size(), 0) < 0) {
    return Status(Code::Unavailable, cat("cannot write ", path, ": ", std::strerror(errno)));
  }
  return lock;
}

LockFile::~LockFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace slipway::store
