#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/status.h"
#include "reconciler/cel/value.h"

namespace slipway::cel {

enum class TokenKind { End, Ident, Literal, Symbol };

struct Token {
  TokenKind kind = TokenKind::End;
  std::size_t at = 0;
  std::string text;  // Ident, Symbol
  Value value;       // Literal
};

// The tokens of an expression, the last one End. `errorAt` is the offset of what is wrong with Invalid.
Result<std::vector<Token>> tokenize(std::string_view text, std::size_t& errorAt);

}  // namespace slipway::cel
