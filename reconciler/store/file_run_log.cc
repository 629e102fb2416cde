#include "reconciler/store/file_run_log.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"

namespace slipway::store {
namespace {

constexpr std::string_view kSuffix = ".log";
constexpr std::string_view kFull = "\n[log full: later output was dropped]\n";
// A file name has at most 255 bytes.
constexpr std::size_t kMaxName = 240;

bool isPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

// Different names give different results; never "", "." or "..", never a '/'. Overlong ones end with their hash.
std::string fileName(const std::string& name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (isPlain(c) && !(i == 0 && c == '.')) {
      out += c;
    } else {
      out += "%" + hexEncode({&c, 1});
    }
  }
  if (out.size() > kMaxName) return out.substr(0, kMaxName - 33) + "%" + sha256Hex(name).substr(0, 32);
  return out.empty() ? "%" : out;
}

int hexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::string nameOf(std::string_view file) {
  std::string out;
  for (std::size_t i = 0; i < file.size(); ++i) {
    const bool escaped =
        file[i] == '%' && i + 2 < file.size() && hexDigit(file[i + 1]) >= 0 && hexDigit(file[i + 2]) >= 0;
    out += escaped ? static_cast<char>(hexDigit(file[i + 1]) * 16 + hexDigit(file[i + 2])) : file[i];
    if (escaped) i += 2;
  }
  return out;
}

bool writeAll(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// The end of the longest prefix that does not cut a UTF-8 character.
std::size_t wholeCharacters(std::string_view text, std::size_t limit) {
  if (limit >= text.size()) return text.size();
  std::size_t end = limit;
  for (int i = 0; i < 3 && end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U; ++i) --end;
  return end;
}

}  // namespace

FileRunLog::FileRunLog(FileRunLogOptions options, Logger& log) : options_(std::move(options)), log_(log) {
  std::error_code error;
  if (std::filesystem::create_directories(options_.directory, error)) {
    std::filesystem::permissions(options_.directory, std::filesystem::perms::owner_all, error);
  }
  if (error)
    log_.error("cannot create the run log directory", {{"path", options_.directory}, {"error", error.message()}});
}

FileRunLog::~FileRunLog() {
  for (const auto& [key, file] : open_) ::close(file.descriptor);
}

std::string FileRunLog::folderOf(const std::string& run) const { return cat(options_.directory, "/", fileName(run)); }

std::string FileRunLog::pathOf(const std::string& run, const std::string& target) const {
  return cat(folderOf(run), "/", fileName(target), kSuffix);
}

void FileRunLog::closeOldest() {
  const auto it = open_.find(ages_.front());
  ::close(it->second.descriptor);
  open_.erase(it);
  ages_.pop_front();
}

FileRunLog::Open* FileRunLog::open(const Key& key) {
  if (const auto it = open_.find(key); it != open_.end()) {
    ages_.splice(ages_.end(), ages_, it->second.age);
    return &it->second;
  }
  if (open_.size() >= std::max<std::size_t>(1, options_.maxOpenFiles)) closeOldest();
  ::mkdir(folderOf(key.first).c_str(), 0700);
  const std::string path = pathOf(key.first, key.second);
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) {
    log_.warn("cannot open a run log", {{"path", path}, {"error", std::strerror(errno)}});
    return nullptr;
  }
  struct stat info {};
  ::fstat(descriptor, &info);
  const auto age = ages_.insert(ages_.end(), key);
  return &(open_[key] = {descriptor, static_cast<std::size_t>(info.st_size), age});
}

void FileRunLog::append(const std::string& run, const std::string& target, std::string_view text) {
  if (text.empty()) return;
  const std::lock_guard lock(mutex_);
  Open* file = open({run, target});
  // Above the limit there is only the mark, so the size says whether the log is full.
  if (file == nullptr || file->size > options_.maxTargetBytes) return;
  const std::size_t room = options_.maxTargetBytes - file->size;
  const bool fits = text.size() <= room;
  const std::string_view kept = fits ? text : text.substr(0, wholeCharacters(text, room));
  std::string bytes(kept);
  if (!fits) {
    // The mark must end beyond the limit, however little was cut off.
    bytes.append(room - kept.size(), ' ');
    bytes += kFull;
  }
  if (!writeAll(file->descriptor, bytes)) {
    log_.warn("cannot write a run log", {{"run", run}, {"target", target}, {"error", std::strerror(errno)}});
  }
  struct stat info {};
  file->size =
      ::fstat(file->descriptor, &info) == 0 ? static_cast<std::size_t>(info.st_size) : file->size + bytes.size();
}

Result<RunLogChunk> FileRunLog::read(const std::string& run, const std::string& target, std::uint64_t offset,
                                     std::size_t limit) const {
  const int descriptor = ::open(pathOf(run, target).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) {
    return Status(errno == ENOENT || errno == ENOTDIR ? Code::NotFound : Code::Unavailable,
                  cat("no log of target ", target, " in run ", run, ": ", std::strerror(errno)));
  }
  struct stat info {};
  ::fstat(descriptor, &info);
  const auto size = static_cast<std::uint64_t>(info.st_size);
  RunLogChunk chunk;
  chunk.next = offset;
  chunk.truncated = size > options_.maxTargetBytes;
  if (offset < size) {
    chunk.text.resize(static_cast<std::size_t>(std::min<std::uint64_t>(limit, size - offset)));
    const ssize_t count = ::pread(descriptor, chunk.text.data(), chunk.text.size(), static_cast<off_t>(offset));
    chunk.text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    chunk.next = offset + chunk.text.size();
  }
  ::close(descriptor);
  return chunk;
}

std::vector<std::string> FileRunLog::targets(const std::string& run) const {
  std::vector<std::string> out;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folderOf(run), error), end; !error && it != end; it.increment(error)) {
    const std::string file = it->path().filename().string();
    if (file.ends_with(kSuffix)) out.push_back(nameOf(file.substr(0, file.size() - kSuffix.size())));
  }
  std::sort(out.begin(), out.end());
  return out;
}

void FileRunLog::remove(const std::string& run) {
  const std::lock_guard lock(mutex_);
  for (auto it = open_.lower_bound({run, ""}); it != open_.end() && it->first.first == run;) {
    ::close(it->second.descriptor);
    ages_.erase(it->second.age);
    it = open_.erase(it);
  }
  std::error_code error;
  std::filesystem::remove_all(folderOf(run), error);
  if (error) log_.warn("cannot remove run logs", {{"run", run}, {"error", error.message()}});
}

}  // namespace slipway::store
