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
  // Whether YamlDocument::positions is filled; readers that report no lines save the time.
  bool positions = true;
};

// Where a field stands in its text, both counted from 1.
struct YamlPosition {
  std::size_t line = 0;
  std::size_t column = 0;
};

struct YamlDocument {
  Json value;
  std::size_t line = 1;                           // of its first node
  std::map<std::string, YamlPosition> positions;  // "spec.build[0].run" → place of its key (or item)
  std::vector<std::string> duplicates;            // paths of keys given twice
};

// Every document of a YAML stream (JSON included), empty documents left out. Types are decided as Kubernetes decides
// them (YAML 1.1 as in sigs.k8s.io/yaml): plain true/false/yes/no/on/off/y/n, null and ~, decimal, 0x, 0o, 0b and
// leading-zero octal integers, floats (1.0 and 1e3 become integers); dates are strings, everything quoted is a string.
// Invalid with line and column: malformed text, unterminated quotes, a tag, a merge key (<<), a key that is not a
// string or decimal integer, .inf and .nan, or more than `options` allows.
Result<std::vector<YamlDocument>> parseYaml(std::string_view text, const YamlOptions& options = {});

// YAML that reads back as the same value: strings that look like anything else are quoted.
std::string toYaml(const Json& value);

}  // namespace slipway::schema
