#pragma once

#include <string_view>

#include "reconciler/base/status.h"
#include "reconciler/cel/ast.h"

namespace slipway::cel {

// The syntax tree of an expression, macros expanded. `errorAt` is the offset of what is wrong with Invalid.
Result<ExprPtr> parse(std::string_view text, std::size_t& errorAt);

}  // namespace slipway::cel
