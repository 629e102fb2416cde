#pragma once

#include <string>
#include <vector>

#include "cmd/slipway/context.h"
#include "reconciler/base/json.h"
#include "reconciler/schema/crd.h"
#include "reconciler/schema/lint.h"

namespace slipway::cli {

struct ManifestText {
  std::string file;  // "-" for standard input
  std::string text;
};

// One object of a manifest; the items of a List are objects of their own.
struct Manifest {
  std::string file;
  std::size_t line = 1;
  Json object;

  std::string place() const;  // "release.yaml:12"
  std::string apiVersion() const { return object.getString("apiVersion"); }
  std::string kind() const { return object.getString("kind"); }
  std::string name() const;
  std::string ns() const;
};

// Files, all *.yaml, *.yml and *.json of directories (in order of name), and standard input for "-". Invalid when one
// cannot be read, is too large, or a directory has none.
Result<std::vector<ManifestText>> readManifestTexts(const std::vector<std::string>& paths);

// Invalid, with file and line, on malformed text, duplicate keys, or objects without apiVersion, kind or name.
Result<std::vector<Manifest>> parseManifests(const std::vector<ManifestText>& texts);

// The definitions that this program carries.
const std::vector<schema::Crd>& embeddedCrds();

// "release.yaml:12: spec.x: unknown field".
std::string describe(const schema::LintFinding& finding);

// What the engine that admits objects says about Slipway's own kinds in these texts. A text with an object of a foreign
// kind is left to the API server.
std::vector<schema::LintFinding> lintOwnKinds(const std::vector<ManifestText>& texts,
                                              const std::vector<Manifest>& manifests);

// What is wrong with one text, by the rules that admit its objects.
std::vector<schema::LintFinding> lintText(const ManifestText& text);

}  // namespace slipway::cli
