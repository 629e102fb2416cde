#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "reconciler/api/kinds.h"
#include "reconciler/base/json.h"

namespace slipway {

struct OwnerReference {
  std::string apiVersion;
  std::string kind;
  std::string name;
  std::string uid;
  bool controller = false;
  bool blockOwnerDeletion = false;
  bool operator==(const OwnerReference&) const = default;
};

// metadata of a Kubernetes object.
struct ObjectMeta {
  std::string name;
  std::string ns;
  std::string uid;
  std::string resourceVersion;
  std::int64_t generation = 0;
  std::string creationTimestamp;
  std::string deletionTimestamp;  // empty: not being deleted
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  std::vector<std::string> finalizers;
  std::vector<OwnerReference> ownerReferences;

  ObjectKey key() const { return {ns, name}; }
  bool deleting() const { return !deletionTimestamp.empty(); }
};

ObjectMeta metaFromJson(const Json& object);
// Only what a client may set: name, namespace, labels, annotations, finalizers, ownerReferences.
Json toJson(const ObjectMeta& meta);

// apiVersion, kind and metadata of a new object.
Json newObject(const Kind& kind, const ObjectMeta& meta);

}  // namespace slipway
