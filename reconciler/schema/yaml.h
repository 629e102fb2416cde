#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/json.h"
#include "reconciler/base/status.h"

namespace slipway::schema {

struct YamlOptions {
  std::size_t maxBytes = 3U << 20U;
  std::size_t maxDepth = 64;
  std::size_t maxNodes = 100'000;
  // Nodes that aliases may add, as a multiple of those written out. Bombs end here.
  std::size_t maxAliasExpansion = 10;
};

// Where a field stands in its text, both counted from 1.
struct YamlPosition {
  std::size_t line = 0;
  std::size_t column = 0;
};

struct YamlDocument {
  Json value;
  std::size_t line = 1;                          // of its first node
  std::map<std::string, YamlPosition> positions;  // "spec.build[0].run" → place of its key (or item)
  std::vector<std::string> duplicates;            // paths of keys given twice
};

// Every document of a YAML stream (JSON included), empty documents left out. Types are decided by the rules Kubernetes
// uses: plain true/false, numbers and null, everything quoted is a string; yes, no, on, off are strings.
// Invalid with line and column: malformed text, unterminated quotes, a tag, a non-string key, or more than `options`
// allows.
Result<std::vector<YamlDocument>> parseYaml(std::string_view text, const YamlOptions& options = {});

// YAML that reads back as the same value: strings that look like anything else are quoted.
std::string toYaml(const Json& value);

}  // namespace slipway::schema
