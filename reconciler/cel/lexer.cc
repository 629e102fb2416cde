#include "reconciler/cel/lexer.h"

#include <array>
#include <charconv>
#include <optional>

#include "reconciler/base/strings.h"

namespace slipway::cel {
namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isHex(char c) { return isDigit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }
bool isIdentStart(char c) { return c == '_' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'); }

constexpr std::array<std::string_view, 25> kSymbols{"==", "!=", "<=", ">=", "&&", "||", ".?", "<", ">",
                                                    "+",  "-",  "*",  "/",  "%",  "!",  "?",  ":", ".",
                                                    ",",  "(",  ")",  "[",  "]",  "{",  "}"};

void appendUtf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<Token> run() {
    std::vector<Token> tokens;
    while (error_.empty()) {
      skip();
      Token token{.at = pos_};
      if (pos_ >= text_.size()) {
        tokens.push_back(std::move(token));
        break;
      }
      next(token);
      tokens.push_back(std::move(token));
    }
    return tokens;
  }

  const std::string& error() const { return error_; }
  std::size_t errorAt() const { return errorAt_; }

 private:
  char peek(std::size_t ahead = 0) const { return pos_ + ahead < text_.size() ? text_[pos_ + ahead] : '\0'; }

  void fail(std::size_t at, std::string what) {
    if (error_.empty()) {
      error_ = std::move(what);
      errorAt_ = at;
    }
  }

  void skip() {
    while (pos_ < text_.size()) {
      const char c = text_[pos_];
      if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f') {
        ++pos_;
      } else if (c == '/' && peek(1) == '/') {
        pos_ = std::min(text_.find('\n', pos_), text_.size());
      } else {
        return;
      }
    }
  }

  void next(Token& token) {
    const char c = peek();
    if (isDigit(c) || (c == '.' && isDigit(peek(1)))) {
      return number(token);
    }
    if (const std::optional<std::size_t> prefix = stringPrefix()) {
      return string(token, *prefix);
    }
    if (isIdentStart(c)) {
      const std::size_t start = pos_;
      while (isIdentStart(peek()) || isDigit(peek())) {
        ++pos_;
      }
      token.kind = TokenKind::Ident;
      token.text = text_.substr(start, pos_ - start);
      return;
    }
    for (std::string_view symbol : kSymbols) {
      if (text_.substr(pos_, symbol.size()) == symbol) {
        token.kind = TokenKind::Symbol;
        token.text = symbol;
        pos_ += symbol.size();
        return;
      }
    }
    fail(pos_, cat("Syntax error: token recognition error at: '", printable(text_.substr(pos_, 1)), "'"));
  }

  // Letters in front of a quote: r and b in any order; nothing when no string starts here.
  std::optional<std::size_t> stringPrefix() const {
    std::size_t length = 0;
    while (length < 2 && std::string_view("rRbB").find(peek(length)) != std::string_view::npos &&
           peek(length) != '\0') {
      ++length;
    }
    const char quote = peek(length);
    return quote == '"' || quote == '\'' ? std::optional(length) : std::nullopt;
  }

  void string(Token& token, std::size_t prefix) {
    bool raw = false;
    bool bytes = false;
    for (std::size_t i = 0; i < prefix; ++i) {
      raw = raw || (peek(i) | 0x20) == 'r';
      bytes = bytes || (peek(i) | 0x20) == 'b';
    }
    pos_ += prefix;
    const char quote = peek();
    const std::string triple(3, quote);
    const std::string end = text_.substr(pos_, 3) == triple ? triple : std::string(1, quote);
    pos_ += end.size();
    std::string out;
    while (text_.substr(pos_, end.size()) != end) {
      if (pos_ >= text_.size() || (end.size() == 1 && peek() == '\n')) {
        return fail(token.at, "Syntax error: the string that starts here is not closed");
      }
      if (peek() == '\\' && !raw) {
        if (!escape(out, bytes)) {
          return fail(pos_, "Syntax error: unknown escape in a string");
        }
      } else {
        out += text_[pos_++];
      }
    }
    pos_ += end.size();
    token.kind = TokenKind::Literal;
    token.value = Value::text(std::move(out), bytes ? Kind::Bytes : Kind::String);
  }

  bool escape(std::string& out, bool bytes) {
    constexpr std::string_view kNames = "\\\"'`?abfnrtv";
    constexpr std::string_view kValues = "\\\"'`?\a\b\f\n\r\t\v";
    ++pos_;
    const char c = peek();
    if (const std::size_t which = kNames.find(c); which != std::string_view::npos && c != '\0') {
      out += kValues[which];
      ++pos_;
      return true;
    }
    std::size_t digits = 3;
    int base = 8;
    if (c == 'x' || c == 'X' || c == 'u' || c == 'U') {
      digits = c == 'u' ? 4 : c == 'U' ? 8 : 2;
      base = 16;
      ++pos_;
    }
    std::uint32_t code = 0;
    if (pos_ + digits > text_.size()) {
      return false;
    }
    const char* start = text_.data() + pos_;
    auto [end, error] = std::from_chars(start, start + digits, code, base);
    if (error != std::errc() || end != start + digits || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
      return false;
    }
    pos_ += digits;
    if (bytes && digits < 4) {
      out += static_cast<char>(code);
    } else {
      appendUtf8(out, code);
    }
    return true;
  }

  void number(Token& token) {
    const std::size_t start = pos_;
    const bool hex = peek() == '0' && (peek(1) | 0x20) == 'x';
    bool real = false;
    if (hex) {
      pos_ += 2;
      while (isHex(peek())) {
        ++pos_;
      }
    } else {
      digits();
      if (peek() == '.' && isDigit(peek(1))) {
        real = true;
        ++pos_;
        digits();
      }
      if ((peek() | 0x20) == 'e' && (isDigit(peek(1)) || ((peek(1) == '+' || peek(1) == '-') && isDigit(peek(2))))) {
        real = true;
        pos_ += 2;
        digits();
      }
    }
    std::string_view written = text_.substr(start, pos_ - start);
    token.kind = TokenKind::Literal;
    const bool isUnsigned = !real && (peek() | 0x20) == 'u';
    pos_ += isUnsigned ? 1 : 0;
    if (isIdentStart(peek())) {
      return fail(start, "Syntax error: a number runs into a name");
    }
    written.remove_prefix(hex ? 2 : 0);
    token.value = real ? realValue(written, start) : wholeValue(written, hex ? 16 : 10, isUnsigned, start);
  }

  void digits() {
    while (isDigit(peek())) {
      ++pos_;
    }
  }

  Value realValue(std::string_view written, std::size_t at) {
    double value = 0;
    if (std::from_chars(written.data(), written.data() + written.size(), value).ec != std::errc()) {
      fail(at, "invalid double literal");
    }
    return Value::real(value);
  }

  // 2^63 becomes the smallest integer: it can only stand behind a minus sign, which the parser checks.
  Value wholeValue(std::string_view written, int base, bool isUnsigned, std::size_t at) {
    std::uint64_t value = 0;
    const char* last = written.data() + written.size();
    auto [end, error] = std::from_chars(written.data(), last, value, base);
    if (error != std::errc() || end != last || (!isUnsigned && value > std::uint64_t{1} << 63U)) {
      fail(at, isUnsigned ? "invalid uint literal" : "invalid int literal");
    }
    return isUnsigned ? Value::unsignedInteger(value) : Value::integer(static_cast<std::int64_t>(value));
  }

  std::string_view text_;
  std::size_t pos_ = 0;
  std::string error_;
  std::size_t errorAt_ = 0;
};

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view text, std::size_t& errorAt) {
  Lexer lexer(text);
  std::vector<Token> tokens = lexer.run();
  if (!lexer.error().empty()) {
    errorAt = lexer.errorAt();
    return Status(Code::Invalid, lexer.error());
  }
  return tokens;
}

}  // namespace slipway::cel
