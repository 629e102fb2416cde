#include "reconciler/apiserver/list_selector.h"

#include <algorithm>
#include <charconv>

#include "reconciler/base/strings.h"

namespace slipway::apiserver {

// a=b, a==b, a!=b, a in (x,y), a notin (x), a, !a, a>1, a<1, joined by commas.
class ListSelector::LabelParser {
 public:
  explicit LabelParser(std::string_view text) : text_(text) {}

  ApiResult<std::vector<Requirement>> run() {
    std::vector<Requirement> out;
    skipSpace();
    if (at_ == text_.size()) {
      return out;
    }
    while (true) {
      Requirement requirement;
      if (!one(requirement)) {
        return badRequest(
            cat("unable to parse requirement: found '", text_.substr(at_), "' in selector '", text_, "'"));
      }
      out.push_back(std::move(requirement));
      skipSpace();
      if (at_ == text_.size()) {
        return out;
      }
      if (!take(",")) {
        return badRequest(
            cat("unable to parse requirement: found '", text_.substr(at_), "', expected: ',' or 'end of string'"));
      }
    }
  }

 private:
  static bool isWord(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == '/';
  }
  void skipSpace() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) {
      ++at_;
    }
  }
  bool take(std::string_view token) {
    skipSpace();
    if (!text_.substr(at_).starts_with(token)) {
      return false;
    }
    at_ += token.size();
    return true;
  }
  std::string word() {
    skipSpace();
    const std::size_t from = at_;
    while (at_ < text_.size() && isWord(text_[at_])) {
      ++at_;
    }
    return std::string(text_.substr(from, at_ - from));
  }
  bool one(Requirement& out) {
    const bool missing = take("!");
    out.key = word();
    if (out.key.empty()) {
      return false;
    }
    if (missing) {
      out.op = Operator::Missing;
      return true;
    }
    skipSpace();
    if (at_ == text_.size() || text_[at_] == ',') {
      out.op = Operator::Exists;
      return true;
    }
    if (take("!=")) {
      out.op = Operator::NotIn;
      out.values = {word()};
      return true;
    }
    if (take("==") || take("=")) {
      out.values = {word()};
      return true;
    }
    if (take(">") || take("<")) {
      out.op = text_[at_ - 1] == '>' ? Operator::Greater : Operator::Less;
      out.values = {word()};
      return !out.values.front().empty();
    }
    const std::string name = word();
    out.op = name == "notin" ? Operator::NotIn : Operator::In;
    return (name == "in" || name == "notin") && set(out.values);
  }
  bool set(std::vector<std::string>& out) {
    if (!take("(")) {
      return false;
    }
    do {
      out.push_back(word());
    } while (take(","));
    return take(")");
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

ApiResult<ListSelector> ListSelector::parse(const ResourceInfo& resource, std::string_view labels,
                                            std::string_view fields) {
  ListSelector selector;
  auto requirements = LabelParser(labels).run();
  if (!requirements) {
    return requirements.error();
  }
  selector.labels_ = *std::move(requirements);
  if (auto error = selector.parseFields(resource, fields)) {
    return *error;
  }
  return selector;
}

ApiCheck ListSelector::parseFields(const ResourceInfo& resource, std::string_view text) {
  for (const std::string& piece : split(text, ',')) {
    if (trim(piece).empty()) {
      continue;
    }
    const std::size_t equals = piece.find('=');
    if (equals == std::string::npos || equals == 0) {
      return badRequest(cat("invalid selector: '", text, "'; can't understand '", piece, "'"));
    }
    const bool negated = piece[equals - 1] == '!';
    Requirement requirement;
    requirement.key = std::string(trim(std::string_view(piece).substr(0, negated ? equals - 1 : equals)));
    requirement.op = negated ? Operator::NotIn : Operator::In;
    const std::size_t from = equals + (!negated && piece.substr(equals + 1).starts_with('=') ? 2 : 1);
    requirement.values = {std::string(trim(std::string_view(piece).substr(from)))};
    const bool known =
        requirement.key == "metadata.name" || (requirement.key == "metadata.namespace" && resource.namespaced) ||
        std::any_of(resource.selectableFields.begin(), resource.selectableFields.end(),
                    [&](const std::string& path) { return path == requirement.key || path == "." + requirement.key; });
    if (!known) {
      return badRequest("field label not supported: " + requirement.key);
    }
    if (requirement.key == "metadata.name" && !negated) {
      name_ = requirement.values.front();
    }
    fields_.push_back(std::move(requirement));
  }
  return std::nullopt;
}

bool ListSelector::satisfies(const Requirement& requirement, const std::string* value) {
  const auto& values = requirement.values;
  switch (requirement.op) {
    case Operator::In:
      return value != nullptr && std::find(values.begin(), values.end(), *value) != values.end();
    case Operator::NotIn:
      return value == nullptr || std::find(values.begin(), values.end(), *value) == values.end();
    case Operator::Exists:
      return value != nullptr;
    case Operator::Missing:
      return value == nullptr;
    case Operator::Greater:
    case Operator::Less: {
      std::int64_t left = 0;
      std::int64_t right = 0;
      if (value == nullptr || std::from_chars(value->data(), value->data() + value->size(), left).ec != std::errc() ||
          std::from_chars(values[0].data(), values[0].data() + values[0].size(), right).ec != std::errc()) {
        return false;
      }
      return requirement.op == Operator::Greater ? left > right : left < right;
    }
  }
  return false;
}

bool ListSelector::matches(const StoredObject& object) const {
  const auto lookup = [](const TextPairs& pairs, const std::string& key) -> const std::string* {
    for (const auto& [name, value] : pairs) {
      if (name == key) {
        return &value;
      }
    }
    return nullptr;
  };
  static const std::string kEmpty;
  for (const Requirement& requirement : labels_) {
    if (!satisfies(requirement, lookup(object.labels, requirement.key))) {
      return false;
    }
  }
  for (const Requirement& requirement : fields_) {
    const std::string* value = requirement.key == "metadata.name"        ? &object.key.name
                               : requirement.key == "metadata.namespace" ? &object.key.ns
                                                                         : lookup(object.fields, requirement.key);
    if (!satisfies(requirement, value == nullptr ? &kEmpty : value)) {
      return false;
    }
  }
  return true;
}

}  // namespace slipway::apiserver
