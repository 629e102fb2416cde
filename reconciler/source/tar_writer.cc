#include "reconciler/source/tar_writer.h"

#include <array>
#include <cstring>
#include <string_view>

#include "reconciler/base/strings.h"

namespace slipway::source {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::uint64_t kLargestOctalSize = (1ULL << 33U) - 1;

// Offsets and widths of the ustar fields.
struct Field {
  std::size_t at;
  std::size_t width;
};
constexpr Field kName{0, 100};
constexpr Field kMode{100, 8};
constexpr Field kUid{108, 8};
constexpr Field kGid{116, 8};
constexpr Field kSize{124, 12};
constexpr Field kTime{136, 12};
constexpr Field kSum{148, 8};
constexpr Field kType{156, 1};
constexpr Field kLink{157, 100};
constexpr Field kMagic{257, 8};
constexpr Field kPrefix{345, 155};

class Block {
 public:
  void text(Field field, std::string_view value) {
    std::memcpy(&bytes_[field.at], value.data(), std::min(field.width, value.size()));
  }
  void octal(Field field, std::uint64_t value) {
    for (std::size_t i = field.width - 1; i-- > 0; value >>= 3U) {
      bytes_[field.at + i] = static_cast<char>('0' + (value & 7U));
    }
  }
  std::string finish() {
    text(kSum, "        ");
    std::uint64_t sum = 0;
    for (const char c : bytes_) {
      sum += static_cast<unsigned char>(c);
    }
    octal({kSum.at, kSum.width - 1}, sum);
    bytes_[kSum.at + 6] = '\0';
    return {bytes_.data(), bytes_.size()};
  }

 private:
  std::array<char, kBlock> bytes_{};
};

struct Member {
  char type = '0';
  std::string name;
  std::string prefix;
  std::string link;
  std::uint64_t size = 0;
  std::uint64_t mode = 0644;
};

std::string header(const Member& member) {
  Block block;
  block.text(kName, member.name);
  block.octal(kMode, member.mode);
  block.octal(kUid, 0);
  block.octal(kGid, 0);
  block.octal(kSize, member.size);
  block.octal(kTime, 0);
  block.text(kType, {&member.type, 1});
  block.text(kLink, member.link);
  block.text(kMagic, std::string_view("ustar\00000", 8));
  block.text(kPrefix, member.prefix);
  return block.finish();
}

// Splits at a slash so that both halves fit; false when none does.
bool splitPath(const std::string& path, Member& member) {
  if (path.size() <= kName.width) {
    member.name = path;
    return true;
  }
  const std::size_t slash = path.find('/', path.size() - kName.width - 1);
  if (slash == std::string::npos || slash > kPrefix.width) {
    return false;
  }
  member.prefix = path.substr(0, slash);
  member.name = path.substr(slash + 1);
  return true;
}

// "LENGTH key=value\n", where LENGTH counts itself.
std::string paxRecord(std::string_view key, std::string_view value) {
  const std::string rest = cat(" ", key, "=", value, "\n");
  std::size_t length = rest.size() + 1;
  while (std::to_string(length).size() + rest.size() != length) {
    ++length;
  }
  return std::to_string(length) + rest;
}

std::string extra(char type, std::string_view name, const std::string& content) {
  Member member;
  member.type = type;
  member.name = name;
  member.size = content.size();
  return header(member) + content + tarPadding(content.size());
}

}  // namespace

std::string tarHeader(const ArtifactFile& file, const std::string& linkTarget) {
  Member member;
  std::string records;
  std::string longNames;
  if (!splitPath(file.path, member)) {
    member.name = file.path.substr(0, kName.width);
    records += paxRecord("path", file.path);
    longNames += extra('L', "././@LongLink", file.path + '\0');
  }
  if (file.type == ArtifactFile::Type::Symlink) {
    member.type = '2';
    member.mode = 0777;
    member.link = linkTarget.substr(0, kLink.width);
    if (linkTarget.size() > kLink.width) {
      records += paxRecord("linkpath", linkTarget);
      longNames += extra('K', "././@LongLink", linkTarget + '\0');
    }
  } else {
    member.mode = file.type == ArtifactFile::Type::Executable ? 0755 : 0644;
    member.size = file.size;
    if (file.size > kLargestOctalSize) {
      records += paxRecord("size", std::to_string(file.size));
      member.size = 0;
    }
  }
  const std::string pax = records.empty() ? std::string() : extra('x', "././@PaxHeader", records);
  return pax + longNames + header(member);
}

std::string tarPadding(std::uint64_t contentSize) {
  return std::string((kBlock - contentSize % kBlock) % kBlock, '\0');
}

std::string tarEnd() { return std::string(2 * kBlock, '\0'); }

}  // namespace slipway::source
