#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"
#include "reconciler/ports/artifact_source.h"

namespace slipway {

// A tree of files in memory.
class FakeArtifact final : public Artifact {
 public:
  struct File {
    std::string content;  // or the link's target
    ArtifactFile::Type type = ArtifactFile::Type::Regular;
  };
  explicit FakeArtifact(std::map<std::string, File> tree) : tree_(std::move(tree)) {
    std::string all;
    for (const auto& [path, file] : tree_) {
      const bool link = file.type == ArtifactFile::Type::Symlink;
      files_.push_back({path, sha256Hex(file.content), link ? 0 : file.content.size(), file.type});
      all += cat(path, "\n", files_.back().digest, "\n", static_cast<int>(file.type), "\n");
    }
    digest_ = "sha256:" + sha256Hex(all);
  }

  const std::string& digest() const override { return digest_; }
  const std::vector<ArtifactFile>& files() const override { return files_; }
  Status writeTar(const std::vector<std::string>& paths,
                  const std::function<bool(std::string_view)>& sink) const override {
    for (const auto& [path, file] : tree_) {
      if (!paths.empty() && std::find(paths.begin(), paths.end(), path) == paths.end()) continue;
      if (!sink(header(path, file))) return Status::ok();
      if (file.type == ArtifactFile::Type::Symlink) continue;
      std::string body = file.content;
      body.resize((body.size() + 511) / 512 * 512);
      if (!body.empty() && !sink(body)) return Status::ok();
    }
    sink(std::string(1024, '\0'));
    return Status::ok();
  }

  static std::string header(const std::string& path, const File& file) {
    std::string h(512, '\0');
    const bool link = file.type == ArtifactFile::Type::Symlink;
    path.copy(h.data(), 100);
    put(h, 100, file.type == ArtifactFile::Type::Regular ? "0000644" : "0000755");
    put(h, 108, "0000000");
    put(h, 116, "0000000");
    char size[16];
    std::snprintf(size, sizeof size, "%011zo", link ? 0 : file.content.size());
    put(h, 124, size);
    put(h, 136, "00000000000");
    h[156] = link ? '2' : '0';
    if (link) file.content.copy(h.data() + 157, 100);
    put(h, 257, "ustar");
    h.replace(263, 2, "00");
    std::fill(h.begin() + 148, h.begin() + 156, ' ');
    unsigned sum = 0;
    for (const char c : h) sum += static_cast<unsigned char>(c);
    std::snprintf(size, sizeof size, "%06o", sum);
    put(h, 148, size);
    h[154] = '\0';
    return h;
  }

 private:
  static void put(std::string& h, std::size_t at, const std::string& text) { h.replace(at, text.size(), text); }

  std::map<std::string, File> tree_;
  std::vector<ArtifactFile> files_;
  std::string digest_;
};

}  // namespace slipway
