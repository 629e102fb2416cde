#pragma once

#include <memory>
#include <string>

#include "reconciler/ports/objects.h"

namespace slipway {

// A small object of any kind: metadata and a spec with one field.
inline Json simpleObject(const Kind& kind, const ObjectKey& key, int value = 0) {
  Json object = Json::object({{"apiVersion", kind.apiVersion()}, {"kind", kind.kind}});
  object["metadata"]["name"] = key.name;
  if (!key.ns.empty()) object["metadata"]["namespace"] = key.ns;
  object["spec"]["value"] = value;
  return object;
}

// The same as a server would show it.
inline ObjectPtr storedObject(const Kind& kind, const ObjectKey& key, const std::string& uid,
                              const std::string& resourceVersion) {
  Json object = simpleObject(kind, key);
  object["metadata"]["uid"] = uid;
  object["metadata"]["resourceVersion"] = resourceVersion;
  return std::make_shared<const Json>(std::move(object));
}

}  // namespace slipway
