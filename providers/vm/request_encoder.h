#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "providers/transport/script_framing.h"
#include "reconciler/base/strings.h"
#include "reconciler/ports/provider.h"

namespace slipway::vm {

// Of a path, a version, an operation: what may stand in a path on a server as one name.
bool isPathName(std::string_view text);
bool isVariableName(std::string_view text);
// Without ".", ".." and control characters.
bool isRelativePath(std::string_view path);
bool hasControl(std::string_view text);
// At least one.
std::int64_t wholeSeconds(Duration duration);

// Collects the framed arguments; the first wrong one decides the status.
class RequestEncoder {
 public:
  void text(std::string_view what, std::string_view value) {
    if (value.find('\0') != std::string_view::npos) {
      fail(cat(what, ": has a NUL byte"));
    }
    out_ += transport::hostField(value);
  }
  void line(std::string_view what, std::string_view value) {
    require(!hasControl(value), what, value, "has a control character");
    out_ += transport::hostField(value);
  }
  void number(std::int64_t value) { out_ += transport::hostField(std::to_string(value)); }
  void name(std::string_view what, std::string_view value) {
    require(isPathName(value), what, value,
            "must be letters, digits, '.', '_', '+', '-', not starting with '.' or '-'");
    out_ += transport::hostField(value);
  }
  void paths(std::string_view what, const std::vector<std::string>& values) {
    number(static_cast<std::int64_t>(values.size()));
    for (const std::string& value : values) {
      require(isRelativePath(value), what, value, "must be a relative path without '.' and '..'");
      out_ += transport::hostField(value);
    }
  }
  void require(bool holds, std::string_view what, std::string_view value, std::string_view rule) {
    if (!holds) {
      fail(cat(what, ": \"", printable(value), "\" ", rule));
    }
  }
  void fail(std::string message) {
    if (status_) {
      status_ = Status(Code::Invalid, std::move(message));
    }
  }
  Result<std::string> take() && {
    if (!status_) {
      return status_;
    }
    return std::move(out_);
  }

 private:
  std::string out_;
  Status status_;
};

// What every conversation begins with. `kind` is the step.
void encodeHead(RequestEncoder& out, std::string_view kind, const StepRequest& request, Duration remaining);

}  // namespace slipway::vm
