#include "tests/sim/host/shell.h"

#include <cctype>
#include <charconv>
#include <optional>
#include <utility>

#include "reconciler/base/strings.h"

namespace slipway::sim {

struct ShellCommand {
  enum class Kind { Simple, Sequence, And, Or, While, Subshell, Background } kind = Kind::Simple;
  std::vector<std::string> words;  // as written, quotes and all
  std::string redirect;            // where output goes; empty: nowhere else
  bool appends = false;
  std::vector<std::shared_ptr<const ShellCommand>> parts;
};

namespace {

using CommandPtr = std::shared_ptr<const ShellCommand>;

bool isNameChar(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Words and operators of a script; a word keeps its quotes.
std::vector<std::string> tokens(const std::string& text) {
  std::vector<std::string> out;
  std::size_t i = 0;
  const auto skipTo = [&](char close, bool nested) {
    int depth = 1;
    while (++i < text.size() && depth > 0) {
      if (nested && text[i] == '(') ++depth;
      if (text[i] == close) --depth;
      if (depth == 0) return;
    }
  };
  while (i < text.size()) {
    const char c = text[i];
    if (c == ' ' || c == '\t') {
      ++i;
    } else if (c == '\n' || c == ';' || c == '(' || c == ')') {
      out.emplace_back(1, c == '\n' ? ';' : c);
      ++i;
    } else if (c == '&' || c == '|' || c == '>') {
      const bool two = i + 1 < text.size() && text[i + 1] == c;
      out.emplace_back(two ? 2 : 1, c);
      i += two ? 2 : 1;
    } else {
      const std::size_t from = i;
      while (i < text.size() && std::string_view(" \t\n;&|>()").find(text[i]) == std::string_view::npos) {
        if (text[i] == '\'') {
          skipTo('\'', false);
        } else if (text[i] == '"') {
          skipTo('"', false);
        } else if (text[i] == '$' && i + 1 < text.size() && text[i + 1] == '(') {
          ++i;
          skipTo(')', true);
        }
        ++i;
      }
      i = std::min(i, text.size());
      out.push_back(text.substr(from, i - from));
    }
  }
  return out;
}

class Parser {
 public:
  explicit Parser(const std::string& text) : tokens_(tokens(text)) {}

  CommandPtr list(const std::vector<std::string_view>& ends) {
    auto out = std::make_shared<ShellCommand>();
    out->kind = ShellCommand::Kind::Sequence;
    while (at_ < tokens_.size() && !isOne(ends)) {
      if (tokens_[at_] == ";") {
        ++at_;
        continue;
      }
      CommandPtr one = andOr();
      if (at_ < tokens_.size() && tokens_[at_] == "&") {
        ++at_;
        auto behind = std::make_shared<ShellCommand>();
        behind->kind = ShellCommand::Kind::Background;
        behind->parts = {one};
        one = behind;
      }
      out->parts.push_back(one);
    }
    return out;
  }

 private:
  bool isOne(const std::vector<std::string_view>& ends) const {
    for (const std::string_view end : ends) {
      if (tokens_[at_] == end) return true;
    }
    return false;
  }

  CommandPtr andOr() {
    CommandPtr left = command();
    while (at_ < tokens_.size() && (tokens_[at_] == "&&" || tokens_[at_] == "||")) {
      auto out = std::make_shared<ShellCommand>();
      out->kind = tokens_[at_++] == "&&" ? ShellCommand::Kind::And : ShellCommand::Kind::Or;
      out->parts = {left, command()};
      left = out;
    }
    return left;
  }

  CommandPtr command() {
    auto out = std::make_shared<ShellCommand>();
    if (at_ < tokens_.size() && tokens_[at_] == "(") {
      ++at_;
      out->kind = ShellCommand::Kind::Subshell;
      out->parts = {list({")"})};
      ++at_;
    } else if (at_ < tokens_.size() && tokens_[at_] == "while") {
      ++at_;
      out->kind = ShellCommand::Kind::While;
      out->parts = {list({"do"})};
      ++at_;
      out->parts.push_back(list({"done"}));
      ++at_;
    } else {
      simple(*out);
    }
    return out;
  }

  void simple(ShellCommand& out) {
    while (at_ < tokens_.size() && !isOne({";", "&", "&&", "||", ")", "|"})) {
      if (tokens_[at_] == ">" || tokens_[at_] == ">>") {
        out.appends = tokens_[at_] == ">>";
        out.redirect = at_ + 1 < tokens_.size() ? tokens_[at_ + 1] : std::string();
        at_ += 2;
      } else {
        out.words.push_back(tokens_[at_++]);
      }
    }
    if (at_ < tokens_.size() && tokens_[at_] == "|") {
      ++at_;  // pipes are not known: what follows fails as an unknown program
      out.words = {"|"};
    }
  }

  std::vector<std::string> tokens_;
  std::size_t at_ = 0;
};

std::int64_t number(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Duration seconds(const std::string& text) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(std::strtod(text.c_str(), nullptr)));
}

}  // namespace

ShellProcess::ShellProcess(Machine& machine, Start start)
    : machine_(machine), start_(std::move(start)), pid_(machine.newPid()) {}

ShellProcess::~ShellProcess() = default;

void ShellProcess::run() {
  machine_.setRunning(pid_, true);
  if (!machine_.files().isDirectory(start_.directory)) {
    finish(126);
    return;
  }
  const auto self = shared_from_this();
  exec(Parser(start_.text).list({}), {start_.directory, start_.output}, [self](int code) { self->finish(code); });
}

void ShellProcess::kill() {
  dead_ = true;
  for (const auto& child : children_) {
    machine_.setRunning(child->pid, false);
  }
  finish(143);
}

void ShellProcess::finish(int code) {
  if (std::exchange(ended_, true)) {
    return;
  }
  machine_.setRunning(pid_, false);
  if (start_.done) {
    start_.done(code);
  }
}

void ShellProcess::exec(const CommandPtr& command, const Frame& frame, Then then) {
  if (dead_ || exiting_) {
    return;
  }
  const auto self = shared_from_this();
  switch (command->kind) {
    case ShellCommand::Kind::Simple:
      simple(*command, frame, std::move(then));
      break;
    case ShellCommand::Kind::Sequence:
      sequence(command, 0, frame, std::move(then));
      break;
    case ShellCommand::Kind::Subshell:
      exec(command->parts[0], frame, std::move(then));
      break;
    case ShellCommand::Kind::And:
    case ShellCommand::Kind::Or:
      exec(command->parts[0], frame, [self, command, frame, then = std::move(then)](int code) {
        if ((code == 0) == (command->kind == ShellCommand::Kind::And)) {
          self->exec(command->parts[1], frame, then);
        } else {
          then(code);
        }
      });
      break;
    case ShellCommand::Kind::While:
      loop(command, frame, std::move(then));
      break;
    case ShellCommand::Kind::Background:
      background(command, frame, then);
      break;
  }
}

void ShellProcess::sequence(const CommandPtr& command, std::size_t at, const Frame& frame, Then then) {
  if (at == command->parts.size()) {
    then(0);
    return;
  }
  const auto self = shared_from_this();
  exec(command->parts[at], frame, [self, command, at, frame, then = std::move(then)](int code) {
    if (at + 1 == command->parts.size()) {
      then(code);
    } else {
      self->sequence(command, at + 1, frame, then);
    }
  });
}

void ShellProcess::loop(const CommandPtr& command, const Frame& frame, Then then) {
  const auto self = shared_from_this();
  exec(command->parts[0], frame, [self, command, frame, then = std::move(then)](int code) {
    if (code != 0) {
      then(0);
      return;
    }
    self->exec(command->parts[1], frame, [self, command, frame, then](int) { self->loop(command, frame, then); });
  });
}

void ShellProcess::background(const CommandPtr& command, const Frame& frame, const Then& then) {
  const auto child = std::make_shared<Child>();
  child->pid = machine_.newPid();
  lastChild_ = child->pid;
  children_.push_back(child);
  machine_.setRunning(child->pid, true);
  const auto self = shared_from_this();
  exec(command->parts[0], frame, [self, child](int) {
    child->running = false;
    self->machine_.setRunning(child->pid, false);
    for (const Then& waiter : std::exchange(self->waiting_, {})) {
      self->waitForChildren(waiter);
    }
  });
  then(0);
}

void ShellProcess::waitForChildren(const Then& then) {
  for (const auto& child : children_) {
    if (child->running) {
      waiting_.push_back(then);
      return;
    }
  }
  then(0);
}

void ShellProcess::simple(const ShellCommand& command, const Frame& frame, Then then) {
  std::vector<std::string> words;
  for (const std::string& word : command.words) {
    const std::size_t equals = word.find('=');
    const bool assigns = words.empty() && equals != std::string::npos && equals > 0 &&
                         std::all_of(word.begin(), word.begin() + static_cast<std::ptrdiff_t>(equals), isNameChar);
    if (assigns) {
      start_.env[word.substr(0, equals)] = expand(word.substr(equals + 1), frame);
    } else {
      words.push_back(expand(word, frame));
    }
  }
  if (words.empty()) {
    then(0);
    return;
  }
  Frame inside = frame;
  if (!command.redirect.empty()) {
    const std::string path = pathOf(expand(command.redirect, frame), frame);
    const bool opened = command.appends ? machine_.files().append(path, "") : machine_.files().write(path, "", false);
    if (!opened) {
      frame.output(cat("sh: cannot create ", path, "\n"));
      then(2);
      return;
    }
    inside.output = [this, path](std::string_view text) { machine_.files().append(path, text); };
  }
  if (words[0] == "exit") {
    exiting_ = true;
    finish(words.size() > 1 ? static_cast<int>(number(words[1])) : 0);
  } else if (words[0] == "sleep") {
    machine_.after(seconds(words.size() > 1 ? words[1] : "0"), [self = shared_from_this(), then = std::move(then)] {
      if (!self->dead_) then(0);
    });
  } else if (words[0] == "wait") {
    waitForChildren(then);
  } else {
    then(builtin(words, inside));
  }
}

int ShellProcess::builtin(const std::vector<std::string>& words, const Frame& frame) {
  Files& files = machine_.files();
  const std::string& name = words[0];
  const std::vector<std::string> rest(words.begin() + 1, words.end());
  if (name == "true" || name == ":") {
    return 0;
  }
  if (name == "false") {
    return 1;
  }
  if (name == "echo") {
    frame.output(cat(join(rest, " "), "\n"));
    return 0;
  }
  if (name == "pwd") {
    frame.output(cat(frame.directory, "\n"));
    return 0;
  }
  if (name == "test" || name == "[") {
    return test(rest, frame);
  }
  for (const std::string& word : rest) {
    const std::string path = pathOf(word, frame);
    if (name == "cat") {
      const auto content = files.read(path);
      if (!content) {
        frame.output(cat("cat: ", word, ": No such file or directory\n"));
        return 1;
      }
      frame.output(*content);
    } else if (name == "touch") {
      if (!files.append(path, "")) return 1;
    } else if (name == "rm") {
      if (word.front() != '-') files.remove(path);
    } else if (name == "mkdir") {
      if (word.front() != '-' && !files.makeDirectories(path)) return 1;
    } else {
      break;
    }
  }
  if (name == "cat" || name == "touch" || name == "rm" || name == "mkdir") {
    return 0;
  }
  frame.output(cat("sh: ", name, ": not found\n"));
  return 127;
}

int ShellProcess::test(std::vector<std::string> words, const Frame& frame) const {
  if (!words.empty() && words.back() == "]") {
    words.pop_back();
  }
  Files& files = machine_.files();
  if (words.size() == 3 && words[0] == "!") {
    return test({words[1], words[2]}, frame) == 0 ? 1 : 0;
  }
  bool holds = false;
  if (words.size() == 2) {
    const std::string path = pathOf(words[1], frame);
    holds = words[0] == "-e"   ? files.exists(path)
            : words[0] == "-f" ? files.isFile(path)
            : words[0] == "-d" ? files.isDirectory(path)
            : words[0] == "-n" ? !words[1].empty()
                               : words[0] == "-z" && words[1].empty();
  } else if (words.size() == 3) {
    holds = words[1] == "="     ? words[0] == words[2]
            : words[1] == "!="  ? words[0] != words[2]
            : words[1] == "-lt" ? number(words[0]) < number(words[2])
            : words[1] == "-gt" ? number(words[0]) > number(words[2])
                                : words[1] == "-eq" && number(words[0]) == number(words[2]);
  }
  return holds ? 0 : 1;
}

std::string ShellProcess::variable(const std::string& name) const {
  if (name == "$") {
    return std::to_string(pid_);
  }
  if (name == "!") {
    return std::to_string(lastChild_);
  }
  const auto found = start_.env.find(name);
  return found == start_.env.end() ? std::string() : found->second;
}

std::string ShellProcess::expand(const std::string& word, const Frame& frame) {
  std::string out;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (word[i] == '\'') {
      const std::size_t end = std::min(word.find('\'', i + 1), word.size());
      out += word.substr(i + 1, end - i - 1);
      i = end;
    } else if (word[i] == '\\' && i + 1 < word.size()) {
      out += word[++i];
    } else if (word[i] == '$' && i + 1 < word.size()) {
      if (word[i + 1] == '(') {
        std::size_t end = i + 2;
        for (int depth = 1; end < word.size() && depth > 0; ++end) {
          depth += word[end] == '(' ? 1 : word[end] == ')' ? -1 : 0;
        }
        out += substitute(word.substr(i + 2, end - i - 3), frame);
        i = end - 1;
      } else if (!isNameChar(word[i + 1])) {
        out += variable(std::string(1, word[++i]));
      } else {
        std::size_t end = i + 1;
        while (end < word.size() && isNameChar(word[end])) ++end;
        out += variable(word.substr(i + 1, end - i - 1));
        i = end - 1;
      }
    } else if (word[i] != '"') {
      out += word[i];
    }
  }
  return out;
}

// $(…) and $((…)); what is substituted may not sleep.
std::string ShellProcess::substitute(const std::string& text, const Frame& frame) {
  if (text.starts_with('(')) {
    return std::to_string(arithmetic(text.substr(1, text.size() - 2)));
  }
  std::string out;
  exec(Parser(text).list({}), {frame.directory, [&out](std::string_view piece) { out += piece; }}, [](int) {});
  while (!out.empty() && out.back() == '\n') {
    out.pop_back();
  }
  return out;
}

// Sums and differences of numbers and variables.
std::int64_t ShellProcess::arithmetic(const std::string& text) const {
  std::int64_t value = 0;
  int sign = 1;
  for (std::size_t i = 0; i < text.size();) {
    if (isNameChar(text[i])) {
      std::size_t end = i;
      while (end < text.size() && isNameChar(text[end])) ++end;
      const std::string name = text.substr(i, end - i);
      value += sign * number(std::isdigit(static_cast<unsigned char>(name[0])) != 0 ? name : variable(name));
      i = end;
    } else {
      sign = text[i] == '-' ? -1 : text[i] == '+' ? 1 : sign;
      ++i;
    }
  }
  return value;
}

std::string ShellProcess::pathOf(const std::string& name, const Frame& frame) const {
  return name.starts_with('/') ? name : cat(frame.directory, "/", name);
}

}  // namespace slipway::sim
