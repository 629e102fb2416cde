#include "reconciler/apiserver/patch_document.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "reconciler/base/strings.h"

namespace slipway::apiserver {

namespace {

constexpr std::size_t kMaxOperations = 10'000;

ApiError rejected() {
  return {422, "Invalid", "the server rejected our request due to an error in our request", Json::object(), {}};
}

}  // namespace

Json applyMergePatch(Json target, const Json& patch) {
  if (!patch.isObject()) {
    return patch;
  }
  if (!target.isObject()) {
    target = Json::object();
  }
  for (const auto& [name, value] : patch.asObject()) {
    if (value.isNull()) {
      target.asObject().erase(name);
    } else {
      Json* member = target.find(name);
      Json merged = applyMergePatch(member == nullptr ? Json() : std::move(*member), value);
      target.asObject().set(name, std::move(merged));
    }
  }
  return target;
}

namespace {

class JsonPatcher {
 public:
  explicit JsonPatcher(Json document) : document_(std::move(document)) {}

  bool run(const Json& operation) {
    const std::string op = operation.getString("op");
    const Json* pathText = operation.find("path");
    if (pathText == nullptr || !pathText->isString()) {
      return false;
    }
    const auto path = pointer(pathText->asString());
    if (!path) {
      return false;
    }
    if (op == "remove") {
      return remove(*path).has_value();
    }
    if (op == "move" || op == "copy") {
      return transfer(operation, *path, op == "move");
    }
    const Json* value = operation.find("value");
    const Json wanted = value == nullptr ? Json() : *value;
    if (op == "test") {
      const Json* found = find(*path);
      return found != nullptr ? *found == wanted : wanted.isNull();
    }
    if (op == "replace") {
      Json* found = find(*path);
      if (found == nullptr) {
        return false;
      }
      *found = wanted;
      return true;
    }
    return op == "add" && add(*path, wanted);
  }
  Json take() { return std::move(document_); }

 private:
  using Path = std::vector<std::string>;

  static std::optional<Path> pointer(std::string_view text) {
    Path path;
    if (text.empty()) {
      return path;
    }
    if (text.front() != '/') {
      return std::nullopt;
    }
    for (std::string& token : split(text.substr(1), '/')) {
      std::string plain;
      for (std::size_t i = 0; i < token.size(); ++i) {
        const bool escape = token[i] == '~' && i + 1 < token.size() && (token[i + 1] == '0' || token[i + 1] == '1');
        plain += escape ? (token[++i] == '1' ? '/' : '~') : token[i];
      }
      path.push_back(std::move(plain));
    }
    return path;
  }

  // Negative indices count from the end, as in the library Kubernetes uses.
  static std::optional<std::size_t> index(const std::string& text, std::size_t size) {
    long value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) {
      return std::nullopt;
    }
    if (value < 0) {
      value += static_cast<long>(size);
    }
    return value < 0 ? std::nullopt : std::optional(static_cast<std::size_t>(value));
  }

  Json* step(Json* here, const std::string& token) {
    if (here->isObject()) {
      return here->find(token);
    }
    if (here->isArray()) {
      const auto at = index(token, here->asArray().size());
      return at && *at < here->asArray().size() ? &here->asArray()[*at] : nullptr;
    }
    return nullptr;
  }
  Json* find(const Path& path) {
    Json* here = &document_;
    for (const std::string& token : path) {
      here = here == nullptr ? nullptr : step(here, token);
    }
    return here;
  }
  Json* parent(const Path& path) { return find(Path(path.begin(), path.end() - 1)); }

  bool add(const Path& path, Json value) {
    if (path.empty()) {
      document_ = std::move(value);
      return true;
    }
    Json* in = parent(path);
    if (in == nullptr) {
      return false;
    }
    if (in->isObject()) {
      in->asObject().set(path.back(), std::move(value));
      return true;
    }
    if (!in->isArray()) {
      return false;
    }
    auto& items = in->asArray();
    const auto at = path.back() == "-" ? std::optional(items.size()) : index(path.back(), items.size() + 1);
    if (!at || *at > items.size()) {
      return false;
    }
    items.insert(items.begin() + static_cast<std::ptrdiff_t>(*at), std::move(value));
    return true;
  }

  std::optional<Json> remove(const Path& path) {
    Json* found = path.empty() ? nullptr : find(path);
    if (found == nullptr) {
      return std::nullopt;
    }
    Json value = std::move(*found);
    Json* in = parent(path);
    if (in->isObject()) {
      in->asObject().erase(path.back());
    } else {
      auto& items = in->asArray();
      items.erase(items.begin() + static_cast<std::ptrdiff_t>(*index(path.back(), items.size())));
    }
    return value;
  }

  bool transfer(const Json& operation, const Path& to, bool move) {
    const Json* text = operation.find("from");
    const auto from = text == nullptr || !text->isString() ? std::nullopt : pointer(text->asString());
    if (!from) {
      return false;
    }
    if (move) {
      // A value cannot be moved into itself.
      if (to.size() > from->size() && std::equal(from->begin(), from->end(), to.begin())) {
        return false;
      }
      auto value = remove(*from);
      return value && add(to, *std::move(value));
    }
    const Json* found = find(*from);
    return found != nullptr && add(to, Json(*found));
  }

  Json document_;
};

}  // namespace

ApiResult<Json> applyJsonPatch(Json target, const Json& operations) {
  if (!operations.isArray()) {
    return badRequest("error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch");
  }
  if (operations.asArray().size() > kMaxOperations) {
    ApiError error = tooLarge(kMaxOperations);
    error.message = cat("The allowed maximum operations in a JSON patch is ", kMaxOperations, ", got ",
                        operations.asArray().size());
    return error;
  }
  JsonPatcher patcher(std::move(target));
  for (const Json& operation : operations.asArray()) {
    if (!patcher.run(operation)) {
      return rejected();
    }
  }
  Json result = patcher.take();
  return result.isObject() ? ApiResult<Json>(std::move(result)) : rejected();
}

namespace {

constexpr std::string_view kOrder = "$setElementOrder/";
constexpr std::string_view kRemove = "$deleteFromPrimitiveList/";

// The key by which a list's items are one and the same, or nothing for lists that are replaced whole.
std::string_view mergeKey(std::string_view list) {
  if (list == "ownerReferences") {
    return "uid";
  }
  return list == "conditions" ? "type" : "";
}

bool contains(const Json& list, const Json& item) {
  return list.isArray() && std::find(list.asArray().begin(), list.asArray().end(), item) != list.asArray().end();
}

class StrategicMerge {
 public:
  Json run(Json target, const Json& patch) {
    if (!patch.isObject()) {
      return patch;
    }
    const std::string directive = patch.getString("$patch");
    if (directive == "replace" || directive == "delete") {
      return directive == "delete" ? Json::object() : withoutDirectives(patch);
    }
    if (!directive.empty() && directive != "merge") {
      problem = cat("Unknown patch type found: ", directive);
      return target;
    }
    if (!target.isObject()) {
      target = Json::object();
    }
    retain(target, patch);
    for (const auto& [name, value] : patch.asObject()) {
      if (!name.starts_with('$')) {
        member(target, name, value);
      }
    }
    for (const auto& [name, value] : patch.asObject()) {
      if (name.starts_with(kRemove)) {
        drop(target, name.substr(kRemove.size()), value);
      } else if (name.starts_with(kOrder)) {
        order(target, name.substr(kOrder.size()), value);
      }
    }
    return target;
  }

  std::string problem;

 private:
  static Json withoutDirectives(const Json& patch) {
    Json out = Json::object();
    for (const auto& [name, value] : patch.asObject()) {
      if (!name.starts_with('$')) {
        out.asObject().append(name, value);
      }
    }
    return out;
  }

  static void retain(Json& target, const Json& patch) {
    const Json* keep = patch.find("$retainKeys");
    if (keep == nullptr) {
      return;
    }
    JsonObject kept;
    for (auto& [name, value] : target.asObject()) {
      if (contains(*keep, Json(name))) {
        kept.append(name, std::move(value));
      }
    }
    target = Json(std::move(kept));
  }

  void member(Json& target, const std::string& name, const Json& value) {
    Json* now = target.find(name);
    if (value.isNull()) {
      target.asObject().erase(name);
    } else if (value.isObject()) {
      Json merged = run(now == nullptr ? Json() : std::move(*now), value);
      const bool gone = value.getString("$patch") == "delete";
      if (gone) {
        target.asObject().erase(name);
      } else {
        target.asObject().set(name, std::move(merged));
      }
    } else if (value.isArray() && name == "finalizers") {
      Json merged = now == nullptr || !now->isArray() ? Json::array() : *now;
      for (const Json& item : value.asArray()) {
        if (!contains(merged, item)) {
          merged.push(item);
        }
      }
      target.asObject().set(name, std::move(merged));
    } else if (value.isArray() && !mergeKey(name).empty()) {
      target.asObject().set(name, mergeList(now == nullptr ? Json() : *now, value, mergeKey(name)));
    } else {
      target.asObject().set(name, value);
    }
  }

  Json mergeList(Json now, const Json& patch, std::string_view key) {
    Json::Array items = now.isArray() ? std::move(now.asArray()) : Json::Array();
    for (const Json& item : patch.asArray()) {
      const std::string directive = item.getString("$patch");
      if (directive == "replace") {
        items.clear();
        continue;
      }
      const std::string id = item.getString(key);
      const auto same =
          std::find_if(items.begin(), items.end(), [&](const Json& other) { return other.getString(key) == id; });
      if (directive == "delete") {
        if (same != items.end()) {
          items.erase(same);
        }
      } else if (same != items.end()) {
        *same = run(std::move(*same), item);
      } else {
        items.push_back(withoutDirectives(item));
      }
    }
    return Json(std::move(items));
  }

  static void drop(Json& target, std::string_view name, const Json& gone) {
    Json* list = target.find(name);
    if (list == nullptr || !list->isArray()) {
      return;
    }
    std::erase_if(list->asArray(), [&](const Json& item) { return contains(gone, item); });
    if (list->asArray().empty()) {
      target.asObject().erase(name);
    }
  }

  static void order(Json& target, std::string_view name, const Json& wanted) {
    Json* list = target.find(name);
    if (list == nullptr || !list->isArray() || !wanted.isArray()) {
      return;
    }
    const std::string_view key = mergeKey(name);
    const auto place = [&](const Json& item) {
      const auto& ranks = wanted.asArray();
      return std::find_if(ranks.begin(), ranks.end(),
                          [&](const Json& rank) {
                            return key.empty() ? rank == item : rank.getString(key) == item.getString(key);
                          }) -
             ranks.begin();
    };
    std::stable_sort(list->asArray().begin(), list->asArray().end(),
                     [&](const Json& a, const Json& b) { return place(a) < place(b); });
  }
};

}  // namespace

ApiResult<Json> applyStrategicMergePatch(Json target, const Json& patch) {
  if (!patch.isObject()) {
    return badRequest(
        "error decoding patch: json: cannot unmarshal value into Go value of type map[string]interface {}");
  }
  StrategicMerge merge;
  Json result = merge.run(std::move(target), patch);
  if (!merge.problem.empty()) {
    return badRequest(merge.problem);
  }
  return result;
}

}  // namespace slipway::apiserver
