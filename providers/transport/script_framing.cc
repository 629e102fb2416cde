#include "providers/transport/script_framing.h"

#include <algorithm>

#include "reconciler/base/strings.h"

#include "embedded/embedded_host_arguments.h"

namespace slipway::transport {
namespace {

// No '!' and no newline: csh takes them for its own even between quotes.
constexpr std::string_view kBootstrap =
    "exec /bin/sh -c 'L=${LC_ALL-}; LC_ALL=C; export LC_ALL; IFS= read -r n || exit 97; s=; "
    "while [ \"$n\" -gt 0 ]; do c=$(dd bs=\"$n\" count=1 2>/dev/null; echo .); c=${c%.}; "
    "[ -n \"$c\" ] || exit 97; s=$s$c; n=$((n-${#c})); done; eval \"$s\"'";

// Comments and indentation are for readers of the source only.
std::string compact(std::string_view script) {
  std::string out;
  for (const std::string& line : split(script, '\n')) {
    const std::string_view text = trim(line);
    if (!text.empty() && text.front() != '#') {
      out.append(text).append("\n");
    }
  }
  return out;
}

}  // namespace

std::string_view hostCommand() { return kBootstrap; }

std::string frameScript(std::string_view script) {
  std::string compacted;
  for (const EmbeddedFile& file : embedded_host_arguments()) {
    compacted += compact(file.content);
  }
  compacted += compact(script);
  return cat(compacted.size(), "\n", compacted);
}

std::string hostField(std::string_view value) {
  const bool plain =
      value.size() < 256 && std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  return plain ? cat("=", value, "\n") : cat("#", value.size(), "\n", value);
}

}  // namespace slipway::transport
