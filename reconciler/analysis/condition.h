#pragma once

#include <memory>
#include <string>

#include "reconciler/analysis/reading.h"
#include "reconciler/base/status.h"
#include "reconciler/cel/cel.h"

namespace slipway::analysis {

// A CEL expression over `result`: a number, or a list of numbers. Immutable.
class Condition {
 public:
  // Invalid, with the place: syntax, a type that does not fit, something that is no condition.
  static Result<Condition> compile(const std::string& text);

  // Whether it holds for these numbers. A list of one number serves a condition over a number. Invalid: it cannot be
  // said.
  Result<bool> holds(const Reading& reading) const;

 private:
  std::shared_ptr<const cel::Program> number_;  // one of the two at least
  std::shared_ptr<const cel::Program> list_;
};

}  // namespace slipway::analysis
