#pragma once

#include <cstddef>
#include <string_view>

namespace slipway {

// Offset of the first byte that is not part of UTF-8 text: wrong encoding, or a control character other than tab, line
// feed and carriage return. npos when all is well.
std::size_t findNotText(std::string_view text);

// Characters (code points). REQUIRES: valid UTF-8; other bytes count as one each.
std::size_t countCodePoints(std::string_view text);

// Bytes of the character at `at`, at least 1 and never past the end.
std::size_t codePointLength(std::string_view text, std::size_t at);

}  // namespace slipway
