#pragma once

#include <deque>
#include <string>

#include "cmd/slipway/context.h"
#include "reconciler/api/kinds.h"

namespace slipway::cli {

struct KindInfo {
  std::string group;
  std::string version;
  std::string kind;
  std::string plural;
  bool namespaced = true;

  // Refers to this object's texts.
  Kind view() const { return {group, version, kind, plural, namespaced}; }
  // "release.slipway.dev", as kubectl prints it.
  std::string display() const;
};

// Finds resource types by what people and manifests call them: Slipway's own and the core ones without asking, others
// through the API server's discovery.
class KindNames {
 public:
  explicit KindNames(Context& context) : context_(context) {}

  // "slipway.dev/v1alpha1", "Release". NotFound when the server does not know it either.
  Result<const KindInfo*> byKind(const std::string& apiVersion, const std::string& kind);
  // "rel", "release", "releases", "releases.slipway.dev".
  Result<const KindInfo*> byName(const std::string& name);

 private:
  Result<const KindInfo*> discover(const std::string& apiVersion, const std::string& kindOrName);

  Context& context_;
  std::deque<KindInfo> found_;
};

// "release/shop" may stand for "release shop".
void splitSlash(std::string& kind, std::string& name);

}  // namespace slipway::cli
