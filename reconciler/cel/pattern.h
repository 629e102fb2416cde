#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "reconciler/base/status.h"

namespace slipway::cel {

// A regular expression from outside: RE2 syntax (Go's), linear time, bounded memory. Immutable, thread-safe.
class Pattern {
 public:
  // Invalid with the reason when it does not compile.
  static Result<std::shared_ptr<const Pattern>> compile(std::string_view expression);

  virtual ~Pattern() = default;

  // Whether it matches anywhere in `text`.
  virtual bool matches(std::string_view text) const = 0;
  // Where the first match at or behind `from` stands; false when there is none.
  virtual bool find(std::string_view text, std::size_t from, std::size_t& at, std::size_t& length) const = 0;
};

}  // namespace slipway::cel
