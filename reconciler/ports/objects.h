#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "reconciler/api/kinds.h"
#include "reconciler/base/json.h"
#include "reconciler/base/status.h"

namespace slipway {

// One object as the API shows it, shared and never changed.
using ObjectPtr = std::shared_ptr<const Json>;

struct ObjectList {
  std::string resourceVersion;   // every write up to it is contained, none after it
  std::vector<ObjectPtr> items;  // ordered by namespace, then name
};

// Reads objects. Thread-safe; never blocks on I/O: answers come from memory.
class ApiReader {
 public:
  virtual ~ApiReader() = default;
  // NotFound when there is no such object.
  virtual Result<ObjectPtr> get(const Kind& kind, const ObjectKey& key) const = 0;
  // All objects of the kind, in one namespace or, with an empty `ns`, in all.
  virtual Result<ObjectList> list(const Kind& kind, const std::string& ns) const = 0;
};

// Writes objects. Thread-safe; blocks until the write is durable. Never retries by itself. All but status is checked by
// the same admission that a user's request passes. Errors: Conflict (version precondition failed), NotFound,
// AlreadyExists, Invalid, Denied, Unavailable, OutcomeUnknown (a remote API server did not answer).
class ApiWriter {
 public:
  virtual ~ApiWriter() = default;
  virtual Result<ObjectPtr> create(const Kind& kind, const Json& object) = 0;
  // metadata.resourceVersion, when present, is the precondition.
  virtual Result<ObjectPtr> update(const Kind& kind, const Json& object) = 0;
  // RFC 7386 merge patch. metadata.resourceVersion in the patch is a precondition.
  virtual Result<ObjectPtr> mergePatch(const Kind& kind, const ObjectKey& key, const Json& patch) = 0;
  // Only the object with this uid; an empty uid means any. Background propagation.
  virtual Status remove(const Kind& kind, const ObjectKey& key, const std::string& uid) = 0;
};

// Replaces the status of an object and nothing else. Thread-safe; blocks until durable.
class StatusWriter {
 public:
  virtual ~StatusWriter() = default;
  // `resourceVersion` is the precondition: Conflict when the object has changed since. An equal status is not written
  // and answers the object as it is.
  virtual Result<ObjectPtr> replaceStatus(const Kind& kind, const ObjectKey& key, const std::string& resourceVersion,
                                          const Json& status) = 0;
};

struct WatchEvent {
  enum class Type { Added, Modified, Deleted, Bookmark, Expired };
  Type type = Type::Bookmark;
  std::string resourceVersion;
  ObjectPtr object;  // for Deleted the last state; null for Bookmark and Expired
};

// One open watch. Not thread-safe: one reader. Destroying it ends the watch.
class WatchStream {
 public:
  virtual ~WatchStream() = default;
  // The next event, or nothing when none is waiting. After Expired the stream is dead: list again.
  virtual std::optional<WatchEvent> tryNext() = 0;
};

// List, then a stream of every later change, each once and in order. Thread-safe.
class WatchSource {
 public:
  virtual ~WatchSource() = default;
  // Changes after `resourceVersion`. `wake` is called (on any thread, possibly under a lock: it must only signal)
  // whenever an event may be waiting. Expired when that version is too old or unknown.
  virtual Result<std::unique_ptr<WatchStream>> watch(const Kind& kind, const std::string& resourceVersion,
                                                     std::function<void()> wake) = 0;
};

}  // namespace slipway
