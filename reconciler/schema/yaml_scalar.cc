#include "reconciler/schema/yaml_scalar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

#include "reconciler/base/strings.h"

namespace slipway::schema {
namespace {

template <std::size_t N>
bool oneOf(const std::array<std::string_view, N>& words, std::string_view text) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

constexpr std::array<std::string_view, 11> kTrue{"true", "True", "TRUE", "yes", "Yes", "YES",
                                                 "on",   "On",   "ON",   "y",   "Y"};
constexpr std::array<std::string_view, 11> kFalse{"false", "False", "FALSE", "no", "No", "NO",
                                                  "off",   "Off",   "OFF",   "n",  "N"};
constexpr std::array<std::string_view, 5> kNull{"", "~", "null", "Null", "NULL"};
constexpr std::array<std::string_view, 12> kNotFinite{".nan",  ".NaN",  ".NAN",  ".inf",  ".Inf",  ".INF",
                                                      "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF"};

bool isDigit(char c) { return c >= '0' && c <= '9'; }

std::optional<Json> integer(std::string_view text) {
  bool negative = false;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  int base = 10;
  if (text.size() > 1 && text[0] == '0') {
    const char mark = static_cast<char>(text[1] | 0x20);
    base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
    text.remove_prefix(mark == 'x' || mark == 'b' || mark == 'o' ? 2 : 1);
  }
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  if (!negative) {
    return Json(value);
  }
  if (value > std::uint64_t{1} << 63U) {
    return std::nullopt;
  }
  return Json(static_cast<std::int64_t>(~value + 1));
}

// [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
bool looksLikeFloat(std::string_view text) {
  std::size_t i = 0;
  auto digits = [&] {
    const std::size_t start = i;
    while (i < text.size() && isDigit(text[i])) {
      ++i;
    }
    return i - start;
  };
  auto sign = [&] { i += i < text.size() && (text[i] == '+' || text[i] == '-') ? 1U : 0U; };
  sign();
  const std::size_t whole = digits();
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (digits() == 0 && whole == 0) {
      return false;
    }
  } else if (whole == 0) {
    return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    sign();
    if (digits() == 0) {
      return false;
    }
  }
  return i == text.size();
}

std::optional<Json> floating(std::string_view text) {
  if (!looksLikeFloat(text)) {
    return std::nullopt;
  }
  text.remove_prefix(text[0] == '+' ? 1 : 0);
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  // Kubernetes turns YAML into JSON text first, where a whole number has no decimal point any more.
  constexpr double kLimit = 9.2e18;
  if (value == std::trunc(value) && std::abs(value) < kLimit) {
    return Json(static_cast<std::int64_t>(value));
  }
  return Json(value);
}

// 2006-1-2, optionally followed by a time: such a scalar stays a string.
bool looksLikeDate(std::string_view text) {
  return text.size() >= 8 && std::all_of(text.begin(), text.begin() + 4, isDigit) && text[4] == '-';
}

}  // namespace

Result<Json> plainScalar(std::string_view text) {
  if (oneOf(kNull, text)) {
    return Json();
  }
  if (oneOf(kTrue, text)) {
    return Json(true);
  }
  if (oneOf(kFalse, text)) {
    return Json(false);
  }
  const char first = text[0];
  if (!isDigit(first) && first != '+' && first != '-' && first != '.') {
    return Json(text);
  }
  if (oneOf(kNotFinite, text)) {
    return Status(Code::Invalid, cat("number ", text, " has no JSON form; write it in quotes if a text is meant"));
  }
  if (looksLikeDate(text)) {
    return Json(text);
  }
  std::string plain(text);
  if (first != '.') {
    plain.erase(std::remove(plain.begin(), plain.end(), '_'), plain.end());
    if (auto number = integer(plain)) {
      return *std::move(number);
    }
  }
  if (auto number = floating(plain)) {
    return *std::move(number);
  }
  return Json(text);
}

bool needsQuotes(std::string_view text) {
  if (text.empty() || text.size() > 1000 || text.front() == ' ' || text.back() == ' ' || text.back() == ':' ||
      text == "<<" || text == "=") {
    return true;
  }
  constexpr std::string_view kFirst = "-?:,[]{}#&*!|>'\"%@`.+=~0123456789<";
  const bool safeWord = kFirst.find(text.front()) == std::string_view::npos;
  if (!safeWord) {
    // Digits, dots and signs may start a plain text ("10.0.0.1", "--flag"), but only if it does not read as a number.
    const bool digit = isDigit(text.front()) || (text.front() == '-' && text.size() > 1 && text[1] != ' ');
    if (!digit || looksLikeDate(text)) {
      return true;
    }
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c >= 0x7F || (c == ':' && i + 1 < text.size() && text[i + 1] == ' ') ||
        (c == '#' && text[i - 1] == ' ')) {
      return true;
    }
  }
  if (text == "---" || text == "..." || text.starts_with("--- ") || text.starts_with("... ")) {
    return true;
  }
  // Sixty-based numbers of other YAML 1.1 readers ("12:30:45") are quoted too.
  const bool sixty = std::all_of(text.begin(), text.end(), [](char c) { return isDigit(c) || c == ':' || c == '.'; });
  Result<Json> read = plainScalar(text);
  return !read || !read->isString() || (sixty && text.find(':') != std::string_view::npos);
}

}  // namespace slipway::schema
