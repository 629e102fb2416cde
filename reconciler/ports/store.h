#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "reconciler/base/status.h"

namespace slipway {

using Revision = std::uint64_t;  // 1, 2, 3, … one counter for all keys; never reused, also not after a crash

// One change of one key. Keys are ordered bytes; the caller gives them structure.
struct Mutation {
  std::string key;
  std::optional<std::string> value;  // nothing: delete
};

struct Record {
  Revision revision = 0;
  std::string key;
  std::optional<std::string> value;  // nothing: the key was deleted at this revision
};

// A durable, ordered, append-only log of changes and the current state it amounts to. Thread-safe.
//
// Preconditions are the caller's: it decides under its own lock, in memory, and hands over what shall be written. The
// order of submit calls is the order of revisions and of commits. After a failed sync nobody knows what is on disk, so
// every later call answers DataLoss and the process must end.
class Store {
 public:
  virtual ~Store() = default;

  // Every live key with its value and the revision that wrote it, in key order. For start-up.
  virtual Status load(const std::function<void(const Record&)>& visit) = 0;

  // Gives the batch's mutations the next revisions, one each in order, and queues it; returns the first. The batch
  // becomes durable as a whole or not at all. Does not block on I/O.
  virtual Result<Revision> submit(std::vector<Mutation> batch) = 0;

  // Blocks until everything up to `revision` is durable.
  virtual Status waitDurable(Revision revision) = 0;

  // Changes with `after` < revision, oldest first, at most `limit`, durable ones only. Expired when some of them were
  // compacted away.
  virtual Result<std::vector<Record>> history(Revision after, std::size_t limit) = 0;

  // Forgets superseded values and deletions at or below `upTo`. Blocks; works in small steps between commits.
  virtual Status compact(Revision upTo) = 0;

  // The newest revision that was given out, and the newest that was compacted away.
  virtual Revision lastRevision() const = 0;
  virtual Revision compactedRevision() const = 0;

  // Calls `durable` with each newly durable revision, in order, on the committer's thread, outside its lock. Set once,
  // before the first submit.
  virtual void onDurable(std::function<void(Revision)> durable) = 0;
};

}  // namespace slipway
