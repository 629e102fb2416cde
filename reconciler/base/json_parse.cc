#include <unordered_set>

#include <simdjson.h>

#include "reconciler/base/json.h"
#include "reconciler/base/json_part.h"

namespace slipway {
namespace {

namespace dom = simdjson::dom;

class Converter {
 public:
  explicit Converter(const JsonParseOptions& options, std::string_view without = {})
      : options_(options), without_(without) {}

  // False when the nesting is deeper than allowed.
  bool convert(dom::element element, Json& out, std::size_t depth) {
    if (depth > options_.maxDepth) {
      return false;
    }
    switch (element.type()) {
      case dom::element_type::ARRAY:
        return array(element.get_array().value_unsafe(), out, depth);
      case dom::element_type::OBJECT:
        return object(element.get_object().value_unsafe(), out, depth);
      case dom::element_type::INT64:
        out = element.get_int64().value_unsafe();
        return true;
      case dom::element_type::UINT64:
        out = Json(std::uint64_t{element.get_uint64().value_unsafe()});
        return true;
      case dom::element_type::DOUBLE:
        out = element.get_double().value_unsafe();
        return true;
      case dom::element_type::STRING:
        out = Json(std::string_view(element.get_string().value_unsafe()));
        return true;
      case dom::element_type::BOOL:
        out = element.get_bool().value_unsafe();
        return true;
      case dom::element_type::NULL_VALUE:
        out = nullptr;
        return true;
    }
    return false;
  }

 private:
  bool array(dom::array source, Json& out, std::size_t depth) {
    Json::Array items;
    items.reserve(source.size());
    const std::size_t mark = path_.size();
    std::size_t index = 0;
    for (dom::element element : source) {
      if (options_.duplicates != nullptr) {
        path_ += "[" + std::to_string(index++) + "]";
      }
      if (!convert(element, items.emplace_back(), depth + 1)) {
        return false;
      }
      path_.resize(mark);
    }
    out = std::move(items);
    return true;
  }

  bool object(dom::object source, Json& out, std::size_t depth) {
    JsonObject members;
    members.reserve(source.size());
    // Linear look-ups would make an object of many members quadratic: outside input decides how many there are.
    std::unordered_set<std::string_view> seen;
    const bool hashed = source.size() > 16;
    const std::size_t mark = path_.size();
    for (auto [key, element] : source) {
      if (!without_.empty() && key == without_) {
        continue;
      }
      if (options_.duplicates != nullptr) {
        path_ += (path_.empty() ? "" : ".") + std::string(key);
      }
      const bool known = hashed ? !seen.insert(key).second : members.contains(key);
      Json value;
      if (!convert(element, value, depth + 1)) {
        return false;
      }
      if (!known) {
        members.append(std::string(key), std::move(value));
      } else {
        members.set(key, std::move(value));
        if (options_.duplicates != nullptr) {
          options_.duplicates->push_back(path_);
        }
      }
      path_.resize(mark);
    }
    out = std::move(members);
    return true;
  }

  const JsonParseOptions& options_;
  const std::string_view without_;
  std::string path_;
};

Result<Json> converted(std::string_view text, const JsonParseOptions& options, std::string_view without) {
  dom::parser parser;
  dom::element element;
  if (auto error = parser.parse(text.data(), text.size(), true).get(element)) {
    return Status(Code::Invalid, std::string("malformed JSON: ") + simdjson::error_message(error));
  }
  Json out;
  if (!Converter(options, without).convert(element, out, 1)) {
    return Status(Code::Invalid, "malformed JSON: nested deeper than " + std::to_string(options.maxDepth) + " levels");
  }
  return out;
}

}  // namespace

Result<Json> parseJson(std::string_view text, const JsonParseOptions& options) { return converted(text, options, {}); }

Result<Json> parseJsonWithout(std::string_view text, std::string_view member) { return converted(text, {}, member); }

}  // namespace slipway
