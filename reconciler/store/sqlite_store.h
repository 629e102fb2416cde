#pragma once

#include <functional>
#include <memory>
#include <string>

#include "reconciler/base/clock.h"
#include "reconciler/base/log.h"
#include "reconciler/ports/metrics.h"
#include "reconciler/ports/store.h"

namespace slipway::store {

struct SqliteStoreOptions {
  std::string directory;  // created with mode 0700 when missing; holds slipway.db, its log and slipway.lock
  std::size_t maxCommitRecords = 256;        // of one transaction; a larger batch goes alone
  std::size_t maxQueuedBytes = 256U << 20U;  // beyond it submit answers Unavailable
  // Called once, on the committing thread, when the store failed and the process must end. Must not call the store.
  std::function<void(const Status&)> onFailure;
  bool startThread = true;  // false: the test calls step()
};

// The Store port on one SQLite file. A commit starts as soon as something is queued and takes all that is queued then,
// so one writer gets the disk's latency and many share a sync. The durable callback has returned before
// waitDurable() does. Destruction commits what is queued (with a thread), then releases the directory.
class SqliteStore final : public Store {
 public:
  // Errors: Invalid (not a slipway store, or of a newer format), DataLoss (damaged), Unavailable (in use by another
  // process, no such directory, no permission). The message names the file.
  static Result<std::unique_ptr<SqliteStore>> open(SqliteStoreOptions options, Logger& log, Metrics& metrics,
                                                   Clock& clock);
  ~SqliteStore() override;

  Status load(const std::function<void(const Record&)>& visit) override;
  Result<Revision> submit(std::vector<Mutation> batch) override;
  Status waitDurable(Revision revision) override;
  Result<std::vector<Record>> history(Revision after, std::size_t limit) override;
  Status compact(Revision upTo) override;
  Revision lastRevision() const override;
  Revision compactedRevision() const override;
  void onDurable(std::function<void(Revision)> durable) override;

  // One commit, one piece of a compaction, or one checkpoint. False when there was nothing to do. Only without a
  // thread.
  bool step();

 private:
  struct State;
  explicit SqliteStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The same as the port.
Result<std::unique_ptr<Store>> openSqliteStore(SqliteStoreOptions options, Logger& log, Metrics& metrics, Clock& clock);

}  // namespace slipway::store
