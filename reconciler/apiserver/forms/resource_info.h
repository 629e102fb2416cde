#pragma once

#include <memory>
#include <string>
#include <vector>

#include "reconciler/schema/crd.h"

namespace slipway::apiserver {

// A further path below an object, beside status and scale: "releaseruns/log".
struct Subresource {
  std::string name;                // "log"
  std::string kind;                // of what it answers; empty: the resource's own
  std::vector<std::string> verbs;  // get, update, patch, create
};

// One served resource of one group version, whether declared by a CustomResourceDefinition or built in. Immutable; a
// changed definition makes a new one.
struct ResourceInfo {
  std::string group;  // empty: core
  std::string version;
  std::string plural;
  std::string singular;
  std::string kind;
  std::string listKind;
  std::vector<std::string> shortNames;
  std::vector<std::string> categories;
  std::vector<std::string> verbs;  // create, delete, deletecollection, get, list, patch, update, watch
  bool namespaced = true;
  bool custom = true;  // from a CustomResourceDefinition: closed schema, items carry apiVersion and kind, no protobuf
  bool hasGeneration = true;  // core kinds here have none
  bool hasStatus = false;
  bool hasScale = false;
  std::string specReplicasPath;
  std::string statusReplicasPath;
  std::shared_ptr<const schema::StructuralSchema> schema;
  std::vector<schema::PrinterColumn> columns;
  std::vector<std::string> selectableFields;
  std::vector<Subresource> subresources;  // without status and scale, which have their flags

  std::string apiVersion() const { return group.empty() ? version : group + "/" + version; }
  // "releases.slipway.dev", or "secrets" in the core group.
  std::string qualified() const { return group.empty() ? plural : plural + "." + group; }
};

using ResourcePtr = std::shared_ptr<const ResourceInfo>;

}  // namespace slipway::apiserver
