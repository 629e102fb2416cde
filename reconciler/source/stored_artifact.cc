#include "reconciler/source/stored_artifact.h"

#include <algorithm>
#include <set>

#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"
#include "reconciler/source/tar_writer.h"

namespace slipway::source {
namespace {

constexpr std::size_t kChunk = 256U << 10U;
constexpr std::uint64_t kLinkLimit = 4096;

// Feeds the content of one file piece by piece; `take` stops with a status that is not ok.
Status readContent(const StoredFile& stored, int pack, const std::function<Status(std::string_view)>& take) {
  std::string chunk(std::min<std::uint64_t>(kChunk, stored.file.size), '\0');
  for (std::uint64_t done = 0; done < stored.file.size;) {
    const std::size_t size = std::min<std::uint64_t>(chunk.size(), stored.file.size - done);
    SLIPWAY_RETURN_IF_ERROR(readAt(pack, chunk.data(), size, stored.offset + done));
    SLIPWAY_RETURN_IF_ERROR(take(std::string_view(chunk).substr(0, size)));
    done += size;
  }
  return Status::ok();
}

class StoredArtifact final : public Artifact {
 public:
  StoredArtifact(std::string digest, std::vector<StoredFile> stored, Fd pack)
      : digest_(std::move(digest)), pack_(std::move(pack)) {
    files_.reserve(stored.size());
    offsets_.reserve(stored.size());
    for (StoredFile& file : stored) {
      files_.push_back(std::move(file.file));
      offsets_.push_back(file.offset);
    }
  }

  const std::string& digest() const override { return digest_; }
  const std::vector<ArtifactFile>& files() const override { return files_; }

  Status writeTar(const std::vector<std::string>& paths,
                  const std::function<bool(std::string_view)>& sink) const override {
    const auto take = [&sink](std::string_view bytes) {
      return bytes.empty() || sink(bytes) ? Status::ok() : Status(Code::Cancelled, "the reader stopped");
    };
    if (paths.empty()) {
      for (std::size_t i = 0; i < files_.size(); ++i) {
        SLIPWAY_RETURN_IF_ERROR(writeMember(i, take));
      }
      return take(tarEnd());
    }
    for (const std::string& path : std::set<std::string>(paths.begin(), paths.end())) {
      const auto it =
          std::lower_bound(files_.begin(), files_.end(), path,
                           [](const ArtifactFile& file, const std::string& name) { return file.path < name; });
      if (it == files_.end() || it->path != path) {
        return {Code::NotFound, cat(path, ": no such file in ", digest_)};
      }
      SLIPWAY_RETURN_IF_ERROR(writeMember(static_cast<std::size_t>(it - files_.begin()), take));
    }
    return take(tarEnd());
  }

 private:
  Status writeMember(std::size_t index, const std::function<Status(std::string_view)>& take) const {
    const StoredFile stored{files_[index], offsets_[index]};
    if (stored.file.type == ArtifactFile::Type::Symlink) {
      std::string target(std::min(stored.file.size, kLinkLimit), '\0');
      SLIPWAY_RETURN_IF_ERROR(readAt(pack_.get(), target.data(), target.size(), stored.offset));
      return take(tarHeader(stored.file, target));
    }
    SLIPWAY_RETURN_IF_ERROR(take(tarHeader(stored.file, {})));
    SLIPWAY_RETURN_IF_ERROR(readContent(stored, pack_.get(), take));
    return take(tarPadding(stored.file.size));
  }

  const std::string digest_;
  const Fd pack_;
  std::vector<ArtifactFile> files_;
  std::vector<std::uint64_t> offsets_;
};

}  // namespace

Status verifyPack(const std::vector<StoredFile>& files, int pack) {
  std::set<std::pair<std::uint64_t, std::string_view>> seen;
  for (const StoredFile& stored : files) {
    if (!seen.emplace(stored.offset, stored.file.digest).second) {
      continue;
    }
    Sha256 hash;
    SLIPWAY_RETURN_IF_ERROR(readContent(stored, pack, [&hash](std::string_view bytes) {
      hash.update(bytes);
      return Status::ok();
    }));
    if (hash.hex() != stored.file.digest) {
      return {Code::Invalid, cat(stored.file.path, ": the content is not what its digest says")};
    }
  }
  return Status::ok();
}

std::shared_ptr<const Artifact> newStoredArtifact(std::string digest, std::vector<StoredFile> files, Fd pack) {
  return std::make_shared<StoredArtifact>(std::move(digest), std::move(files), std::move(pack));
}

}  // namespace slipway::source
