#pragma once

#include <memory>
#include <string>

#include "reconciler/base/clock.h"
#include "reconciler/base/log.h"

namespace slipway::daemon {

enum class LogFormat { Text, Json };

struct LogOptions {
  LogFormat format = LogFormat::Text;
  LogLevel level = LogLevel::Info;
};

// Writes one line per record to standard error: a JSON object, or "time LEVEL message key=value …". Whatever a field
// holds stays inside its quotes: no record can forge another. Thread-safe.
std::unique_ptr<Logger> newStderrLogger(const LogOptions& options, const Clock& clock);

// One record as a line without its newline.
std::string formatRecord(LogFormat format, WallTime time, LogLevel level, std::string_view message,
                         std::initializer_list<LogField> fields);

}  // namespace slipway::daemon
