#include "reconciler/store/store_file.h"

#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/store/store_format.h"

namespace slipway::store {
namespace {

constexpr int kSweepRows = 256;        // per step, so that no commit waits long
constexpr int kShrinkPages = 256;      // likewise
constexpr int kWorthShrinking = 4096;  // free pages

std::int64_t integer(Revision revision) { return static_cast<std::int64_t>(revision); }

Status prepareInto(SqliteDatabase& database, SqliteStatement& statement, std::string_view sql) {
  auto prepared = database.prepare(sql);
  if (!prepared) return prepared.status();
  statement = std::move(*prepared);
  return {};
}

// Columns rev, key, value, sum from `first` on.
Result<Record> readRecord(const SqliteStatement& row) {
  Record record;
  record.revision = static_cast<Revision>(row.integer(0));
  record.key = row.bytes(1);
  if (!row.isNull(2)) record.value = std::string(row.bytes(2));
  if (recordSum(record.revision, record.key, record.value) != row.integer(3)) {
    return Status(Code::DataLoss, cat("damaged: the record of revision ", record.revision, " has a wrong checksum"));
  }
  return record;
}

}  // namespace

Result<std::unique_ptr<StoreWriter>> StoreWriter::open(const std::string& path) {
  auto database = SqliteDatabase::open(path, SqliteDatabase::Mode::ReadWrite);
  if (!database) return database.status();
  auto writer = std::make_unique<StoreWriter>();
  writer->database_ = std::move(*database);
  SLIPWAY_RETURN_IF_ERROR(writer->database_->execute("PRAGMA synchronous=FULL"));
  SLIPWAY_RETURN_IF_ERROR(openFormat(*writer->database_));
  auto mode = writer->database_->queryText("PRAGMA journal_mode=WAL");
  if (!mode) return mode.status();
  if (*mode != "wal") return Status(Code::Unavailable, "this file system cannot hold a write-ahead log");
  writer->database_->watchLog();
  SLIPWAY_RETURN_IF_ERROR(writer->prepare());
  return writer;
}

Status StoreWriter::prepare() {
  auto& db = *database_;
  SLIPWAY_RETURN_IF_ERROR(prepareInto(db, previous_, "SELECT rev FROM cur WHERE key=?1"));
  SLIPWAY_RETURN_IF_ERROR(prepareInto(db, insert_, "INSERT INTO hist VALUES(?1,?2,?3,?4,?5)"));
  SLIPWAY_RETURN_IF_ERROR(prepareInto(db, setCurrent_, "INSERT OR REPLACE INTO cur VALUES(?1,?2)"));
  SLIPWAY_RETURN_IF_ERROR(prepareInto(db, dropCurrent_, "DELETE FROM cur WHERE key=?1"));
  SLIPWAY_RETURN_IF_ERROR(prepareInto(
      db, sweepEnd_, "SELECT max(rev) FROM (SELECT rev FROM hist WHERE rev>?1 AND rev<=?2 ORDER BY rev LIMIT ?3)"));
  SLIPWAY_RETURN_IF_ERROR(
      prepareInto(db, sweepSuperseded_,
                  "DELETE FROM hist WHERE rev IN (SELECT prev FROM hist WHERE rev>?1 AND rev<=?2 AND prev>0)"));
  SLIPWAY_RETURN_IF_ERROR(
      prepareInto(db, sweepDeletions_, "DELETE FROM hist WHERE rev>?1 AND rev<=?2 AND value IS NULL"));
  SLIPWAY_RETURN_IF_ERROR(prepareInto(db, setMeta_, "INSERT OR REPLACE INTO meta VALUES(CAST(?1 AS TEXT),?2)"));

  const auto newest = db.queryInteger("SELECT max(rev) FROM hist");
  if (!newest) return newest.status();
  const auto compacted = db.queryInteger("SELECT value FROM meta WHERE name='compacted'");
  if (!compacted) return compacted.status();
  const auto swept = db.queryInteger("SELECT value FROM meta WHERE name='swept'");
  if (!swept) return swept.status();
  compacted_ = static_cast<Revision>(*compacted);
  swept_ = static_cast<Revision>(*swept);
  // The newest change may have been a deletion that was compacted away.
  last_ = std::max(static_cast<Revision>(*newest), compacted_);
  return {};
}

Status StoreWriter::inTransaction(const std::function<Status()>& body) {
  SLIPWAY_RETURN_IF_ERROR(database_->execute("BEGIN IMMEDIATE"));
  Status done = body();
  if (done) done = database_->execute("COMMIT");
  // SQLite may have rolled back by itself; the caller stops for good either way.
  if (!done) (void)database_->execute("ROLLBACK");
  return done;
}

Status StoreWriter::commit(std::span<const Record> records) {
  const Status done = inTransaction([&]() -> Status {
    for (const auto& record : records) SLIPWAY_RETURN_IF_ERROR(insert(record));
    return {};
  });
  if (done && !records.empty()) last_ = records.back().revision;
  return done;
}

Status StoreWriter::insert(const Record& record) {
  previous_.bind(1, record.key);
  const auto found = previous_.step();
  if (!found) return found.status();
  const std::int64_t previous = *found ? previous_.integer(0) : 0;
  previous_.reset();

  insert_.bind(1, integer(record.revision));
  insert_.bind(2, previous);
  insert_.bind(3, record.key);
  if (record.value) {
    insert_.bind(4, *record.value);
  } else {
    insert_.bindNull(4);
  }
  insert_.bind(5, recordSum(record.revision, record.key, record.value));
  SLIPWAY_RETURN_IF_ERROR(insert_.run());

  auto& index = record.value ? setCurrent_ : dropCurrent_;
  index.bind(1, record.key);
  if (record.value) index.bind(2, integer(record.revision));
  return index.run();
}

Status StoreWriter::setMeta(std::string_view name, Revision value) {
  setMeta_.bind(1, name);
  setMeta_.bind(2, integer(value));
  return setMeta_.run();
}

Status StoreWriter::setCompacted(Revision revision) {
  SLIPWAY_RETURN_IF_ERROR(inTransaction([&] { return setMeta("compacted", revision); }));
  compacted_ = revision;
  return {};
}

Status StoreWriter::sweep() {
  sweepEnd_.bind(1, integer(swept_));
  sweepEnd_.bind(2, integer(compacted_));
  sweepEnd_.bind(3, std::int64_t{kSweepRows});
  const auto row = sweepEnd_.step();
  if (!row) return row.status();
  const bool nothing = !*row || sweepEnd_.isNull(0);
  const Revision end = nothing ? compacted_ : static_cast<Revision>(sweepEnd_.integer(0));
  sweepEnd_.reset();
  SLIPWAY_RETURN_IF_ERROR(inTransaction([&] { return sweepTo(end); }));
  swept_ = end;
  return {};
}

Status StoreWriter::sweepTo(Revision end) {
  for (auto* statement : {&sweepSuperseded_, &sweepDeletions_}) {
    statement->bind(1, integer(swept_));
    statement->bind(2, integer(end));
    SLIPWAY_RETURN_IF_ERROR(statement->run());
  }
  return setMeta("swept", end);
}

Result<bool> StoreWriter::shrink() {
  const auto free = database_->queryInteger("PRAGMA freelist_count");
  if (!free) return free.status();
  const auto all = database_->queryInteger("PRAGMA page_count");
  if (!all) return all.status();
  if (*free < kWorthShrinking || *free * 4 < *all) return false;
  SLIPWAY_RETURN_IF_ERROR(database_->execute(cat("PRAGMA incremental_vacuum(", kShrinkPages, ")").c_str()));
  return true;
}

Result<std::int64_t> StoreWriter::sizeBytes() {
  const auto pages = database_->queryInteger("PRAGMA page_count");
  if (!pages) return pages.status();
  const auto size = database_->queryInteger("PRAGMA page_size");
  if (!size) return size.status();
  return *pages * *size;
}

Result<std::unique_ptr<StoreReader>> StoreReader::open(const std::string& path) {
  auto database = SqliteDatabase::open(path, SqliteDatabase::Mode::ReadOnly);
  if (!database) return database.status();
  auto reader = std::make_unique<StoreReader>();
  reader->database_ = std::move(*database);
  auto& db = *reader->database_;
  SLIPWAY_RETURN_IF_ERROR(
      prepareInto(db, reader->load_,
                  "SELECT c.rev,h.key,h.value,h.sum,c.key,h.rev IS NULL FROM cur c LEFT JOIN hist h "
                  "ON h.rev=c.rev ORDER BY c.key"));
  SLIPWAY_RETURN_IF_ERROR(
      prepareInto(db, reader->history_, "SELECT rev,key,value,sum FROM hist WHERE rev>?1 ORDER BY rev LIMIT ?2"));
  return reader;
}

Status StoreReader::load(const std::function<void(const Record&)>& visit) {
  while (true) {
    const auto row = load_.step();
    if (!row) return row.status();
    if (!*row) return {};
    const bool matches = load_.integer(5) == 0 && load_.bytes(1) == load_.bytes(4) && !load_.isNull(2);
    auto record = matches ? readRecord(load_)
                          : Status(Code::DataLoss, cat("damaged: no value for key ", printable(load_.bytes(4)),
                                                       " at revision ", load_.integer(0)));
    if (!record) {
      load_.reset();
      return record.status();
    }
    visit(*record);
  }
}

Result<std::vector<Record>> StoreReader::history(Revision after, std::size_t limit) {
  std::vector<Record> out;
  history_.bind(1, integer(after));
  history_.bind(2, static_cast<std::int64_t>(std::min<std::size_t>(limit, INT64_MAX)));
  while (true) {
    const auto row = history_.step();
    if (!row) return row.status();
    if (!*row) return out;
    auto record = readRecord(history_);
    if (!record) {
      history_.reset();
      return record.status();
    }
    out.push_back(std::move(*record));
  }
}

}  // namespace slipway::store
