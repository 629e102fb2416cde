#include "providers/transport/open_ssh_folder.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reconciler/base/strings.h"

namespace slipway::transport {
namespace {

constexpr const char* kPassphrase = "passphrase";

Status failed(const std::string& path) {
  return {Code::Unavailable, cat("cannot make ", path, ": ", std::strerror(errno))};
}

}  // namespace

Result<std::unique_ptr<OpenSshFolder>> OpenSshFolder::make(const std::string& parent, const RemoteTarget& target) {
  std::string path = parent + "/XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) {
    return failed(path);
  }
  auto folder = std::unique_ptr<OpenSshFolder>(new OpenSshFolder(path));
  if (Status filled = folder->fill(target); !filled) {
    return filled;
  }
  return folder;
}

OpenSshFolder::~OpenSshFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Status OpenSshFolder::fill(const RemoteTarget& target) const {
  // ssh takes no key whose last line has no end.
  SLIPWAY_RETURN_IF_ERROR(write(kKey, target.privateKey + "\n", 0600));
  std::string known;
  for (const std::string& pin : target.hostKeys) {
    known += cat(kHost, " ", trim(pin), "\n");
  }
  SLIPWAY_RETURN_IF_ERROR(write(kKnownHosts, known, 0600));
  if (!target.passphrase.empty()) {
    SLIPWAY_RETURN_IF_ERROR(write(kPassphrase, target.passphrase + "\n", 0600));
    SLIPWAY_RETURN_IF_ERROR(write(kAskPass, cat("#!/bin/sh\nexec cat ", kPassphrase, "\n"), 0700));
  }
  const std::string log = cat(path_, "/", kLog);
  return ::mkfifo(log.c_str(), 0600) == 0 ? Status::ok() : failed(log);
}

Status OpenSshFolder::write(const char* name, const std::string& text, unsigned mode) const {
  const std::string path = cat(path_, "/", name);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
  if (fd < 0) {
    return failed(path);
  }
  const ssize_t written = ::write(fd, text.data(), text.size());
  const bool whole = written == static_cast<ssize_t>(text.size());
  const Status status = whole ? Status::ok() : failed(path);
  ::close(fd);
  return status;
}

Result<int> OpenSshFolder::openLog() const {
  const std::string path = cat(path_, "/", kLog);
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) {
    return failed(path);
  }
  return fd;
}

void OpenSshFolder::dropSecrets() const {
  for (const char* name : {kKey, kPassphrase}) {
    ::unlink(cat(path_, "/", name).c_str());
  }
}

}  // namespace slipway::transport
