#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "reconciler/ports/store.h"
#include "reconciler/store/sqlite_database.h"

namespace slipway::store {

// The connection that alone writes and checkpoints: SQLite up to 3.51.2 can lose a log that is reset by one connection
// while another one commits. One thread at a time. After an error from a writing call the file's state is unknown.
class StoreWriter {
 public:
  // Opens the file, creating it when it is missing. Errors as openFormat.
  static Result<std::unique_ptr<StoreWriter>> open(const std::string& path);

  Revision lastRevision() const { return last_; }
  Revision compactedRevision() const { return compacted_; }
  // Space is given back up to here.
  Revision sweptRevision() const { return swept_; }

  // One durable transaction. REQUIRES: the revisions follow lastRevision() without a gap.
  Status commit(std::span<const Record> records);
  // Makes the history up to `revision` unreadable; sweep() gives back its space.
  Status setCompacted(Revision revision);
  // A piece of the work between sweptRevision() and compactedRevision().
  Status sweep();
  // Gives some free pages back to the file system. False when too few are free to be worth it.
  Result<bool> shrink();
  // Empties the log. False when a reader was in the way.
  Result<bool> checkpoint() { return database_->checkpoint(); }
  int logPages() const { return database_->logPages(); }
  Result<std::int64_t> sizeBytes();

 private:
  Status prepare();
  Status insert(const Record& record);
  Status sweepTo(Revision end);
  Status setMeta(std::string_view name, Revision value);
  // Runs `body` between BEGIN and COMMIT; rolls back when it fails.
  Status inTransaction(const std::function<Status()>& body);

  std::unique_ptr<SqliteDatabase> database_;
  SqliteStatement previous_;
  SqliteStatement insert_;
  SqliteStatement setCurrent_;
  SqliteStatement dropCurrent_;
  SqliteStatement sweepEnd_;
  SqliteStatement sweepSuperseded_;
  SqliteStatement sweepDeletions_;
  SqliteStatement setMeta_;
  Revision last_ = 0;
  Revision compacted_ = 0;
  Revision swept_ = 0;
};

// A read-only connection: sees what is durable. One thread at a time.
class StoreReader {
 public:
  static Result<std::unique_ptr<StoreReader>> open(const std::string& path);
  // DataLoss when a record is missing or its checksum is wrong.
  Status load(const std::function<void(const Record&)>& visit);
  Result<std::vector<Record>> history(Revision after, std::size_t limit);

 private:
  std::unique_ptr<SqliteDatabase> database_;
  SqliteStatement load_;
  SqliteStatement history_;
};

}  // namespace slipway::store
