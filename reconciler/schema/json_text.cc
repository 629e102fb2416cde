#include "reconciler/schema/json_text.h"

#include <charconv>
#include <cstdint>

#include "reconciler/base/strings.h"
#include "reconciler/schema/document_builder.h"

namespace slipway::schema {
namespace {

class Reader {
 public:
  Reader(std::string_view text, std::size_t firstLine, const YamlOptions& options, YamlDocument& out)
      : text_(text), line_(firstLine), out_(out), builder_(options, out) {}

  JsonTextEnd read(std::string& wrong) {
    skipSpace();
    out_.line = line_;
    const bool ok = value() && atEnd();
    wrong = std::move(wrong_);
    return ok ? JsonTextEnd::Ok : tooLarge_ ? JsonTextEnd::TooLarge : JsonTextEnd::Malformed;
  }

 private:
  YamlPosition position() const { return {line_, pos_ - lineStart_ + 1}; }
  char peek() const { return pos_ < text_.size() ? text_[pos_] : '\0'; }

  bool fail(std::string_view what) {
    if (wrong_.empty()) {
      wrong_ = cat("line ", line_, ", column ", pos_ - lineStart_ + 1, ": ", what);
    }
    return false;
  }

  bool built(const std::string& wrong) {
    if (wrong.empty()) {
      return true;
    }
    tooLarge_ = true;
    return fail(wrong);
  }

  bool unexpected(std::string_view expected) {
    return fail(pos_ < text_.size() ? cat("expected ", expected, ", found '", printable(text_.substr(pos_, 1)), "'")
                                    : cat("expected ", expected, ", found the end of the text"));
  }

  void skipSpace() {
    for (; pos_ < text_.size(); ++pos_) {
      const char c = text_[pos_];
      if (c == '\n') {
        ++line_;
        lineStart_ = pos_ + 1;
      } else if (c != ' ' && c != '\t' && c != '\r') {
        return;
      }
    }
  }

  bool atEnd() {
    skipSpace();
    return pos_ == text_.size() || unexpected("the end of the document");
  }

  bool value() {
    const YamlPosition at = position();
    switch (peek()) {
      case '{':
        return built(builder_.startMap(at)) && object();
      case '[':
        return built(builder_.startList(at)) && array();
      case '"': {
        std::string read;
        return string(read) && built(builder_.scalar(Json(std::move(read)), at));
      }
      case 't':
        return word("true") && built(builder_.scalar(true, at));
      case 'f':
        return word("false") && built(builder_.scalar(false, at));
      case 'n':
        return word("null") && built(builder_.scalar(nullptr, at));
      default:
        return number();
    }
  }

  bool word(std::string_view expected) {
    if (text_.substr(pos_, expected.size()) != expected) {
      return unexpected("a value");
    }
    pos_ += expected.size();
    return true;
  }

  bool object() {
    ++pos_;
    skipSpace();
    while (peek() != '}') {
      const YamlPosition at = position();
      std::string name;
      if (peek() != '"') {
        return unexpected("a field name in double quotes");
      }
      if (!string(name) || !built(builder_.key(name, at))) {
        return false;
      }
      skipSpace();
      if (peek() != ':') {
        return unexpected("':' after the field name");
      }
      ++pos_;
      skipSpace();
      if (!value() || !separator('}')) {
        return false;
      }
    }
    ++pos_;
    builder_.endContainer();
    return true;
  }

  bool array() {
    ++pos_;
    skipSpace();
    while (peek() != ']') {
      if (!value() || !separator(']')) {
        return false;
      }
    }
    ++pos_;
    builder_.endContainer();
    return true;
  }

  // True in front of `close` or of another element.
  bool separator(char close) {
    skipSpace();
    if (peek() == close) {
      return true;
    }
    if (peek() != ',') {
      return unexpected(close == '}' ? "',' or '}'" : "',' or ']'");
    }
    ++pos_;
    skipSpace();
    return peek() != close || unexpected("another element after ','");
  }

  bool number() {
    const YamlPosition at = position();
    const std::size_t start = pos_;
    std::size_t i = pos_ + (peek() == '-' ? 1 : 0);
    auto digits = [&] {
      const std::size_t from = i;
      while (i < text_.size() && text_[i] >= '0' && text_[i] <= '9') {
        ++i;
      }
      return i - from;
    };
    const std::size_t wholeAt = i;
    const std::size_t whole = digits();
    bool ok = whole > 0 && (whole == 1 || text_[wholeAt] != '0');
    bool isInt = true;
    if (ok && i < text_.size() && text_[i] == '.') {
      isInt = false;
      ++i;
      ok = digits() > 0;
    }
    if (ok && i < text_.size() && (text_[i] | 0x20) == 'e') {
      isInt = false;
      ++i;
      i += i < text_.size() && (text_[i] == '+' || text_[i] == '-') ? 1U : 0U;
      ok = digits() > 0;
    }
    if (!ok) {
      return unexpected("a value");
    }
    pos_ = i;
    return numberValue(text_.substr(start, i - start), isInt, at);
  }

  bool numberValue(std::string_view digits, bool isInt, YamlPosition at) {
    const char* end = digits.data() + digits.size();
    std::int64_t whole = 0;
    if (isInt && std::from_chars(digits.data(), end, whole).ec == std::errc()) {
      return built(builder_.scalar(Json(whole), at));
    }
    double real = 0;
    if (std::from_chars(digits.data(), end, real).ec != std::errc()) {
      return fail("number out of range");
    }
    return built(builder_.scalar(Json(real), at));
  }

  bool string(std::string& out) {
    ++pos_;
    while (true) {
      const std::size_t run = text_.find_first_of("\"\\\n", pos_);
      if (run == std::string_view::npos || text_[run] == '\n') {
        return fail("the quote that starts here or before is not closed on this line");
      }
      out += text_.substr(pos_, run - pos_);
      pos_ = run + 1;
      if (text_[run] == '"') {
        return true;
      }
      if (!escape(out)) {
        return false;
      }
    }
  }

  bool escape(std::string& out) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
    const char c = peek();
    ++pos_;
    if (std::size_t which = kNames.find(c); which != std::string_view::npos && c != '\0') {
      out += kValues[which];
      return true;
    }
    std::uint32_t code = 0;
    if (c != 'u' || !hex4(code)) {
      return fail("unknown escape in a string");
    }
    if (code >= 0xD800 && code < 0xDC00) {
      std::uint32_t low = 0;
      if (text_.substr(pos_, 2) != "\\u" || (pos_ += 2, !hex4(low)) || low < 0xDC00 || low > 0xDFFF) {
        return fail("half of a surrogate pair in a string");
      }
      code = 0x10000 + ((code - 0xD800) << 10U) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code < 0xE000) {
      return fail("half of a surrogate pair in a string");
    }
    appendUtf8(out, code);
    return true;
  }

  bool hex4(std::uint32_t& code) {
    if (pos_ + 4 > text_.size()) {
      return false;
    }
    const char* start = text_.data() + pos_;
    auto [end, error] = std::from_chars(start, start + 4, code, 16);
    pos_ += 4;
    return error == std::errc() && end == start + 4;
  }

  static void appendUtf8(std::string& out, std::uint32_t code) {
    if (code < 0x80) {
      out += static_cast<char>(code);
      return;
    }
    const int tail = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    constexpr unsigned char kLead[] = {0, 0xC0, 0xE0, 0xF0};
    out += static_cast<char>(kLead[tail] | (code >> (6U * static_cast<unsigned>(tail))));
    for (int i = tail - 1; i >= 0; --i) {
      out += static_cast<char>(0x80U | ((code >> (6U * static_cast<unsigned>(i))) & 0x3FU));
    }
  }

  std::string_view text_;
  std::size_t pos_ = 0;
  std::size_t line_;
  std::size_t lineStart_ = 0;
  YamlDocument& out_;
  DocumentBuilder builder_;
  std::string wrong_;
  bool tooLarge_ = false;
};

}  // namespace

JsonTextEnd readJsonText(std::string_view text, std::size_t firstLine, const YamlOptions& options, YamlDocument& out,
                         std::string& wrong) {
  return Reader(text, firstLine, options, out).read(wrong);
}

}  // namespace slipway::schema
