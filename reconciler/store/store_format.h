#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "reconciler/base/status.h"
#include "reconciler/store/sqlite_database.h"

namespace slipway::store {

// The layout of the file, format 1:
//   hist  every change, by revision: the key, the new value (null: deleted), the revision it superseded, a checksum
//   cur   live keys and the revision that wrote each
//   meta  "compacted": history at or below is gone; "swept": how far the space was given back
// application_id says that the file is ours, user_version is the format.
inline constexpr std::int64_t kFormat = 1;

// Creates the tables in an empty file; checks the format, the tables and the file's structure otherwise. Errors:
// Invalid (not a slipway store, or of a newer format), DataLoss (damaged), Unavailable.
Status openFormat(SqliteDatabase& database);

// What hist.sum holds. Finds flipped bits and fields, not forgers.
std::int64_t recordSum(std::uint64_t revision, std::string_view key, const std::optional<std::string_view>& value);

}  // namespace slipway::store
