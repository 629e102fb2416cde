#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "reconciler/base/status.h"

struct sqlite3;
struct sqlite3_stmt;

namespace slipway::store {

// One prepared statement of one connection. Use: bind, step until false, reset. Not thread-safe. Must not outlive its
// database. Parameters count from 1, columns from 0.
class SqliteStatement {
 public:
  SqliteStatement() = default;
  explicit SqliteStatement(sqlite3_stmt* statement);

  // The bytes must live until reset().
  void bind(int parameter, std::string_view bytes);
  void bind(int parameter, std::int64_t value);
  void bindNull(int parameter);
  // True: a row is there. False: done; the statement is reset.
  Result<bool> step();
  // For statements without rows: step and reset.
  Status run();
  void reset();

  std::int64_t integer(int column) const;
  bool isNull(int column) const;
  // Valid until the next step or reset.
  std::string_view bytes(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// One connection. Not thread-safe. Errors: Invalid (no database), DataLoss (damaged), Unavailable (all else; the
// message has SQLite's words).
class SqliteDatabase {
 public:
  enum class Mode { ReadWrite, ReadOnly };
  static Result<std::unique_ptr<SqliteDatabase>> open(const std::string& path, Mode mode);
  ~SqliteDatabase();
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  Status execute(const char* sql);
  Result<SqliteStatement> prepare(std::string_view sql);
  // First column of the first row; 0 when there is no row or the value is null.
  Result<std::int64_t> queryInteger(std::string_view sql);
  Result<std::string> queryText(std::string_view sql);

  // Moves the log into the database file and empties it. False when a reader was in the way.
  Result<bool> checkpoint();
  // Pages in the log after the last commit of this connection.
  int logPages() const { return logPages_; }
  // Counts logPages; to be called once the journal mode is set.
  void watchLog();

 private:
  explicit SqliteDatabase(sqlite3* handle) : handle_(handle) {}
  Status error() const;

  sqlite3* handle_;
  int logPages_ = 0;
};

}  // namespace slipway::store
