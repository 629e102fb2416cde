#pragma once

#include <compare>
#include <string>
#include <string_view>

namespace slipway {

// One served resource type. `group` is empty for the core group.
struct Kind {
  std::string_view group;
  std::string_view version;
  std::string_view kind;    // "Release"
  std::string_view plural;  // "releases"
  bool namespaced = true;

  // "slipway.dev/v1alpha1", or "v1" for the core group.
  std::string apiVersion() const {
    return group.empty() ? std::string(version) : std::string(group) + "/" + std::string(version);
  }
  auto operator<=>(const Kind&) const = default;
};

inline constexpr std::string_view kGroup = "slipway.dev";
inline constexpr std::string_view kVersion = "v1alpha1";

inline constexpr Kind kRelease{kGroup, kVersion, "Release", "releases"};
inline constexpr Kind kDestination{kGroup, kVersion, "Destination", "destinations"};
inline constexpr Kind kServer{kGroup, kVersion, "Server", "servers"};
inline constexpr Kind kReleaseRun{kGroup, kVersion, "ReleaseRun", "releaseruns"};
inline constexpr Kind kAnalysisTemplate{kGroup, kVersion, "AnalysisTemplate", "analysistemplates"};
inline constexpr Kind kNamespace{"", "v1", "Namespace", "namespaces", false};
inline constexpr Kind kSecret{"", "v1", "Secret", "secrets"};
inline constexpr Kind kConfigMap{"", "v1", "ConfigMap", "configmaps"};
inline constexpr Kind kEvent{"", "v1", "Event", "events"};
inline constexpr Kind kLease{"coordination.k8s.io", "v1", "Lease", "leases"};

// Names one object of a known kind. `ns` is empty for cluster-scoped kinds.
struct ObjectKey {
  std::string ns;
  std::string name;

  std::string toString() const { return ns.empty() ? name : ns + "/" + name; }
  auto operator<=>(const ObjectKey&) const = default;
};

}  // namespace slipway
