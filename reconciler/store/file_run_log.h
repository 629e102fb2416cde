#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <mutex>
#include <string>

#include "reconciler/base/log.h"
#include "reconciler/ports/run_log.h"

namespace slipway::store {

struct FileRunLogOptions {
  std::string directory;                   // <directory>/<run>/<target>.log; created with mode 0700
  std::size_t maxTargetBytes = 1U << 20U;  // of what is kept per target
  std::size_t maxOpenFiles = 64;
};

// The RunLog port on plain files. Names from outside never leave the directory: characters other than letters, digits,
// '-', '_' and '.' are written as %XX. A log that is full ends with a line that says so, also after a restart. Losing
// the last lines in a power failure is accepted: nothing is synced.
class FileRunLog final : public RunLog {
 public:
  FileRunLog(FileRunLogOptions options, Logger& log);
  ~FileRunLog() override;

  void append(const std::string& run, const std::string& target, std::string_view text) override;
  Result<RunLogChunk> read(const std::string& run, const std::string& target, std::uint64_t offset,
                           std::size_t limit) const override;
  std::vector<std::string> targets(const std::string& run) const override;
  void remove(const std::string& run) override;

 private:
  using Key = std::pair<std::string, std::string>;
  struct Open {
    int descriptor = -1;
    std::size_t size = 0;
    std::list<Key>::iterator age;
  };

  // Null when the file cannot be opened.
  Open* open(const Key& key);
  void closeOldest();
  std::string folderOf(const std::string& run) const;
  std::string pathOf(const std::string& run, const std::string& target) const;

  const FileRunLogOptions options_;
  Logger& log_;
  mutable std::mutex mutex_;
  std::map<Key, Open> open_;
  std::list<Key> ages_;  // oldest use first
};

}  // namespace slipway::store
