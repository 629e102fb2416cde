#include "cmd/slipwayd/log_sink.h"

#include <algorithm>

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "reconciler/base/json.h"

namespace slipway::daemon {
namespace {

std::string_view levelName(LogLevel level) {
  switch (level) {
    case LogLevel::Debug:
      return "debug";
    case LogLevel::Info:
      return "info";
    case LogLevel::Warn:
      return "warn";
    case LogLevel::Error:
      return "error";
  }
  return "info";
}

bool needsQuotes(const std::string& value) {
  return value.empty() || std::any_of(value.begin(), value.end(), [](char c) {
           return static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '=' || c == '\\' || c == '\x7f';
         });
}

class StderrLogger final : public Logger {
 public:
  StderrLogger(const LogOptions& options, const Clock& clock)
      : options_(options), clock_(clock), out_("slipwayd", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    out_.set_pattern("%v");
    out_.set_level(spdlog::level::trace);
    out_.flush_on(spdlog::level::trace);
  }

  void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) override {
    if (level >= options_.level) {
      out_.log(spdlog::level::info,
               spdlog::string_view_t(formatRecord(options_.format, clock_.wall(), level, message, fields)));
    }
  }

 private:
  LogOptions options_;
  const Clock& clock_;
  spdlog::logger out_;
};

}  // namespace

std::string formatRecord(LogFormat format, WallTime time, LogLevel level, std::string_view message,
                         std::initializer_list<LogField> fields) {
  if (format == LogFormat::Json) {
    Json line = Json::object({{"time", formatMicroTime(time)}, {"level", levelName(level)}, {"message", message}});
    for (const auto& [name, value] : fields) {
      line[name == "message" || name == "level" || name == "time" ? std::string("field_").append(name)
                                                                  : std::string(name)] = value;
    }
    return line.dump();
  }
  std::string line = formatTime(time);
  line.append(" ").append(levelName(level)).append(" ").append(message);
  for (const auto& [name, value] : fields) {
    line.append(" ").append(name).append("=");
    if (needsQuotes(value)) {
      appendJsonString(line, value);
    } else {
      line.append(value);
    }
  }
  return line;
}

std::unique_ptr<Logger> newStderrLogger(const LogOptions& options, const Clock& clock) {
  return std::make_unique<StderrLogger>(options, clock);
}

}  // namespace slipway::daemon
