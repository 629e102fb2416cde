#include "reconciler/source/artifact_manifest.h"

#include <algorithm>
#include <charconv>
#include <deque>
#include <set>

#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"

namespace slipway::source {
namespace {

constexpr std::string_view kFirstLine = "slipway-artifact 1\n";
constexpr std::size_t kPathBytes = 1024;
constexpr std::size_t kPathDepth = 64;

char typeLetter(ArtifactFile::Type type) {
  switch (type) {
    case ArtifactFile::Type::Executable:
      return 'x';
    case ArtifactFile::Type::Symlink:
      return 'l';
    case ArtifactFile::Type::Regular:
      break;
  }
  return 'f';
}

// Takes the text up to the separator off the front.
std::string_view takeField(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view field = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return field;
}

bool readNumber(std::string_view text, std::uint64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

bool readLine(std::string_view line, StoredFile& out) {
  const std::string_view type = takeField(line, ' ');
  out.file.digest = takeField(line, ' ');
  const bool numbers = readNumber(takeField(line, ' '), out.file.size) && readNumber(takeField(line, ' '), out.offset);
  out.file.path = line;
  out.file.type = type == "x"   ? ArtifactFile::Type::Executable
                  : type == "l" ? ArtifactFile::Type::Symlink
                                : ArtifactFile::Type::Regular;
  return numbers && (type == "x" || type == "l" || type == "f") && out.file.digest.size() == 64 && !line.empty();
}

// Walks links as the kernel does, over the names of the artifact alone.
class LinkWalk {
 public:
  explicit LinkWalk(const std::map<std::string, std::string>& targets) : targets_(targets) {}

  // False when the link at `path` leads above the root.
  bool staysInside(const std::string& path, const std::string& target) const {
    std::vector<std::string> at = split(path, '/');
    at.pop_back();
    std::deque<std::string> rest;
    push(rest, target);
    for (int links = 0; !rest.empty();) {
      const std::string name = std::move(rest.front());
      rest.pop_front();
      if (name.empty() || name == ".") {
        continue;
      }
      if (name == "..") {
        if (at.empty()) {
          return false;
        }
        at.pop_back();
        continue;
      }
      at.push_back(name);
      const auto link = targets_.find(join(at, "/"));
      if (link == targets_.end()) {
        continue;
      }
      if (++links > 40) {
        return true;  // a loop, as the kernel counts: it leads nowhere
      }
      at.pop_back();
      push(rest, link->second);
    }
    return true;
  }

 private:
  static void push(std::deque<std::string>& rest, const std::string& target) {
    const std::vector<std::string> names = split(target, '/');
    rest.insert(rest.begin(), names.begin(), names.end());
  }
  const std::map<std::string, std::string>& targets_;
};

Status checkPlaces(const std::vector<StoredFile>& files) {
  std::set<std::string_view> leaves;
  for (const StoredFile& file : files) {
    if (!leaves.insert(file.file.path).second) {
      return {Code::Invalid, cat(file.file.path, ": occurs twice in the source")};
    }
  }
  for (const StoredFile& file : files) {
    const std::string_view path = file.file.path;
    for (std::size_t end = path.find('/'); end != std::string_view::npos; end = path.find('/', end + 1)) {
      if (leaves.contains(path.substr(0, end))) {
        return {Code::Invalid, cat(path, ": ", path.substr(0, end), " is a file or link in the same source")};
      }
    }
  }
  return Status::ok();
}

}  // namespace

std::string artifactDigest(const std::vector<StoredFile>& files) {
  Sha256 hash;
  hash.update("slipway artifact 1\n");
  for (const StoredFile& stored : files) {
    const ArtifactFile& file = stored.file;
    hash.update(cat(typeLetter(file.type), ' ', file.digest, ' ', file.size, ' ', file.path, '\n'));
  }
  return "sha256:" + hash.hex();
}

std::string encodeManifest(const std::vector<StoredFile>& files) {
  std::string text(kFirstLine);
  for (const StoredFile& stored : files) {
    const ArtifactFile& file = stored.file;
    text += cat(typeLetter(file.type), ' ', file.digest, ' ', file.size, ' ', stored.offset, ' ', file.path, '\n');
  }
  return text;
}

Result<std::vector<StoredFile>> decodeManifest(std::string_view text) {
  const Status damaged(Code::Invalid, "the list of files is damaged");
  if (!text.starts_with(kFirstLine) || text.back() != '\n') {
    return damaged;
  }
  text.remove_prefix(kFirstLine.size());
  std::vector<StoredFile> files;
  while (!text.empty()) {
    StoredFile file;
    if (!readLine(takeField(text, '\n'), file) || !checkPath(file.file.path)) {
      return damaged;
    }
    files.push_back(std::move(file));
  }
  return files;
}

Status checkPath(std::string_view path) {
  const std::string shown = printable(path.substr(0, 200));
  if (path.empty() || path.size() > kPathBytes) {
    return {Code::Invalid, cat("\"", shown, "\": a path must have 1 to ", kPathBytes, " bytes")};
  }
  if (std::any_of(path.begin(), path.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; })) {
    return {Code::Invalid, cat("\"", shown, "\": control characters in file names are not supported: rename the file")};
  }
  const std::vector<std::string> names = split(path, '/');
  if (names.size() > kPathDepth) {
    return {Code::Invalid, cat("\"", shown, "\": deeper than ", kPathDepth, " directories")};
  }
  for (const std::string& name : names) {
    if (name.empty() || name == "." || name == ".." || lowerAscii(name) == ".git") {
      return {Code::Invalid, cat("\"", shown, "\": \"", name, "\" is not allowed as a name in a release")};
    }
  }
  return Status::ok();
}

Status checkTree(const std::vector<StoredFile>& files, const std::map<std::string, std::string>& targets) {
  SLIPWAY_RETURN_IF_ERROR(checkPlaces(files));
  const LinkWalk walk(targets);
  for (const auto& [path, target] : targets) {
    const std::string shown = cat(path, " -> ", printable(target));
    if (target.empty() || target.front() == '/') {
      return {Code::Invalid, cat(shown,
                                 ": an absolute symbolic link would not work on a server: make it relative, or "
                                 "use a shared path")};
    }
    if (!walk.staysInside(path, target)) {
      return {Code::Invalid, cat(shown, ": the symbolic link leads out of the source")};
    }
  }
  return Status::ok();
}

}  // namespace slipway::source
