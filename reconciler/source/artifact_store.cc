#include "reconciler/source/artifact_store.h"

#include <algorithm>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"
#include "reconciler/source/stored_artifact.h"

namespace slipway::source {
namespace {

constexpr std::string_view kPrefix = "sha256:";
constexpr std::size_t kChunk = 256U << 10U;
constexpr std::size_t kLinkBytes = 4096;
constexpr std::uint64_t kManifestBytes = 512ULL << 20U;

bool isHex64(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool isDigest(std::string_view text) { return text.starts_with(kPrefix) && isHex64(text.substr(kPrefix.size())); }

std::vector<std::string> listNames(const std::string& directory) {
  std::vector<std::string> names;
  if (DIR* dir = ::opendir(directory.c_str())) {
    while (const dirent* entry = ::readdir(dir)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") {
        names.push_back(name);
      }
    }
    ::closedir(dir);
  }
  return names;
}

}  // namespace

ArtifactWriter::ArtifactWriter(std::string path, Fd pack, const SourceLimits& limits)
    : path_(std::move(path)), pack_(std::move(pack)), limits_(limits) {}

ArtifactWriter::~ArtifactWriter() { ::unlink(path_.c_str()); }  // after commit the name is gone already

Status ArtifactWriter::admit(const std::string& path) {
  SLIPWAY_RETURN_IF_ERROR(checkPath(path));
  if (files_.size() >= limits_.files) {
    return {Code::Invalid, cat("the source has more than ", limits_.files, " files: narrow it with a path or exclude")};
  }
  return Status::ok();
}

Status ArtifactWriter::append(std::string_view bytes) {
  contentBytes_ += bytes.size();
  if (contentBytes_ > limits_.artifactBytes) {
    return {Code::Invalid,
            cat("the source has more than ", limits_.artifactBytes, " bytes: narrow it with a path or exclude")};
  }
  SLIPWAY_RETURN_IF_ERROR(writeAll(pack_.get(), bytes, "the artifact cache"));
  size_ += bytes.size();
  return Status::ok();
}

Status ArtifactWriter::finishFile(ArtifactFile file, std::uint64_t offset) {
  const auto [known, isNew] = known_.emplace(file.digest, offset);
  if (!isNew && file.size > 0) {
    size_ = offset;
    if (::ftruncate(pack_.get(), static_cast<off_t>(offset)) != 0 ||
        ::lseek(pack_.get(), static_cast<off_t>(offset), SEEK_SET) < 0) {
      return fileError("the artifact cache", errno);
    }
  }
  files_.push_back({std::move(file), known->second});
  return Status::ok();
}

Status ArtifactWriter::addFile(const std::string& path, bool executable, const Reader& read) {
  SLIPWAY_RETURN_IF_ERROR(admit(path));
  const std::uint64_t offset = size_;
  ArtifactFile file{path};
  file.type = executable ? ArtifactFile::Type::Executable : ArtifactFile::Type::Regular;
  Sha256 hash;
  std::string chunk(kChunk, '\0');
  while (true) {
    const Result<std::size_t> got = read(chunk.data(), chunk.size());
    if (!got) {
      return got.status();
    }
    if (*got == 0) {
      break;
    }
    const std::string_view bytes = std::string_view(chunk).substr(0, *got);
    file.size += bytes.size();
    if (file.size > limits_.fileBytes) {
      return {Code::Invalid, cat(path, ": larger than ", limits_.fileBytes, " bytes")};
    }
    hash.update(bytes);
    SLIPWAY_RETURN_IF_ERROR(append(bytes));
  }
  file.digest = hash.hex();
  return finishFile(std::move(file), offset);
}

Status ArtifactWriter::add(const std::string& path, ArtifactFile::Type type, std::string_view content) {
  SLIPWAY_RETURN_IF_ERROR(admit(path));
  if (type == ArtifactFile::Type::Symlink) {
    if (content.size() >= kLinkBytes || content.find('\0') != std::string_view::npos) {
      return {Code::Invalid, cat(path, ": not a usable symbolic link")};
    }
    targets_[path] = content;
  }
  if (content.size() > limits_.fileBytes) {
    return {Code::Invalid, cat(path, ": larger than ", limits_.fileBytes, " bytes")};
  }
  const std::uint64_t offset = size_;
  SLIPWAY_RETURN_IF_ERROR(append(content));
  return finishFile({path, sha256Hex(content), content.size(), type}, offset);
}

ArtifactStore::ArtifactStore(std::string directory, const SourceLimits& limits, Logger& logger)
    : directory_(std::move(directory)), limits_(limits), logger_(logger) {}

ArtifactStore::~ArtifactStore() = default;

std::string ArtifactStore::packPath(const std::string& digest) const {
  return cat(directory_, "/packs/", std::string_view(digest).substr(kPrefix.size()));
}

std::string ArtifactStore::manifestPath(const std::string& digest) const {
  return cat(directory_, "/artifacts/", std::string_view(digest).substr(kPrefix.size()));
}

Status ArtifactStore::prepare() {
  const std::lock_guard lock(mutex_);
  if (ready_) {
    return Status::ok();
  }
  for (const char* part : {"/packs", "/artifacts", "/keys", "/temporary"}) {
    SLIPWAY_RETURN_IF_ERROR(makeDirectories(directory_ + part).withContext("artifact cache"));
  }
  Fd file(::open(cat(directory_, "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file.isOpen()) {
    return fileError(cat("artifact cache ", directory_), errno);
  }
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    return {Code::Unavailable, cat("artifact cache ", directory_, ": another process uses it")};
  }
  SLIPWAY_RETURN_IF_ERROR(readIndex());
  readKeys();
  lock_ = std::move(file);
  ready_ = true;
  return Status::ok();
}

// The list of files is written last: a pack without one belongs to a commit that was cut off.
Status ArtifactStore::readIndex() {
  std::vector<std::pair<timespec, std::string>> found;
  for (const std::string& name : listNames(directory_ + "/artifacts")) {
    const std::string digest = cat(kPrefix, name);
    struct stat manifest {};
    struct stat pack {};
    if (!isHex64(name) || ::stat(manifestPath(digest).c_str(), &manifest) != 0 ||
        ::stat(packPath(digest).c_str(), &pack) != 0) {
      ::unlink(cat(directory_, "/artifacts/", name).c_str());
      continue;
    }
    entries_[digest].bytes = static_cast<std::uint64_t>(pack.st_size + manifest.st_size);
    found.emplace_back(manifest.st_mtim, digest);
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first.tv_sec, a.first.tv_nsec, a.second) < std::tie(b.first.tv_sec, b.first.tv_nsec, b.second);
  });
  for (const auto& [time, digest] : found) {
    entries_[digest].lastUse = ++uses_;
  }
  for (const std::string& name : listNames(directory_ + "/packs")) {
    if (!entries_.contains(cat(kPrefix, name))) {
      ::unlink(cat(directory_, "/packs/", name).c_str());
    }
  }
  for (const std::string& name : listNames(directory_ + "/temporary")) {
    ::unlink(cat(directory_, "/temporary/", name).c_str());
  }
  return Status::ok();
}

void ArtifactStore::readKeys() {
  for (const std::string& name : listNames(directory_ + "/keys")) {
    const std::string path = cat(directory_, "/keys/", name);
    const Result<std::string> digest = readFile(path, 100);
    if (isHex64(name) && digest && entries_.contains(*digest)) {
      keys_[name] = *digest;
    } else {
      ::unlink(path.c_str());
    }
  }
}

Result<std::unique_ptr<ArtifactWriter>> ArtifactStore::begin() {
  std::string path = directory_ + "/temporary/pack.XXXXXX";
  Fd fd(::mkostemp(path.data(), O_CLOEXEC));
  if (!fd.isOpen()) {
    return fileError("artifact cache", errno);
  }
  return std::make_unique<ArtifactWriter>(path, std::move(fd), limits_);
}

Result<std::shared_ptr<const Artifact>> ArtifactStore::commit(std::unique_ptr<ArtifactWriter> writer) {
  std::sort(writer->files_.begin(), writer->files_.end(),
            [](const StoredFile& a, const StoredFile& b) { return a.file.path < b.file.path; });
  SLIPWAY_RETURN_IF_ERROR(checkTree(writer->files_, writer->targets_));
  if (writer->files_.empty()) {
    return Status(Code::Invalid, "the source has no files");
  }
  const std::string digest = artifactDigest(writer->files_);
  if (auto known = open(digest)) {
    return known;
  }
  SLIPWAY_RETURN_IF_ERROR(publish(*writer, digest));
  auto artifact = newStoredArtifact(digest, std::move(writer->files_), std::move(writer->pack_));
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[digest];
  entry.bytes = writer->size_;
  entry.lastUse = ++uses_;
  entry.held = artifact;
  evict();
  return artifact;
}

Status ArtifactStore::publish(const ArtifactWriter& writer, const std::string& digest) {
  const std::string pack = packPath(digest);
  if (::fsync(writer.pack_.get()) != 0 || ::rename(writer.path_.c_str(), pack.c_str()) != 0) {
    return fileError("artifact cache", errno);
  }
  SLIPWAY_RETURN_IF_ERROR(syncDirectory(directory_ + "/packs"));
  return writeFileDurably(manifestPath(digest), encodeManifest(writer.files_));
}

Result<std::shared_ptr<const Artifact>> ArtifactStore::open(const std::string& digest) {
  const Status missing(Code::NotFound, cat("artifact ", printable(digest), " is not in the cache"));
  if (!isDigest(digest)) {
    return missing;
  }
  {
    const std::lock_guard lock(mutex_);
    if (!entries_.contains(digest)) {
      return missing;
    }
    if (auto artifact = held(digest)) {
      return artifact;
    }
  }
  Result<std::shared_ptr<const Artifact>> artifact = load(digest);
  const std::lock_guard lock(mutex_);
  if (!artifact) {
    logger_.warn("a cached artifact is damaged and was removed",
                 {{"artifact", digest}, {"reason", artifact.status().message()}});
    drop(digest);
    return missing;
  }
  if (!entries_.contains(digest)) {
    return artifact;  // evicted meanwhile; its open pack stays readable
  }
  if (auto first = held(digest)) {
    return first;
  }
  ::utimensat(AT_FDCWD, manifestPath(digest).c_str(), nullptr, 0);
  entries_[digest].held = *artifact;
  return artifact;
}

// REQUIRES: mutex_ held, the entry exists.
std::shared_ptr<const Artifact> ArtifactStore::held(const std::string& digest) {
  Entry& entry = entries_[digest];
  entry.lastUse = ++uses_;
  return entry.held.lock();
}

Result<std::shared_ptr<const Artifact>> ArtifactStore::load(const std::string& digest) const {
  const Result<std::string> text = readFile(manifestPath(digest), kManifestBytes);
  if (!text) {
    return text.status();
  }
  Result<std::vector<StoredFile>> files = decodeManifest(*text);
  if (!files) {
    return files.status();
  }
  if (artifactDigest(*files) != digest) {
    return Status(Code::Invalid, "the list of files is not what its digest says");
  }
  Fd pack(::open(packPath(digest).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!pack.isOpen()) {
    return fileError("artifact cache", errno);
  }
  SLIPWAY_RETURN_IF_ERROR(verifyPack(*files, pack.get()));
  return newStoredArtifact(digest, std::move(*files), std::move(pack));
}

std::optional<std::string> ArtifactStore::find(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto it = keys_.find(sha256Hex(key));
  return it == keys_.end() ? std::nullopt : std::optional(it->second);
}

Status ArtifactStore::remember(const std::string& key, const std::string& digest) {
  const std::string name = sha256Hex(key);
  SLIPWAY_RETURN_IF_ERROR(writeFileDurably(cat(directory_, "/keys/", name), digest));
  const std::lock_guard lock(mutex_);
  keys_[name] = digest;
  return Status::ok();
}

// REQUIRES: mutex_ held.
void ArtifactStore::evict() {
  std::vector<std::pair<std::uint64_t, std::string>> idle;
  std::uint64_t bytes = 0;
  for (const auto& [digest, entry] : entries_) {
    bytes += entry.bytes;
    if (entry.held.expired()) {
      idle.emplace_back(entry.lastUse, digest);
    }
  }
  std::sort(idle.begin(), idle.end());
  for (const auto& [use, digest] : idle) {
    if (bytes <= limits_.cacheBytes && entries_.size() <= limits_.cacheArtifacts) {
      return;
    }
    bytes -= entries_[digest].bytes;
    drop(digest);
  }
}

// REQUIRES: mutex_ held. The list goes first, so that a crash leaves a pack without list, never the reverse.
void ArtifactStore::drop(const std::string& digest) {
  ::unlink(manifestPath(digest).c_str());
  ::unlink(packPath(digest).c_str());
  entries_.erase(digest);
  for (auto it = keys_.begin(); it != keys_.end();) {
    if (it->second == digest) {
      ::unlink(cat(directory_, "/keys/", it->first).c_str());
      it = keys_.erase(it);
    } else {
      ++it;
    }
  }
}

}  // namespace slipway::source
