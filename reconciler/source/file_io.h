#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "reconciler/base/status.h"

namespace slipway::source {

// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();
  int get() const { return fd_; }
  bool isOpen() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

// "what: reason of errno", as Unavailable.
Status fileError(std::string_view what, int error);

// Makes the directory (mode 0700) and its parents.
Status makeDirectories(const std::string& path);
Status writeAll(int fd, std::string_view bytes, std::string_view what);
// Exactly `size` bytes at `offset`; fewer is an error.
Status readAt(int fd, char* out, std::size_t size, std::uint64_t offset);
// The whole file, at most `limit` bytes.
Result<std::string> readFile(const std::string& path, std::uint64_t limit);
Status syncDirectory(const std::string& path);
// Durable and atomic: temporary file beside it, fsync, rename, fsync of the directory.
Status writeFileDurably(const std::string& path, std::string_view bytes);

}  // namespace slipway::source
