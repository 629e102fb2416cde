#pragma once

#include <string>

#include "reconciler/base/status.h"

namespace slipway::store {

// Says that this process, and no other, works in a directory. Released by the destructor and by the kernel when the
// process ends, however it ends.
class LockFile {
 public:
  // Unavailable, with the holder's process id, when someone else has it.
  static Result<LockFile> acquire(const std::string& path);
  LockFile(LockFile&& other) noexcept : descriptor_(other.descriptor_) { other.descriptor_ = -1; }
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;
  LockFile& operator=(LockFile&&) = delete;
  ~LockFile();

 private:
  explicit LockFile(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace slipway::store
