#include "reconciler/apiserver/listener/authenticator.h"

#include <fstream>
#include <sstream>

#include <openssl/crypto.h>
#include <sys/stat.h>

#include "reconciler/apiserver/listener/pki.h"
#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"

namespace slipway::apiserver {
namespace {

constexpr std::size_t kHashLength = 64;
constexpr std::size_t kMaxToken = 4096;

std::string fileStamp(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) {
    return "missing";
  }
  return cat(info.st_ino, ' ', info.st_size, ' ', info.st_mtim.tv_sec, ' ', info.st_mtim.tv_nsec);
}

bool isWord(std::string_view text) { return !text.empty() && text.find_first_of(" \t\r\n,") == std::string_view::npos; }

}  // namespace

Authenticator::Authenticator(std::string tokenFile) : tokenFile_(std::move(tokenFile)) {}

void Authenticator::refresh() const {
  std::string stamp = fileStamp(tokenFile_);
  if (stamp == stamp_) {
    return;
  }
  stamp_ = std::move(stamp);
  entries_.clear();
  std::ifstream file(tokenFile_);
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    Entry entry;
    std::string groups;
    words >> entry.hash >> entry.principal.user >> groups;
    if (entry.hash.size() != kHashLength || entry.principal.user.empty()) {
      continue;
    }
    for (std::string& group : split(groups, ',')) {
      if (!group.empty()) {
        entry.principal.groups.push_back(std::move(group));
      }
    }
    entries_.push_back(std::move(entry));
  }
}

std::optional<Principal> Authenticator::authenticate(std::string_view token) const {
  if (tokenFile_.empty() || token.empty() || token.size() > kMaxToken) {
    return std::nullopt;
  }
  const std::string hash = sha256Hex(token);
  const std::lock_guard lock(mutex_);
  refresh();
  const Entry* match = nullptr;
  for (const Entry& entry : entries_) {
    if (CRYPTO_memcmp(entry.hash.data(), hash.data(), kHashLength) == 0) {
      match = &entry;
    }
  }
  return match == nullptr ? std::nullopt : std::optional(match->principal);
}

Result<std::string> Authenticator::addToken(const std::string& tokenFile, const Principal& principal, Random& random) {
  if (!isWord(principal.user)) {
    return Status(Code::Invalid, cat("user \"", principal.user, "\" must not be empty or have spaces or commas"));
  }
  for (const std::string& group : principal.groups) {
    if (!isWord(group)) {
      return Status(Code::Invalid, cat("group \"", group, "\" must not be empty or have spaces or commas"));
    }
  }
  std::string bytes;
  for (int word = 0; word < 4; ++word) {
    const std::uint64_t value = random.next();
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  std::string token = hexEncode(bytes);
  std::ostringstream content;
  content << std::ifstream(tokenFile).rdbuf();
  std::string text = content.str();
  text += cat(sha256Hex(token), ' ', principal.user, ' ', join(principal.groups, ","), '\n');
  SLIPWAY_RETURN_IF_ERROR(writePrivateFile(tokenFile, text));
  return token;
}

}  // namespace slipway::apiserver
