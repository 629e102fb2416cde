#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace slipway {

enum class LogLevel { Debug, Info, Warn, Error };

// A name and its value, both text: {"release", "default/shop"}.
using LogField = std::pair<std::string_view, std::string>;

// Where log records go. Passed by reference to constructors; never a global. Thread-safe.
// A message is a constant sentence; what varies goes into fields. No secret in either.
class Logger {
 public:
  virtual ~Logger() = default;
  virtual void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) = 0;

  void debug(std::string_view message, std::initializer_list<LogField> fields = {}) {
    log(LogLevel::Debug, message, fields);
  }
  void info(std::string_view message, std::initializer_list<LogField> fields = {}) {
    log(LogLevel::Info, message, fields);
  }
  void warn(std::string_view message, std::initializer_list<LogField> fields = {}) {
    log(LogLevel::Warn, message, fields);
  }
  void error(std::string_view message, std::initializer_list<LogField> fields = {}) {
    log(LogLevel::Error, message, fields);
  }
};

// Drops everything.
class NullLogger final : public Logger {
 public:
  void log(LogLevel, std::string_view, std::initializer_list<LogField>) override {}
};

}  // namespace slipway
