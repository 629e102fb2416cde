#include "providers/traffic/nginx_text.h"

#include <algorithm>
#include <charconv>

#include "providers/traffic/wanted.h"
#include "reconciler/base/strings.h"

namespace slipway::traffic {
namespace {

constexpr std::string_view kNameMark = "# backend ";

bool isSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Words of nginx's grammar with where they stand; '{', '}' and ';' are words of their own. Comments are passed over.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  struct Word {
    std::string_view text;  // with its quotes
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  std::optional<Word> next() {
    skip();
    if (at_ >= text_.size()) {
      return std::nullopt;
    }
    const std::size_t begin = at_;
    if (isMark(text_[at_])) {
      ++at_;
      return word(begin);
    }
    if (text_[at_] == '"' || text_[at_] == '\'') {
      const char quote = text_[at_++];
      while (at_ < text_.size() && text_[at_] != quote) {
        at_ += text_[at_] == '\\' ? 2 : 1;
      }
      at_ = std::min(at_ + 1, text_.size());
      return word(begin);
    }
    while (at_ < text_.size() && !isSpace(text_[at_]) && text_[at_] != ';' && !opensBlock()) {
      at_ += text_[at_] == '\\' ? 2 : 1;
    }
    at_ = std::min(at_, text_.size());
    return word(begin);
  }

 private:
  static bool isMark(char c) { return c == '{' || c == '}' || c == ';'; }
  // "${name}" is a variable and no block.
  bool opensBlock() {
    if (text_[at_] == '{' && at_ > 0 && text_[at_ - 1] == '$') {
      const std::size_t close = text_.find('}', at_);
      at_ = close == std::string_view::npos ? text_.size() - 1 : close;
      return false;
    }
    return text_[at_] == '{';
  }
  Word word(std::size_t begin) const { return {text_.substr(begin, at_ - begin), begin, at_}; }
  void skip() {
    while (at_ < text_.size()) {
      if (isSpace(text_[at_])) {
        ++at_;
      } else if (text_[at_] == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else {
        return;
      }
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::string unquoted(std::string_view word) {
  const bool quoted = word.size() >= 2 && (word.front() == '"' || word.front() == '\'') && word.back() == word.front();
  return std::string(quoted ? word.substr(1, word.size() - 2) : word);
}

// "server ADDRESS PARAMETER...", without the semicolon.
NginxServer serverOf(const std::vector<std::string>& words) {
  NginxServer out;
  out.state.weight = 1;
  TrafficBackend& backend = out.state.backend;
  if (!parseHostPort(words[1], backend)) {
    backend = {.name = "", .address = words[1], .port = words[1].starts_with("unix:") ? 0 : 80};
  }
  backend.name = words[1];
  bool down = false;
  for (std::size_t i = 2; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word.starts_with("weight=")) {
      std::from_chars(word.data() + 7, word.data() + word.size(), out.state.weight);
    } else if (word == "down") {
      down = true;
    } else {
      out.options += cat(out.options.empty() ? "" : " ", word);
    }
  }
  out.state.weight = down ? 0 : out.state.weight;
  return out;
}

// A remark right after a directive that tells the backend's name. Moves `end` past it.
std::string remarkedName(std::string_view body, std::size_t& end) {
  std::size_t at = end;
  while (at < body.size() && (body[at] == ' ' || body[at] == '\t')) {
    ++at;
  }
  if (body.substr(at, kNameMark.size()) != kNameMark) {
    return {};
  }
  const std::size_t line = std::min(body.find('\n', at), body.size());
  end = line;
  return std::string(trim(body.substr(at + kNameMark.size(), line - at - kNameMark.size())));
}

// From the start of its line, where nothing else stands before it there.
std::size_t withIndentation(std::string_view body, std::size_t begin) {
  std::size_t at = begin;
  while (at > 0 && (body[at - 1] == ' ' || body[at - 1] == '\t')) {
    --at;
  }
  return at > 0 && body[at - 1] == '\n' ? at : begin;
}

void cutBody(std::string_view body, NginxUpstream& out) {
  Scanner scanner(body);
  std::vector<std::string> words;
  std::size_t begin = 0;
  std::size_t kept = 0;
  while (const auto word = scanner.next()) {
    if (word->text != ";") {
      begin = words.empty() ? word->begin : begin;
      words.push_back(unquoted(word->text));
      continue;
    }
    if (words.size() >= 2 && words.front() == "server") {
      NginxServer server = serverOf(words);
      std::size_t end = word->end;
      if (const std::string name = remarkedName(body, end); !name.empty()) {
        server.state.backend.name = name;
      }
      end += end < body.size() && body[end] == '\n' ? 1 : 0;
      out.rest.emplace_back(body.substr(kept, withIndentation(body, begin) - kept));
      out.servers.push_back(std::move(server));
      kept = end;
    }
    words.clear();
  }
  out.rest.emplace_back(body.substr(kept));
}

std::string line(const BackendState& state, const std::string& options) {
  const std::string weight = state.weight == 0 ? " down" : cat(" weight=", state.weight);
  return cat("    server ", hostPort(state.backend), weight, options.empty() ? "" : " ", options, "; ", kNameMark,
             state.backend.name, "\n");
}

}  // namespace

Result<std::optional<NginxUpstream>> findNginxUpstream(std::string_view file, const std::string& name) {
  Scanner scanner(file);
  std::vector<Scanner::Word> words;
  std::optional<NginxUpstream> found;
  while (const auto word = scanner.next()) {
    const bool opens = word->text == "{";
    if (!opens && word->text != "}" && word->text != ";") {
      words.push_back(*word);
      continue;
    }
    const bool ours = opens && words.size() == 2 && words[0].text == "upstream" && unquoted(words[1].text) == name;
    const std::size_t begin = words.empty() ? word->begin : words.front().begin;
    words.clear();
    if (!ours) {
      continue;
    }
    if (found) {
      return Status(Code::Invalid, cat("upstream ", name, " is there twice"));
    }
    std::optional<Scanner::Word> close = scanner.next();
    while (close && close->text != "}") {
      close = scanner.next();
    }
    if (!close) {
      return Status(Code::Invalid, cat("upstream ", name, " is not closed"));
    }
    NginxUpstream& out = found.emplace();
    out.before = file.substr(0, begin);
    out.block = file.substr(begin, close->end - begin);
    out.after = file.substr(close->end);
    cutBody(file.substr(word->end, close->begin - word->end), out);
  }
  return found;
}

std::string withNginxServers(const NginxUpstream& upstream, const std::string& name,
                             const std::vector<BackendState>& backends) {
  std::string lines;
  for (const BackendState& state : backends) {
    const auto old = std::find_if(upstream.servers.begin(), upstream.servers.end(), [&](const NginxServer& server) {
      const std::string& known = server.state.backend.name;
      return known == state.backend.name || known == hostPort(state.backend);
    });
    lines += line(state, old == upstream.servers.end() ? std::string() : old->options);
  }
  if (upstream.rest.empty()) {
    return cat("upstream ", name, " {\n", lines, "}");
  }
  // Where the first server stood; without one, at the end.
  std::string out = cat("upstream ", name, " {", upstream.rest.front());
  if (!out.ends_with('\n')) {
    out += '\n';
  }
  out += lines;
  for (std::size_t i = 1; i < upstream.rest.size(); ++i) {
    out += upstream.rest[i];
  }
  return out + "}";
}

}  // namespace slipway::traffic
