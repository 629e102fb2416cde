#include "reconciler/base/utf8.h"

#include <algorithm>

namespace slipway {
namespace {

unsigned char byteAt(std::string_view text, std::size_t at) { return static_cast<unsigned char>(text[at]); }

// Length of a well-formed multi-byte character at `at`, 0 when it is not one.
std::size_t wellFormed(std::string_view text, std::size_t at) {
  const unsigned char lead = byteAt(text, at);
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || at + length > text.size()) {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if ((byteAt(text, at + i) & 0xC0U) != 0x80) {
      return 0;
    }
  }
  const unsigned char second = byteAt(text, at + 1);
  const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
  const bool outside = (lead == 0xED && second > 0x9F) || (lead == 0xF4 && second > 0x8F);
  return overlong || outside ? 0 : length;
}

}  // namespace

std::size_t findNotText(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const unsigned char c = byteAt(text, i);
    if (c >= 0x80) {
      const std::size_t length = wellFormed(text, i);
      if (length == 0) {
        return i;
      }
      i += length;
    } else if (c == 0x7F || (c < 0x20 && c != '\t' && c != '\n' && c != '\r')) {
      return i;
    } else {
      ++i;
    }
  }
  return std::string_view::npos;
}

std::size_t countCodePoints(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; }));
}

std::size_t codePointLength(std::string_view text, std::size_t at) {
  const unsigned char lead = byteAt(text, at);
  const std::size_t length = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  return std::min(length, text.size() - at);
}

}  // namespace slipway
