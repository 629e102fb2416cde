#include "reconciler/schema/yaml.h"

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "reconciler/base/strings.h"
#include "reconciler/base/utf8.h"
#include "reconciler/schema/document_builder.h"
#include "reconciler/schema/json_text.h"
#include "reconciler/schema/yaml_scalar.h"

namespace slipway::schema {
namespace {

// Part of a stream that holds at most one document.
struct Chunk {
  std::string_view text;
  std::size_t firstLine = 1;
};

bool isMarker(std::string_view line, std::string_view marker) {
  return line.starts_with(marker) && (line.size() == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\r');
}

// A line of three dashes or dots separates documents wherever it stands: it cannot be part of a scalar.
std::vector<Chunk> splitStream(std::string_view text) {
  std::vector<Chunk> chunks;
  std::size_t start = 0;
  std::size_t startLine = 1;
  std::size_t line = 1;
  auto cut = [&](std::size_t at, std::size_t nextLine) {
    if (at > start) {
      chunks.push_back({text.substr(start, at - start), startLine});
    }
    start = at;
    startLine = nextLine;
  };
  for (std::size_t at = 0; at < text.size(); ++line) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view here = text.substr(at, end - at);
    const std::size_t next = std::min(end + 1, text.size());
    if (isMarker(here, "---")) {
      cut(at, line);
    } else if (isMarker(here, "...")) {
      cut(next, line + 1);
    }
    at = next;
  }
  cut(text.size(), line);
  return chunks;
}

// Turns the parser's events into builder calls. Stops it, as the library asks, by throwing its exception.
class EventReader final : public YAML::EventHandler {
 public:
  EventReader(const Chunk& chunk, const YamlOptions& options, YamlDocument& out)
      : chunk_(chunk), options_(options), out_(out), builder_(options, out) {}

  bool sawDocument() const { return documents_ > 0; }
  const YAML::Mark& lastMark() const { return last_; }
  const std::optional<YAML::Mark>& lastQuoted() const { return quoted_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      stop(mark, "text after the end of the document; is it indented less than it should be, or is '---' missing?");
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    last_ = mark;
    if (builder_.wantsKey()) {
      stop(mark, "a key is missing in front of ':'");
    }
    if (builder_.inMap() && !flow_.back() && mark.pos == keyMark_.pos) {
      stop(mark, "':' is missing after this key");
    }
    if (builder_.inList() && at(mark) == ',') {
      stop(mark, "an element is missing in front of ','");
    }
    add(Json(), mark, anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    last_ = mark;
    auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      stop(mark, "this alias stands inside the value that it means");
    }
    const Anchor& meant = found->second;
    if (builder_.wantsKey()) {
      return key(mark, meant.value.isString() ? meant.value : Json());
    }
    aliasBytes_ += meant.bytes;
    if (aliasBytes_ > options_.maxAliasExpansion * options_.maxBytes) {
      stop(mark, "aliases multiply this document too much");
    }
    if (builder_.depth() + meant.depth > options_.maxDepth) {
      stop(mark, cat("nested deeper than ", options_.maxDepth, " levels"));
    }
    check(mark, builder_.copy(meant.value, meant.nodes, position(mark)));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    last_ = mark;
    refuseTag(mark, tag);
    const bool plain = tag != "!";
    if (!plain && at(mark) != '|' && at(mark) != '>') {
      quoted_ = mark;
    }
    if (builder_.wantsKey()) {
      return plain ? plainKey(mark, value) : key(mark, Json(value));
    }
    if (!plain) {
      return add(Json(value), mark, anchor);
    }
    Result<Json> read = plainScalar(value);
    check(mark, read ? std::string() : read.status().message());
    add(*std::move(read), mark, anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    startContainer(mark, tag, anchor, style);
    check(mark, builder_.startList(position(mark)));
  }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    startContainer(mark, tag, anchor, style);
    check(mark, builder_.startMap(position(mark)));
  }

  void OnSequenceEnd() override { endContainer(); }
  void OnMapEnd() override { endContainer(); }

 private:
  struct Anchor {
    Json value;
    std::size_t nodes = 0;
    std::size_t bytes = 0;
    std::size_t depth = 0;
  };

  [[noreturn]] static void stop(const YAML::Mark& mark, const std::string& what) {
    throw YAML::ParserException(mark, what);
  }
  static void check(const YAML::Mark& mark, const std::string& wrong) {
    if (!wrong.empty()) {
      stop(mark, wrong);
    }
  }

  YamlPosition position(const YAML::Mark& mark) const {
    return {chunk_.firstLine + static_cast<std::size_t>(mark.line), static_cast<std::size_t>(mark.column) + 1};
  }
  char at(const YAML::Mark& mark) const {
    const auto pos = static_cast<std::size_t>(mark.pos);
    return pos < chunk_.text.size() ? chunk_.text[pos] : '\0';
  }

  void refuseTag(const YAML::Mark& mark, const std::string& tag) const {
    const bool implicit = tag.empty() || tag == "?" || (tag == "!" && at(mark) != '!');
    if (!implicit) {
      stop(mark,
           cat("tags (", printable(tag), ") are not supported; write the value itself, in quotes if it is a text"));
    }
  }

  void plainKey(const YAML::Mark& mark, const std::string& text) {
    if (text == "<<") {
      stop(mark, "merge keys (<<) are not supported; write the fields out");
    }
    Result<Json> read = plainScalar(text);
    const bool decimal = read && read->isInt() && std::to_string(read->asInt()) == text;
    if (read && read->isBool()) {
      stop(mark, cat("key ", text, " means ", read->asBool() ? "true" : "false", " in YAML; write it in quotes"));
    }
    key(mark, read && (read->isString() || decimal) ? Json(text) : Json());
  }

  // `name` is null where the key is no string.
  void key(const YAML::Mark& mark, const Json& name) {
    if (!name.isString()) {
      stop(mark, "this key is not a string; write it in quotes");
    }
    noteStart(mark);
    keyMark_ = mark;
    check(mark, builder_.key(name.asString(), position(mark)));
  }

  void noteStart(const YAML::Mark& mark) {
    if (!started_) {
      started_ = true;
      out_.line = position(mark).line;
    }
  }

  void add(Json value, const YAML::Mark& mark, YAML::anchor_t anchor) {
    noteStart(mark);
    check(mark, builder_.scalar(std::move(value), position(mark)));
    keep(anchor);
  }

  void startContainer(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                      YAML::EmitterStyle::value style) {
    last_ = mark;
    refuseTag(mark, tag);
    if (builder_.wantsKey()) {
      stop(mark, "this key is not a string; a map or a list cannot be a key");
    }
    noteStart(mark);
    open_.push_back(anchor);
    flow_.push_back(style == YAML::EmitterStyle::Flow);
  }

  void endContainer() {
    builder_.endContainer();
    const YAML::anchor_t anchor = open_.back();
    open_.pop_back();
    flow_.pop_back();
    keep(anchor);
  }

  static void measure(const Json& value, std::size_t depth, Anchor& out) {
    ++out.nodes;
    out.bytes += sizeof(Json);
    out.depth = std::max(out.depth, depth);
    if (value.isString()) {
      out.bytes += value.asString().size();
    } else if (value.isArray()) {
      for (const Json& item : value.asArray()) {
        measure(item, depth + 1, out);
      }
    } else if (value.isObject()) {
      for (const auto& [name, member] : value.asObject()) {
        out.bytes += name.size();
        measure(member, depth + 1, out);
      }
    }
  }

  void keep(YAML::anchor_t anchor) {
    if (anchor == YAML::NullAnchor) {
      return;
    }
    Anchor kept{.value = builder_.last()};
    measure(kept.value, 1, kept);
    // Nested anchors keep copies of copies: they count as aliases do.
    aliasBytes_ += kept.bytes;
    if (aliasBytes_ > options_.maxAliasExpansion * options_.maxBytes) {
      stop(last_, "aliases multiply this document too much");
    }
    anchors_.insert_or_assign(anchor, std::move(kept));
  }

  const Chunk& chunk_;
  const YamlOptions& options_;
  YamlDocument& out_;
  DocumentBuilder builder_;
  std::map<YAML::anchor_t, Anchor> anchors_;
  std::vector<YAML::anchor_t> open_;
  std::vector<bool> flow_;
  std::optional<YAML::Mark> quoted_;
  YAML::Mark last_;
  YAML::Mark keyMark_;
  std::size_t aliasBytes_ = 0;
  int documents_ = 0;
  bool started_ = false;
};

Status wrongAt(const Chunk& chunk, const YAML::Mark& mark, std::string_view what) {
  return {Code::Invalid, cat("line ", chunk.firstLine + static_cast<std::size_t>(std::max(mark.line, 0)), ", column ",
                             std::max(mark.column, 0) + 1, ": ", what)};
}

// The parser takes the end of the text for the end of a quoted scalar: only the last one can be cut off so.
bool isClosed(std::string_view text, std::size_t pos) {
  pos = text.find_first_of("\"'", pos);  // over an anchor
  if (pos == std::string_view::npos) {
    return true;
  }
  const char quote = text[pos];
  for (++pos; pos < text.size(); ++pos) {
    if (quote == '"' && text[pos] == '\\') {
      ++pos;
    } else if (text[pos] == quote) {
      if (quote != '\'' || pos + 1 >= text.size() || text[pos + 1] != '\'') {
        return true;
      }
      ++pos;
    }
  }
  return false;
}

Status readYamlChunk(const Chunk& chunk, const YamlOptions& options, YamlDocument& out, bool& any) {
  EventReader events(chunk, options, out);
  try {
    std::istringstream stream{std::string(chunk.text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(events)) {
    }
  } catch (const YAML::Exception& error) {
    // "End of … not found" names the start of the outermost block: the last value read is nearer to the mistake.
    const YAML::Mark& last = events.lastMark();
    if (error.msg == YAML::ErrorMsg::EOF_IN_SCALAR) {
      return wrongAt(chunk, last, "a quoted text that starts here or behind is not closed");
    }
    return wrongAt(chunk, error.mark.pos >= last.pos ? error.mark : last, error.msg);
  } catch (const std::exception& error) {
    return wrongAt(chunk, events.lastMark(), error.what());
  }
  any = events.sawDocument();
  if (events.lastQuoted() && !isClosed(chunk.text, static_cast<std::size_t>(events.lastQuoted()->pos))) {
    return wrongAt(chunk, *events.lastQuoted(), "the quote that starts here is not closed");
  }
  return Status::ok();
}

// Whether the chunk starts as JSON does, after its "---" line.
std::optional<Chunk> jsonPart(const Chunk& chunk) {
  Chunk rest = chunk;
  if (isMarker(rest.text.substr(0, rest.text.find('\n')), "---")) {
    rest.text.remove_prefix(3);
  }
  const std::size_t start = rest.text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || (rest.text[start] != '{' && rest.text[start] != '[')) {
    return std::nullopt;
  }
  const std::string_view body = rest.text.substr(0, rest.text.find_last_not_of(" \t\r\n") + 1);
  const std::size_t lastLine = body.rfind('\n') + 1;  // 0 where there is one line only
  if (isMarker(body.substr(lastLine), "...")) {
    rest.text = body.substr(0, lastLine);
  }
  return rest;
}

// Whether a chunk that is neither good JSON nor good YAML was probably meant as JSON.
bool meantAsJson(std::string_view text) {
  const std::size_t next = text.find_first_not_of(" \t\r\n{[");
  return next != std::string_view::npos && text[next] == '"';
}

// The parser keeps every token of a line until it knows whether the line's start is a key, so what one line may hold
// bounds its memory.
Status checkLines(const Chunk& chunk, const YamlOptions& options) {
  std::size_t marks = 0;
  std::size_t line = chunk.firstLine;
  for (char c : chunk.text) {
    if (c == '\n') {
      marks = 0;
      ++line;
    } else if (c == '[' || c == '{' || c == ',' || c == ':' || c == '-' || c == '?') {
      ++marks;
    }
    if (marks > 3 * options.maxNodes) {
      return {Code::Invalid, cat("line ", line, ": too many values on one line; break it up")};
    }
  }
  const std::size_t first = chunk.text.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && chunk.text[first] == '%') {
    return {Code::Invalid, cat("line ", chunk.firstLine, ": directives (%) are not supported; remove the line")};
  }
  return Status::ok();
}

Status readChunk(const Chunk& chunk, const YamlOptions& options, std::vector<YamlDocument>& documents) {
  std::string jsonWrong;
  const std::optional<Chunk> json = jsonPart(chunk);
  if (json) {
    YamlDocument document;
    const JsonTextEnd end = readJsonText(json->text, json->firstLine, options, document, jsonWrong);
    if (end == JsonTextEnd::Ok) {
      documents.push_back(std::move(document));
      return Status::ok();
    }
    if (end == JsonTextEnd::TooLarge) {
      return {Code::Invalid, jsonWrong};
    }
  }
  SLIPWAY_RETURN_IF_ERROR(checkLines(chunk, options));
  YamlDocument document;
  bool any = false;
  Status read = readYamlChunk(chunk, options, document, any);
  if (!read) {
    return json && meantAsJson(json->text) ? Status(Code::Invalid, jsonWrong) : read;
  }
  if (any && !document.value.isNull()) {
    documents.push_back(std::move(document));
  }
  return Status::ok();
}

// Line of byte `at`, for messages.
std::size_t lineOf(std::string_view text, std::size_t at) {
  return 1 + static_cast<std::size_t>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

}  // namespace

Result<std::vector<YamlDocument>> parseYaml(std::string_view text, const YamlOptions& options) {
  if (text.size() > options.maxBytes) {
    return Status(Code::Invalid, cat("the text has ", text.size(), " bytes; at most ", options.maxBytes, " are taken"));
  }
  if (text.starts_with("\xEF\xBB\xBF")) {
    text.remove_prefix(3);
  }
  if (const std::size_t bad = findNotText(text); bad != std::string_view::npos) {
    return Status(Code::Invalid, cat("line ", lineOf(text, bad), ": this is not UTF-8 text: byte ",
                                     hexEncode(text.substr(bad, 1)), " at offset ", bad));
  }
  std::vector<YamlDocument> documents;
  for (const Chunk& chunk : splitStream(text)) {
    SLIPWAY_RETURN_IF_ERROR(readChunk(chunk, options, documents));
  }
  return documents;
}

}  // namespace slipway::schema
