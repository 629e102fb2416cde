#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reconciler/cel/ast.h"
#include "reconciler/cel/cel.h"

namespace slipway::cel {

struct Issue {
  std::size_t at = 0;
  std::string message;
};

// Resolves names and types in the tree. What is wrong comes back in the order of the text; then the tree must not be
// evaluated. `slots` is how many variables are alive at once at most.
std::vector<Issue> check(Expr& root, const std::vector<Variable>& variables, std::size_t& slots);

}  // namespace slipway::cel
