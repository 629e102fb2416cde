#include "providers/vm/tar_guard.h"

#include <algorithm>
#include <charconv>

#include "reconciler/base/strings.h"

namespace slipway::vm {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::uint64_t kMaxExtra = 64U << 10U;

std::string_view text(std::string_view field) { return field.substr(0, field.find('\0')); }

std::uint64_t octal(std::string_view field) {
  std::uint64_t value = 0;
  for (const char c : field) {
    if (c >= '0' && c <= '7') {
      value = value * 8 + static_cast<std::uint64_t>(c - '0');
    }
  }
  return value;
}

std::uint64_t padded(std::uint64_t size) { return (size + kBlock - 1) / kBlock * kBlock; }

// How deep a relative path ends below where it starts; -1 when it leaves it on the way.
int depthOf(std::string_view path, int depth) {
  for (const std::string& name : split(path, '/')) {
    if (name == "..") {
      if (--depth < 0) {
        return -1;
      }
    } else if (!name.empty() && name != ".") {
      ++depth;
    }
  }
  return depth;
}

Status refused(const std::string& name, std::string_view why) {
  return {Code::Invalid, cat("archive entry \"", printable(name), "\" ", why)};
}

}  // namespace

Status TarGuard::take(std::string_view bytes) {
  while (!bytes.empty()) {
    if (skip_ > 0) {
      const std::size_t some = std::min<std::uint64_t>(skip_, bytes.size());
      skip_ -= some;
      bytes.remove_prefix(some);
      continue;
    }
    const std::size_t wanted = extra_ > 0 ? extra_ : kBlock;
    const std::size_t some = std::min(wanted - block_.size(), bytes.size());
    block_.append(bytes.substr(0, some));
    bytes.remove_prefix(some);
    if (block_.size() < wanted) {
      continue;
    }
    const std::string block = std::exchange(block_, {});
    if (std::exchange(extra_, 0) > 0) {
      SLIPWAY_RETURN_IF_ERROR(takeExtra(std::string_view(block).substr(0, extraSize_)));
    } else {
      SLIPWAY_RETURN_IF_ERROR(takeHeader(block));
    }
  }
  return Status::ok();
}

Status TarGuard::takeHeader(std::string_view header) {
  if (header.find_first_not_of('\0') == std::string_view::npos) {
    return Status::ok();
  }
  const std::uint64_t size = octal(header.substr(124, 12));
  const char type = header[156];
  if (type == 'x' || type == 'L' || type == 'K') {
    if (size == 0 || size > kMaxExtra) {
      return refused("extra header", "has an impossible size");
    }
    extraType_ = type;
    extraSize_ = size;
    extra_ = padded(size);
    return Status::ok();
  }
  const std::string_view prefix = text(header.substr(345, 155));
  std::string name =
      prefix.empty() ? std::string(text(header.substr(0, 100))) : cat(prefix, "/", text(header.substr(0, 100)));
  std::string target(text(header.substr(157, 100)));
  if (!longName_.empty()) {
    name = std::exchange(longName_, {});
  }
  if (!longTarget_.empty()) {
    target = std::exchange(longTarget_, {});
  }
  std::uint64_t content = size;
  const std::string longSize = std::exchange(longSize_, {});
  std::from_chars(longSize.data(), longSize.data() + longSize.size(), content);
  skip_ = type == '0' || type == '\0' ? padded(content) : 0;
  return takeEntry(type, name, target);
}

Status TarGuard::takeEntry(char type, const std::string& name, const std::string& target) {
  if (type != '0' && type != '\0' && type != '2' && type != '5') {
    return refused(name, "is neither file, directory nor symbolic link");
  }
  if (name.empty() || name.front() == '/' || cat("/", name, "/").find("/../") != std::string::npos) {
    return refused(name, "leaves the tree");
  }
  std::string path = name.rfind("./", 0) == 0 ? name.substr(2) : name;
  while (!path.empty() && path.back() == '/') {
    path.pop_back();
  }
  for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    if (links_.contains(std::string_view(path).substr(0, slash))) {
      return refused(name, "lies below a link");
    }
  }
  if (links_.contains(path)) {
    return refused(name, "is there twice");
  }
  if (type == '2') {
    const int depth = static_cast<int>(std::count(path.begin(), path.end(), '/'));
    if (target.empty() || target.front() == '/' || depthOf(target, depth) < 0) {
      return refused(name, cat("is a link to ", printable(target), ", which leaves the tree"));
    }
    links_.insert(path);
  }
  return Status::ok();
}

Status TarGuard::takeExtra(std::string_view content) {
  switch (extraType_) {
    case 'L':
      return remember(longName_, text(content));
    case 'K':
      return remember(longTarget_, text(content));
    default:
      return takePax(content);
  }
}

Status TarGuard::takePax(std::string_view records) {
  while (!records.empty()) {
    std::size_t length = 0;
    const auto [end, error] = std::from_chars(records.data(), records.data() + records.size(), length);
    const std::size_t digits = static_cast<std::size_t>(end - records.data());
    if (error != std::errc() || length <= digits + 1 || length > records.size()) {
      return refused("extra header", "is malformed");
    }
    const std::string_view record = records.substr(digits + 1, length - digits - 2);
    if (record.starts_with("path=")) {
      SLIPWAY_RETURN_IF_ERROR(remember(longName_, record.substr(5)));
    } else if (record.starts_with("linkpath=")) {
      SLIPWAY_RETURN_IF_ERROR(remember(longTarget_, record.substr(9)));
    } else if (record.starts_with("size=")) {
      longSize_ = record.substr(5);
    }
    records.remove_prefix(length);
  }
  return Status::ok();
}

// Unpackers differ in which of two long names they take: they must be the same.
Status TarGuard::remember(std::string& slot, std::string_view value) {
  if (!slot.empty() && slot != value) {
    return refused(slot, cat("has another name too: ", printable(value)));
  }
  slot = value;
  return Status::ok();
}

}  // namespace slipway::vm
