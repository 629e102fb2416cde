#include "providers/vm/request_encoder.h"

#include <algorithm>

#include "reconciler/base/strings.h"

namespace slipway::vm {
namespace {

constexpr int kLockWaitSeconds = 15;
constexpr std::size_t kMaxName = 240;

bool isNameChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-' || c == '+';
}

}  // namespace

bool isPathName(std::string_view text) {
  return !text.empty() && text.size() <= kMaxName && text.front() != '.' && text.front() != '-' &&
         std::all_of(text.begin(), text.end(), isNameChar);
}

bool isVariableName(std::string_view text) {
  const auto ok = [](char c) { return (isNameChar(c) && c != '.' && c != '-' && c != '+'); };
  return !text.empty() && !(text.front() >= '0' && text.front() <= '9') && std::all_of(text.begin(), text.end(), ok);
}

bool hasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

bool isRelativePath(std::string_view path) {
  if (path.empty() || hasControl(path)) {
    return false;
  }
  const std::vector<std::string> names = split(path, '/');
  return std::none_of(names.begin(), names.end(),
                      [](const std::string& name) { return name.empty() || name == "." || name == ".."; });
}

std::int64_t wholeSeconds(Duration duration) {
  return std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(duration).count());
}

void encodeHead(RequestEncoder& out, std::string_view kind, const StepRequest& request, Duration remaining) {
  out.line("step", kind);
  out.name("operation", request.operationId);
  const std::string& root = request.layout.root;
  const std::string_view below = std::string_view(root).substr(root.starts_with("~/")  ? 2
                                                               : root.starts_with('/') ? 1
                                                                                       : 0);
  out.require(below.size() < root.size() && isRelativePath(below), "layout.root", root,
              "must be an absolute path other than /, or ~/ and a path, without '.', '..' and control characters");
  out.text("layout.root", root);
  out.name("layout.environment", request.layout.environment);
  out.line("application", request.application);
  out.number(static_cast<std::int64_t>(request.fence));
  out.number(wholeSeconds(remaining));
  out.number(std::min<std::int64_t>(kLockWaitSeconds, wholeSeconds(remaining)));
}

}  // namespace slipway::vm
