#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace slipway::store {

using DiskFiles = std::map<std::string, std::string>;  // by name without directory

struct DiskOperation {
  enum class Kind { Create, Write, Truncate, Sync, Delete };
  Kind kind = Kind::Write;
  std::string file;
  std::uint64_t offset = 0;  // Truncate: the new size
  std::string bytes;
};

// A disk in memory that SQLite uses instead of the real one while this exists, and that writes down what SQLite did to
// its files, in order. One at a time in a process; one thread.
class CrashDisk {
 public:
  explicit CrashDisk(DiskFiles files = {});
  ~CrashDisk();
  CrashDisk(const CrashDisk&) = delete;
  CrashDisk& operator=(const CrashDisk&) = delete;

  const std::vector<DiskOperation>& operations() const;
  DiskFiles files() const;

 private:
  struct Vfs;
  std::unique_ptr<Vfs> vfs_;
};

}  // namespace slipway::store
