#include "reconciler/cel/parser.h"

#include <algorithm>
#include <array>
#include <limits>

#include "reconciler/base/strings.h"
#include "reconciler/cel/lexer.h"

namespace slipway::cel {
namespace {

constexpr std::size_t kMaxDepth = 250;
constexpr std::size_t kMaxText = std::size_t{64} << 10U;

constexpr std::array<std::string_view, 18> kReserved{"as",        "break",  "const",  "continue", "else",  "for",
                                                     "function",  "if",     "import", "let",      "loop",  "package",
                                                     "namespace", "return", "var",    "void",     "while", "in"};

struct Binary {
  std::string_view symbol;
  std::string_view function;
  int level;  // higher binds tighter
};

constexpr std::array<Binary, 14> kBinary{{{"||", "_||_", 1},
                                          {"&&", "_&&_", 2},
                                          {"==", "_==_", 3},
                                          {"!=", "_!=_", 3},
                                          {"<", "_<_", 3},
                                          {"<=", "_<=_", 3},
                                          {">", "_>_", 3},
                                          {">=", "_>=_", 3},
                                          {"in", "@in", 3},
                                          {"+", "_+_", 4},
                                          {"-", "_-_", 4},
                                          {"*", "_*_", 5},
                                          {"/", "_/_", 5},
                                          {"%", "_%_", 5}}};

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  ExprPtr run() {
    ExprPtr out = expression();
    if (error_.empty() && now().kind != TokenKind::End) {
      unexpected("the end of the expression");
    }
    return error_.empty() ? std::move(out) : nullptr;
  }

  const std::string& error() const { return error_; }
  std::size_t errorAt() const { return errorAt_; }

 private:
  const Token& now() const { return tokens_[pos_]; }
  bool is(std::string_view symbol) const { return now().kind == TokenKind::Symbol && now().text == symbol; }
  bool accept(std::string_view symbol) {
    if (!is(symbol)) {
      return false;
    }
    ++pos_;
    return true;
  }

  ExprPtr fail(std::size_t at, std::string what) {
    if (error_.empty()) {
      error_ = std::move(what);
      errorAt_ = at;
    }
    return nullptr;
  }

  ExprPtr unexpected(std::string_view expected) {
    const bool end = now().kind == TokenKind::End;
    return fail(now().at, cat("Syntax error: expected ", expected, ", found ",
                              end                                ? std::string("the end")
                              : now().kind == TokenKind::Literal ? std::string("a literal")
                                                                 : cat("'", now().text, "'")));
  }

  bool expect(std::string_view symbol) {
    if (accept(symbol)) {
      return true;
    }
    unexpected(cat("'", symbol, "'"));
    return false;
  }

  static ExprPtr make(Op op, std::size_t at) {
    auto out = std::make_unique<Expr>();
    out->op = op;
    out->at = at;
    return out;
  }

  // Sets the depth from the parts; too deep is an error, because evaluation recurses.
  ExprPtr done(ExprPtr node) {
    std::size_t below = node->target != nullptr ? node->target->depth : 0;
    for (const ExprPtr& arg : node->args) {
      below = std::max(below, arg->depth);
    }
    node->depth = below + 1;
    return node->depth > kMaxDepth ? fail(node->at, "the expression is nested too deeply") : std::move(node);
  }

  ExprPtr call(std::string_view function, std::size_t at, ExprPtr first, ExprPtr second = nullptr) {
    ExprPtr out = make(Op::Call, at);
    out->name = function;
    out->args.push_back(std::move(first));
    if (second != nullptr) {
      out->args.push_back(std::move(second));
    }
    return done(std::move(out));
  }

  ExprPtr expression() {
    if (++nesting_ > kMaxDepth) {
      return fail(now().at, "the expression is nested too deeply");
    }
    ExprPtr condition = binary(1);
    const std::size_t at = now().at;
    if (condition != nullptr && accept("?")) {
      ExprPtr yes = binary(1);
      ExprPtr no = yes != nullptr && expect(":") ? expression() : nullptr;
      if (no == nullptr) {
        return nullptr;
      }
      ExprPtr out = call("_?_:_", at, std::move(condition), std::move(yes));
      if (out == nullptr) {
        return nullptr;
      }
      out->args.push_back(std::move(no));
      condition = done(std::move(out));
    }
    --nesting_;
    return condition;
  }

  const Binary* binaryAt(int level) const {
    if (now().kind != TokenKind::Symbol && !(now().kind == TokenKind::Ident && now().text == "in")) {
      return nullptr;
    }
    auto found = std::find_if(kBinary.begin(), kBinary.end(),
                              [&](const Binary& one) { return one.symbol == now().text && one.level == level; });
    return found == kBinary.end() ? nullptr : &*found;
  }

  ExprPtr binary(int level) {
    if (level > 5) {
      return unary();
    }
    ExprPtr left = binary(level + 1);
    while (left != nullptr) {
      const Binary* found = binaryAt(level);
      if (found == nullptr) {
        break;
      }
      const std::size_t at = now().at;
      ++pos_;
      ExprPtr right = binary(level + 1);
      left = right == nullptr ? nullptr : call(found->function, at, std::move(left), std::move(right));
    }
    return left;
  }

  ExprPtr unary() {
    const std::size_t at = now().at;
    if (++nesting_ > kMaxDepth) {
      return fail(at, "the expression is nested too deeply");
    }
    ExprPtr out;
    if (accept("!")) {
      out = unary();
      out = out == nullptr ? nullptr : call("!_", at, std::move(out));
    } else if (accept("-")) {
      out = negated(at);
    } else {
      out = member(true);
    }
    --nesting_;
    return out;
  }

  ExprPtr negated(std::size_t at) {
    const Token& next = now();
    if (next.kind == TokenKind::Literal && (next.value.kind == Kind::Int || next.value.kind == Kind::Double)) {
      ExprPtr literal = member(false);
      if (literal != nullptr && literal->op == Op::Literal) {
        Value& value = literal->literal;
        value.i = value.kind == Kind::Int ? static_cast<std::int64_t>(~static_cast<std::uint64_t>(value.i) + 1) : 0;
        value.d = -value.d;
        return literal;
      }
      return literal == nullptr ? nullptr : call("-_", at, std::move(literal));
    }
    ExprPtr inner = unary();
    return inner == nullptr ? nullptr : call("-_", at, std::move(inner));
  }

  ExprPtr member(bool positive) {
    ExprPtr out = primary(positive);
    while (out != nullptr) {
      const std::size_t at = now().at;
      if (is(".") || is(".?")) {
        out = select(std::move(out), at);
      } else if (accept("[")) {
        ExprPtr index = expression();
        if (index == nullptr || !expect("]")) {
          return nullptr;
        }
        out = call("_[_]", at, std::move(out), std::move(index));
      } else {
        break;
      }
    }
    return out;
  }

  ExprPtr select(ExprPtr target, std::size_t at) {
    const bool optional = is(".?");
    ++pos_;
    if (now().kind != TokenKind::Ident) {
      return unexpected("a field name");
    }
    const std::string name = now().text;
    if (std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end()) {
      return fail(now().at, cat("Syntax error: '", name, "' is a reserved word; write __", name, "__"));
    }
    ++pos_;
    if (!optional && is("(")) {
      return memberCall(std::move(target), name, at);
    }
    ExprPtr out = make(Op::Select, at);
    out->name = name;
    out->target = std::move(target);
    out->optional = optional;
    return done(std::move(out));
  }

  ExprPtr memberCall(ExprPtr target, const std::string& name, std::size_t at) {
    std::vector<ExprPtr> args;
    ++pos_;
    if (!list(args, ")")) {
      return nullptr;
    }
    if (isFold(name, args.size())) {
      return fold(std::move(target), name, std::move(args), at);
    }
    ExprPtr out = make(Op::Call, at);
    out->name = name;
    out->target = std::move(target);
    out->args = std::move(args);
    return done(std::move(out));
  }

  static bool isFold(std::string_view name, std::size_t args) {
    return (args == 2 &&
            (name == "all" || name == "exists" || name == "exists_one" || name == "filter" || name == "map")) ||
           (args == 3 && name == "map");
  }

  ExprPtr fold(ExprPtr target, std::string_view name, std::vector<ExprPtr> args, std::size_t at) {
    if (args[0]->op != Op::Ident) {
      return fail(args[0]->at, "argument must be a simple name");
    }
    ExprPtr out = make(Op::Fold, at);
    out->fold = name == "all"          ? Fold::All
                : name == "exists"     ? Fold::Exists
                : name == "exists_one" ? Fold::ExistsOne
                : name == "filter"     ? Fold::Filter
                                       : Fold::Map;
    out->name = args[0]->name;
    out->target = std::move(target);
    // A map without condition keeps everything: its arguments are only the transformation.
    out->args.assign(std::make_move_iterator(args.begin() + 1), std::make_move_iterator(args.end()));
    return done(std::move(out));
  }

  // Expressions up to `end`, a comma behind the last one allowed.
  bool list(std::vector<ExprPtr>& out, std::string_view end) {
    while (!accept(end)) {
      ExprPtr item = expression();
      if (item == nullptr) {
        return false;
      }
      out.push_back(std::move(item));
      if (!is(end) && !expect(",")) {
        return false;
      }
    }
    return true;
  }

  ExprPtr primary(bool positive) {
    const Token token = now();
    if (token.kind == TokenKind::Literal) {
      if (positive && token.value.kind == Kind::Int && token.value.i == std::numeric_limits<std::int64_t>::min()) {
        return fail(token.at, "invalid int literal");
      }
      ++pos_;
      return literal(token.value, token.at);
    }
    if (accept("(")) {
      ExprPtr inner = expression();
      return inner != nullptr && expect(")") ? std::move(inner) : nullptr;
    }
    if (accept("[")) {
      ExprPtr out = make(Op::List, token.at);
      return list(out->args, "]") ? done(std::move(out)) : nullptr;
    }
    if (accept("{")) {
      return mapLiteral(token.at);
    }
    accept(".");  // a name from the outermost scope; there is only one
    if (now().kind != TokenKind::Ident) {
      return unexpected("an expression");
    }
    return name();
  }

  static ExprPtr literal(Value value, std::size_t at) {
    ExprPtr out = make(Op::Literal, at);
    out->literal = std::move(value);
    return out;
  }

  ExprPtr mapLiteral(std::size_t at) {
    ExprPtr out = make(Op::Map, at);
    while (!accept("}")) {
      ExprPtr key = expression();
      ExprPtr value = key != nullptr && expect(":") ? expression() : nullptr;
      if (value == nullptr) {
        return nullptr;
      }
      out->args.push_back(std::move(key));
      out->args.push_back(std::move(value));
      if (!is("}") && !expect(",")) {
        return nullptr;
      }
    }
    return done(std::move(out));
  }

  ExprPtr name() {
    const Token token = now();
    ++pos_;
    if (token.text == "true" || token.text == "false") {
      return literal(Value::boolean(token.text == "true"), token.at);
    }
    if (token.text == "null") {
      return literal(Value::null(), token.at);
    }
    if (std::find(kReserved.begin(), kReserved.end(), token.text) != kReserved.end()) {
      return fail(token.at, cat("Syntax error: '", token.text, "' is a reserved word"));
    }
    if (!accept("(")) {
      ExprPtr out = make(Op::Ident, token.at);
      out->name = token.text;
      return out;
    }
    ExprPtr out = make(Op::Call, token.at);
    out->name = token.text;
    if (!list(out->args, ")")) {
      return nullptr;
    }
    return token.text == "has" ? has(std::move(out)) : done(std::move(out));
  }

  ExprPtr has(ExprPtr call) {
    if (call->args.size() != 1 || call->args[0]->op != Op::Select || call->args[0]->optional) {
      return fail(call->at, "invalid argument to has() macro");
    }
    ExprPtr out = std::move(call->args[0]);
    out->op = Op::Has;
    return out;
  }

  std::vector<Token> tokens_;
  std::size_t pos_ = 0;
  std::size_t nesting_ = 0;
  std::string error_;
  std::size_t errorAt_ = 0;
};

}  // namespace

Result<ExprPtr> parse(std::string_view text, std::size_t& errorAt) {
  if (text.size() > kMaxText) {
    return Status(Code::Invalid, cat("the expression has more than ", kMaxText, " bytes"));
  }
  Result<std::vector<Token>> tokens = tokenize(text, errorAt);
  if (!tokens) {
    return tokens.status();
  }
  Parser parser(*std::move(tokens));
  ExprPtr out = parser.run();
  if (out == nullptr) {
    errorAt = parser.errorAt();
    return Status(Code::Invalid, parser.error());
  }
  return out;
}

}  // namespace slipway::cel
