#pragma once

#include <string>

#include "reconciler/api/meta.h"
#include "reconciler/base/json.h"

namespace slipway {

// Names the object that an event is about.
struct ObjectRef {
  std::string apiVersion;
  std::string kind;
  std::string ns;  // empty for cluster-scoped kinds
  std::string name;
  std::string uid;
  std::string resourceVersion;  // may be empty
  bool operator==(const ObjectRef&) const = default;
};

// The reference to an object as the API shows it.
inline ObjectRef refTo(const Json& object) {
  ObjectRef ref{object.getString("apiVersion"), object.getString("kind"), {}, {}, {}, {}};
  if (const Json* meta = object.find("metadata")) {
    ref.ns = meta->getString("namespace");
    ref.name = meta->getString("name");
    ref.uid = meta->getString("uid");
    ref.resourceVersion = meta->getString("resourceVersion");
  }
  return ref;
}

// The same from a decoded object's metadata.
inline ObjectRef refTo(const Kind& kind, const ObjectMeta& meta) {
  return {kind.apiVersion(), std::string(kind.kind), meta.ns, meta.name, meta.uid, meta.resourceVersion};
}

enum class EventType { Normal, Warning };

// Tells people what happened to an object (kubectl describe, kubectl events). Thread-safe; never blocks and never
// fails: under pressure events are dropped and counted.
class EventSink {
 public:
  virtual ~EventSink() = default;
  // `reason` is one CamelCase word of a fixed set, `message` a sentence. No secret in either.
  virtual void record(const ObjectRef& about, EventType type, const std::string& reason,
                      const std::string& message) = 0;
};

class NullEventSink final : public EventSink {
 public:
  void record(const ObjectRef&, EventType, const std::string&, const std::string&) override {}
};

}  // namespace slipway
