#include "reconciler/analysis/placeholders.h"

#include <algorithm>
#include <functional>

#include "reconciler/base/strings.h"

namespace slipway::analysis {
namespace {

constexpr std::string_view kOpen = "{{";
constexpr std::string_view kClose = "}}";
constexpr std::string_view kArgs = "args.";

bool isName(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; });
}

// Calls `plain` with what stands between placeholders and `name` with their names.
Status scan(std::string_view text, const std::function<void(std::string_view)>& plain,
            const std::function<void(std::string_view)>& name) {
  std::size_t from = 0;
  while (from < text.size()) {
    const std::size_t open = text.find(kOpen, from);
    if (open == std::string_view::npos) {
      break;
    }
    std::string_view inside = text.substr(open + kOpen.size());
    inside.remove_prefix(std::min(inside.find_first_not_of(" \t"), inside.size()));
    if (!inside.starts_with(kArgs)) {
      plain(text.substr(from, open + kOpen.size() - from));
      from = open + kOpen.size();
      continue;
    }
    const std::size_t close = inside.find(kClose);
    const std::string_view found =
        close == std::string_view::npos ? "" : trim(inside.substr(kArgs.size(), close - kArgs.size()));
    if (!isName(found)) {
      return {Code::Invalid, "a placeholder is not well-formed: write {{args.NAME}}"};
    }
    plain(text.substr(from, open - from));
    name(found);
    from = static_cast<std::size_t>(inside.data() - text.data()) + close + kClose.size();
  }
  plain(text.substr(from));
  return Status::ok();
}

}  // namespace

const std::vector<std::string>& builtInArgs() {
  static const std::vector<std::string> kNames{"release",       "namespace",   "version",
                                               "stableVersion", "environment", "run"};
  return kNames;
}

Result<std::vector<std::string>> placeholdersIn(std::string_view text) {
  std::vector<std::string> out;
  SLIPWAY_RETURN_IF_ERROR(scan(
      text, [](std::string_view) {}, [&](std::string_view name) { out.emplace_back(name); }));
  return out;
}

std::string fillIn(std::string_view text, const std::map<std::string, std::string>& args) {
  std::string out;
  const Status scanned = scan(
      text, [&](std::string_view plain) { out += plain; },
      [&](std::string_view name) {
        const auto found = args.find(std::string(name));
        out += found == args.end() ? "" : found->second;
      });
  return scanned ? out : std::string(text);
}

}  // namespace slipway::analysis
