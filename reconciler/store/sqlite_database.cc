#include "reconciler/store/sqlite_database.h"

#include <sqlite3.h>

#include "reconciler/base/strings.h"

namespace slipway::store {
namespace {

Status errorOf(sqlite3* handle) {
  const int code = sqlite3_errcode(handle) & 0xff;
  if (code == SQLITE_NOTADB) return {Code::Invalid, "not a slipway store: it is no SQLite database"};
  return {code == SQLITE_CORRUPT ? Code::DataLoss : Code::Unavailable,
          cat("sqlite: ", sqlite3_errmsg(handle), " (", sqlite3_extended_errcode(handle), ")")};
}

// A reader that sees the log's index half written takes the writer's lock for a moment to read it again, so even the
// only writer can find it taken. SQLite waits by itself, in steps of a few milliseconds.
constexpr int kLockWaitMs = 10000;

}  // namespace

void SqliteStatement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

SqliteStatement::SqliteStatement(sqlite3_stmt* statement) : statement_(statement) {}

void SqliteStatement::bind(int parameter, std::string_view bytes) {
  // A null pointer would bind NULL, but an empty value is a value.
  sqlite3_bind_blob64(statement_.get(), parameter, bytes.empty() ? "" : bytes.data(), bytes.size(), SQLITE_STATIC);
}

void SqliteStatement::bind(int parameter, std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), parameter, value);
}

void SqliteStatement::bindNull(int parameter) { sqlite3_bind_null(statement_.get(), parameter); }

Result<bool> SqliteStatement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    sqlite3_reset(statement_.get());
    return false;
  }
  const Status failed = errorOf(sqlite3_db_handle(statement_.get()));
  sqlite3_reset(statement_.get());
  return failed;
}

Status SqliteStatement::run() {
  const auto row = step();
  reset();
  return row.status();
}

void SqliteStatement::reset() { sqlite3_reset(statement_.get()); }

std::int64_t SqliteStatement::integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }

bool SqliteStatement::isNull(int column) const { return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL; }

std::string_view SqliteStatement::bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return data == nullptr ? std::string_view() : std::string_view(static_cast<const char*>(data), size);
}

Result<std::unique_ptr<SqliteDatabase>> SqliteDatabase::open(const std::string& path, Mode mode) {
  const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                    (mode == Mode::ReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  std::unique_ptr<SqliteDatabase> database(new SqliteDatabase(handle));
  if (code != SQLITE_OK) {
    return handle == nullptr ? Status(Code::Unavailable, "sqlite: out of memory") : database->error();
  }
  sqlite3_busy_timeout(handle, kLockWaitMs);
  SLIPWAY_RETURN_IF_ERROR(database->execute("PRAGMA wal_autocheckpoint=0"));
  return database;
}

SqliteDatabase::~SqliteDatabase() { sqlite3_close_v2(handle_); }

Status SqliteDatabase::error() const { return errorOf(handle_); }

Status SqliteDatabase::execute(const char* sql) {
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return error();
  return {};
}

Result<SqliteStatement> SqliteDatabase::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                      &statement, nullptr);
  if (code != SQLITE_OK) return error();
  return SqliteStatement(statement);
}

Result<std::int64_t> SqliteDatabase::queryInteger(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return statement.status();
  const auto row = statement->step();
  if (!row) return row.status();
  return *row ? statement->integer(0) : 0;
}

Result<std::string> SqliteDatabase::queryText(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return statement.status();
  const auto row = statement->step();
  if (!row) return row.status();
  return *row ? std::string(statement->bytes(0)) : std::string();
}

Result<bool> SqliteDatabase::checkpoint() {
  // Here a reader is no reason to wait: commits would wait too.
  sqlite3_busy_timeout(handle_, 0);
  const int code = sqlite3_wal_checkpoint_v2(handle_, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  const Status failed = code == SQLITE_OK ? Status() : error();
  sqlite3_busy_timeout(handle_, kLockWaitMs);
  if ((code & 0xff) == SQLITE_BUSY) return false;
  if (!failed) return failed;
  logPages_ = 0;
  return true;
}

void SqliteDatabase::watchLog() {
  sqlite3_wal_hook(
      handle_,
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<SqliteDatabase*>(self)->logPages_ = pages;
        return SQLITE_OK;
      },
      this);
}

}  // namespace slipway::store
