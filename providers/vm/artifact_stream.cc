#include "providers/vm/artifact_stream.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <unistd.h>

#include "providers/vm/tar_guard.h"
#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"

namespace slipway::vm {

Result<std::shared_ptr<const TarSpool>> TarSpool::make(const Artifact& artifact,
                                                       const std::vector<std::string>& paths) {
  const auto spool = std::make_shared<TarSpool>();
  spool->file_.reset(std::tmpfile());
  if (spool->file_ == nullptr) {
    return Status(Code::Unavailable, cat("cannot make a temporary file for the archive: ", std::strerror(errno)));
  }
  TarGuard guard;
  Status refused;
  const Status written = artifact.writeTar(paths, [&](std::string_view piece) {
    refused = guard.take(piece);
    if (refused && std::fwrite(piece.data(), 1, piece.size(), spool->file_.get()) != piece.size()) {
      refused = Status(Code::Unavailable, cat("cannot write the archive: ", std::strerror(errno)));
    }
    spool->size_ += piece.size();
    return refused.isOk();
  });
  SLIPWAY_RETURN_IF_ERROR(refused);
  SLIPWAY_RETURN_IF_ERROR(written);
  if (std::fflush(spool->file_.get()) != 0) {
    return Status(Code::Unavailable, cat("cannot write the archive: ", std::strerror(errno)));
  }
  return std::shared_ptr<const TarSpool>(spool);
}

Result<std::string> TarSpool::read(std::uint64_t offset, std::size_t limit) const {
  std::string out(std::min<std::uint64_t>(limit, size_ - std::min(offset, size_)), '\0');
  std::size_t have = 0;
  while (have < out.size()) {
    const ssize_t got =
        ::pread(::fileno(file_.get()), out.data() + have, out.size() - have, static_cast<off_t>(offset + have));
    if (got <= 0) {
      return Status(Code::Unavailable, cat("cannot read the archive: ", std::strerror(errno)));
    }
    have += static_cast<std::size_t>(got);
  }
  return out;
}

Result<std::string> manifestOf(const Artifact& artifact) {
  std::vector<std::string> lines;
  lines.reserve(artifact.files().size());
  for (const ArtifactFile& file : artifact.files()) {
    if (file.path.find('\n') != std::string::npos || file.path.find('\0') != std::string::npos) {
      return Status(Code::Invalid, cat("file name with a line break: \"", printable(file.path), "\""));
    }
    const char* type = file.type == ArtifactFile::Type::Regular      ? "f "
                       : file.type == ArtifactFile::Type::Executable ? "x "
                                                                     : "l ";
    lines.push_back(cat(type, file.digest, " ", file.size, " ", file.path));
  }
  std::sort(lines.begin(), lines.end());
  return join(lines, "\n");
}

Result<std::shared_ptr<const TarSpool>> SpoolCache::get(const Artifact& artifact,
                                                        const std::vector<std::string>& paths) {
  std::erase_if(spools_, [](const auto& entry) { return entry.second.expired(); });
  const std::string key = cat(artifact.digest(), " ", sha256Hex(join(paths, "\n")));
  const auto found = spools_.find(key);
  if (found != spools_.end()) {
    if (std::shared_ptr<const TarSpool> spool = found->second.lock()) {
      return spool;
    }
  }
  Result<std::shared_ptr<const TarSpool>> made = TarSpool::make(artifact, paths);
  if (made) {
    spools_[key] = *made;
  }
  return made;
}

}  // namespace slipway::vm
