#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/log.h"
#include "reconciler/base/status.h"
#include "reconciler/ports/artifact_source.h"
#include "reconciler/source/artifact_manifest.h"
#include "reconciler/source/artifact_source.h"
#include "reconciler/source/file_io.h"

namespace slipway::source {

// Collects the files of one artifact in a temporary pack. Not thread-safe. Dropped without commit, it leaves nothing.
class ArtifactWriter {
 public:
  // Gives up to `size` bytes, 0 at the end.
  using Reader = std::function<Result<std::size_t>(char* out, std::size_t size)>;

  ArtifactWriter(std::string path, Fd pack, const SourceLimits& limits);
  ~ArtifactWriter();
  ArtifactWriter(const ArtifactWriter&) = delete;
  ArtifactWriter& operator=(const ArtifactWriter&) = delete;

  Status addFile(const std::string& path, bool executable, const Reader& read);
  // Content in memory; for a link its target.
  Status add(const std::string& path, ArtifactFile::Type type, std::string_view content);

 private:
  friend class ArtifactStore;
  // Room for one more file.
  Status admit(const std::string& path);
  Status append(std::string_view bytes);
  // Ends the file whose content begins at `offset`; equal content is kept once.
  Status finishFile(ArtifactFile file, std::uint64_t offset);

  const std::string path_;
  Fd pack_;
  const SourceLimits limits_;
  std::uint64_t size_ = 0;
  std::uint64_t contentBytes_ = 0;
  std::vector<StoredFile> files_;
  std::map<std::string, std::uint64_t> known_;  // content digest -> offset
  std::map<std::string, std::string> targets_;  // link -> target
};

// Artifacts on disk, each a pack of its distinct contents and a list of files, both under its digest. Thread-safe.
// A crash leaves whole artifacts and temporary files, which prepare() removes.
class ArtifactStore {
 public:
  ArtifactStore(std::string directory, const SourceLimits& limits, Logger& logger);
  ~ArtifactStore();

  // Makes and reads the directory; call first. Unavailable when it cannot be used or another process has it. After a
  // failure it may be called again.
  Status prepare();

  Result<std::unique_ptr<ArtifactWriter>> begin();
  // Makes the artifact durable and opens it. Then evicts what is over the limits and in nobody's hands.
  Result<std::shared_ptr<const Artifact>> commit(std::unique_ptr<ArtifactWriter> writer);
  // NotFound when it is not here, or no longer what its digest says: then it is removed.
  Result<std::shared_ptr<const Artifact>> open(const std::string& digest);

  // What a source remembers: the digest it found under a key of its own.
  std::optional<std::string> find(const std::string& key) const;
  Status remember(const std::string& key, const std::string& digest);

 private:
  struct Entry {
    std::uint64_t bytes = 0;
    std::uint64_t lastUse = 0;
    std::weak_ptr<const Artifact> held;
  };
  std::string packPath(const std::string& digest) const;
  std::string manifestPath(const std::string& digest) const;
  Status readIndex();
  void readKeys();
  Result<std::shared_ptr<const Artifact>> load(const std::string& digest) const;
  std::shared_ptr<const Artifact> held(const std::string& digest);
  Status publish(const ArtifactWriter& writer, const std::string& digest);
  void evict();
  void drop(const std::string& digest);

  const std::string directory_;
  const SourceLimits limits_;
  Logger& logger_;
  mutable std::mutex mutex_;  // guards what follows
  bool ready_ = false;
  Fd lock_;
  std::uint64_t uses_ = 0;
  std::map<std::string, Entry> entries_;
  std::map<std::string, std::string> keys_;  // sha256 of the key -> digest
};

}  // namespace slipway::source
