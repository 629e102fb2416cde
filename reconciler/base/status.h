#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace slipway {

// What a caller may do about a failure. The code is for programs, the message for people; never match on the text.
enum class Code {
  Ok,
  NotFound,
  AlreadyExists,
  Conflict,           // a version or ownership precondition failed: re-read, then decide again
  Expired,            // the asked-for history is gone: list again
  Invalid,            // the input must change
  Denied,             // authentication or authorisation failed: no retry with the same credential
  Unavailable,        // the other side cannot be reached or refuses for now
  Timeout,            // a deadline passed; the effect did not happen
  ResourceExhausted,  // there is no room for it: less must be asked for, or room be made
  Cancelled,          // someone asked us to stop
  OutcomeUnknown,     // the effect may or may not have happened: observe before anything else
  DataLoss,           // durable state is damaged or its durability is unknown: stop the process
  Internal,           // a defect of ours
};

// Whether it is an answer to tell a person: what was asked for, or what it names, has to change. Anything else passes
// by itself.
constexpr bool isFinal(Code code) {
  return code == Code::Invalid || code == Code::NotFound || code == Code::Denied || code == Code::ResourceExhausted;
}

// The code's name in CamelCase, as used in condition reasons and metrics.
std::string_view codeName(Code code);

// The outcome of an operation without a value. Cheap when ok.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  static Status ok() { return {}; }

  bool isOk() const { return code_ == Code::Ok; }
  explicit operator bool() const { return isOk(); }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }

  // The same code with `context: ` in front of the message; each layer adds at most one.
  Status withContext(std::string_view context) const;

  // "Code: message", for logs.
  std::string toString() const;

  bool operator==(const Status&) const = default;

 private:
  Code code_ = Code::Ok;
  std::string message_;
};

// Either a value or a Status that is not ok.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::move(value)) {}  // NOLINT(google-explicit-constructor): `return value;` must read naturally
  Result(Status status) : state_(std::move(status)) {  // NOLINT(google-explicit-constructor)
    assert(!std::get<Status>(state_).isOk());
  }
  Result(Code code, std::string message) : state_(Status(code, std::move(message))) {}

  bool isOk() const { return std::holds_alternative<T>(state_); }
  explicit operator bool() const { return isOk(); }

  // The status; ok when there is a value.
  Status status() const { return isOk() ? Status::ok() : std::get<Status>(state_); }
  Code code() const { return isOk() ? Code::Ok : std::get<Status>(state_).code(); }

  // REQUIRES: isOk().
  T& value() & { return std::get<T>(state_); }
  const T& value() const& { return std::get<T>(state_); }
  T&& value() && { return std::get<T>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  T valueOr(T other) const { return isOk() ? value() : std::move(other); }

 private:
  std::variant<T, Status> state_;
};

// Returns from the enclosing function when `expr` (a Status) is not ok.
#define SLIPWAY_RETURN_IF_ERROR(expr)                           \
  do {                                                          \
    if (::slipway::Status macroStatus = (expr); !macroStatus) { \
      return macroStatus;                                       \
    }                                                           \
  } while (false)

}  // namespace slipway
