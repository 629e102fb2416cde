#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace slipway {

namespace internal {
inline void appendPiece(std::string& out, std::string_view piece) { out += piece; }
inline void appendPiece(std::string& out, char piece) { out += piece; }
// A template, so that a literal does not decay to a pointer and then to bool.
template <typename T>
requires std::is_same_v<T, bool>
void appendPiece(std::string& out, T piece) { out += piece ? "true" : "false"; }
template <typename T>
requires(std::is_arithmetic_v<T> && !std::is_same_v<T, bool> &&
         !std::is_same_v<T, char>) void appendPiece(std::string& out, T piece) {
  out += std::to_string(piece);
}
}  // namespace internal

// Text and numbers one after another: cat("port ", 22, " refused").
template <typename... Pieces>
std::string cat(const Pieces&... pieces) {
  std::string out;
  (internal::appendPiece(out, pieces), ...);
  return out;
}

std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& pieces, std::string_view separator);
std::string_view trim(std::string_view text);
std::string lowerAscii(std::string_view text);

// Lower-case hexadecimal, two digits a byte.
std::string hexEncode(std::string_view bytes);
// Standard alphabet with padding. decode gives false on anything else.
std::string base64Encode(std::string_view bytes);
bool base64Decode(std::string_view text, std::string& out);

// Kubernetes' name grammars.
bool isDnsLabel(std::string_view text);      // RFC 1123 label, at most 63
bool isDnsSubdomain(std::string_view text);  // RFC 1123 subdomain, at most 253

// The last `count` lines of a text, without a trailing newline.
std::string lastLines(std::string_view text, std::size_t count);

// Control characters (all below space but newline and tab, and DEL, and ESC sequences with them) become '?': what a
// server printed must not drive the terminal of the person who reads it.
std::string printable(std::string_view text);

}  // namespace slipway
