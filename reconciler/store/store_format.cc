#include "reconciler/store/store_format.h"

#include <array>
#include <cstring>

#include "reconciler/base/strings.h"

namespace slipway::store {
namespace {

constexpr std::int64_t kApplicationId = 0x534c5059;  // "SLPY"

struct Table {
  std::string_view name;
  std::string_view sql;
};

constexpr std::array kTables{
    Table{"cur", "CREATE TABLE cur(key BLOB PRIMARY KEY, rev INTEGER NOT NULL) WITHOUT ROWID"},
    Table{"hist",
          "CREATE TABLE hist(rev INTEGER PRIMARY KEY, prev INTEGER NOT NULL, key BLOB NOT NULL, value BLOB, "
          "sum INTEGER NOT NULL)"},
    Table{"meta", "CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID"},
};

Status create(SqliteDatabase& database) {
  // Only possible before the first table exists.
  SLIPWAY_RETURN_IF_ERROR(database.execute("PRAGMA auto_vacuum=INCREMENTAL"));
  std::string sql = cat("BEGIN; PRAGMA application_id=", kApplicationId, "; PRAGMA user_version=", kFormat, ";");
  for (const auto& table : kTables) sql += cat(table.sql, ";");
  sql += "INSERT INTO meta VALUES('compacted',0),('swept',0); COMMIT";
  return database.execute(sql.c_str());
}

Status checkTables(SqliteDatabase& database) {
  for (const auto& table : kTables) {
    auto sql = database.queryText(cat("SELECT sql FROM sqlite_schema WHERE type='table' AND name='", table.name, "'"));
    if (!sql) return sql.status();
    if (*sql != table.sql) {
      return {Code::DataLoss, cat("damaged: table ", table.name, " is ", sql->empty() ? "missing" : "not as written")};
    }
  }
  auto check = database.queryText("PRAGMA quick_check(1)");
  if (!check) return check.status();
  if (*check != "ok") return {Code::DataLoss, "damaged: " + *check};
  return {};
}

std::uint64_t mix(std::uint64_t sum, std::uint64_t word) {
  sum = (sum ^ word) * 0x9fb21c651e98df25ULL;
  return sum ^ (sum >> 32U);
}

std::uint64_t mixBytes(std::uint64_t sum, std::string_view bytes) {
  sum = mix(sum, bytes.size());
  while (bytes.size() >= sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    sum = mix(sum, word);
    bytes.remove_prefix(sizeof word);
  }
  std::uint64_t rest = 0;
  if (!bytes.empty()) std::memcpy(&rest, bytes.data(), bytes.size());
  return mix(sum, rest);
}

}  // namespace

Status openFormat(SqliteDatabase& database) {
  const auto application = database.queryInteger("PRAGMA application_id");
  if (!application) return application.status();
  const auto format = database.queryInteger("PRAGMA user_version");
  if (!format) return format.status();
  const auto objects = database.queryInteger("SELECT count(*) FROM sqlite_schema");
  if (!objects) return objects.status();
  if (*application == 0 && *format == 0 && *objects == 0) return create(database);
  if (*application != kApplicationId) return {Code::Invalid, "not a slipway store: another program wrote it"};
  if (*format > kFormat) {
    return {Code::Invalid, cat("written by a newer slipwayd (format ", *format, "; this one reads up to ", kFormat,
                               "): run that version, or restore a backup made before the upgrade")};
  }
  if (*format < 1) return {Code::DataLoss, cat("damaged: format ", *format, " never existed")};
  return checkTables(database);
}

std::int64_t recordSum(std::uint64_t revision, std::string_view key, const std::optional<std::string_view>& value) {
  std::uint64_t sum = mix(0x51495057ULL, revision);
  sum = mixBytes(sum, key);
  sum = value ? mixBytes(mix(sum, 1), *value) : mix(sum, 2);
  return static_cast<std::int64_t>(sum);
}

}  // namespace slipway::store
