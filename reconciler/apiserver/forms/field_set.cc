#include "reconciler/apiserver/forms/field_set.h"

#include <algorithm>
#include <utility>

#include "reconciler/base/strings.h"

namespace slipway::apiserver {

namespace {

constexpr int kMaxDepth = 64;

bool isElement(std::string_view text) {
  return text.size() >= 2 && text[1] == ':' && (text[0] == 'f' || text[0] == 'k' || text[0] == 'v' || text[0] == 'i');
}

Status readInto(const Json& value, FieldSet& set, int depth) {
  if (!value.isObject()) {
    return {Code::Invalid, "fieldsV1 must consist of objects"};
  }
  if (depth > kMaxDepth) {
    return {Code::Invalid, cat("fieldsV1 is nested deeper than ", kMaxDepth, " levels")};
  }
  if (value.asObject().empty()) {
    set.setMember(depth > 0);
    return Status::ok();
  }
  for (const auto& [name, inner] : value.asObject()) {
    if (name == ".") {
      set.setMember(depth > 0);
      continue;
    }
    if (!isElement(name)) {
      return {Code::Invalid,
              cat("fieldsV1 has the path element \"", printable(name.substr(0, 80)), "\": expected f:, k:, v: or i:")};
    }
    SLIPWAY_RETURN_IF_ERROR(readInto(inner, set.grow(name), depth + 1));
  }
  return Status::ok();
}

// Whether the path to this part of a FieldsV1 is in the set itself.
bool isMember(const Json& fieldsV1) {
  return fieldsV1.isObject() && (fieldsV1.asObject().empty() || fieldsV1.asObject().contains("."));
}

std::string keyText(std::string_view json) {
  const auto key = parseJson(json);
  if (!key || !key->isObject()) {
    return std::string(json);
  }
  std::vector<std::string> parts;
  for (const auto& [name, value] : key->asObject()) {
    parts.push_back(cat(name, "=", value.dump()));
  }
  return join(parts, ",");
}

}  // namespace

std::string fieldElement(std::string_view name) { return cat("f:", name); }
std::string keyElement(const Json& key) { return "k:" + key.dumpCanonical(); }
std::string valueElement(const Json& value) { return "v:" + value.dumpCanonical(); }

std::string pathText(const FieldPath& path) {
  std::string out;
  for (const std::string& element : path) {
    const std::string_view rest = std::string_view(element).substr(2);
    switch (element[0]) {
      case 'f':
        out += cat(".", rest);
        break;
      case 'k':
        out += cat("[", keyText(rest), "]");
        break;
      case 'v':
        out += cat("[=", rest, "]");
        break;
      default:
        out += cat("[", rest, "]");
    }
  }
  return out;
}

Result<FieldSet> FieldSet::fromJson(const Json& fieldsV1) {
  FieldSet out;
  SLIPWAY_RETURN_IF_ERROR(readInto(fieldsV1, out, 0));
  return out;
}

Json FieldSet::toJson() const {
  Json out = Json::object();
  if (member_ && !children_.empty()) {
    out["."] = Json::object();
  }
  for (const auto& [element, inner] : children_) {
    out[element] = inner.toJson();
  }
  return out;
}

bool FieldSet::empty() const { return !member_ && children_.empty(); }

bool FieldSet::contains(const FieldPath& path) const {
  const FieldSet* node = this;
  for (const std::string& element : path) {
    node = node->child(element);
    if (node == nullptr) {
      return false;
    }
  }
  return node->member_;
}

void FieldSet::insert(const FieldPath& path) {
  FieldSet* node = this;
  for (const std::string& element : path) {
    node = &node->children_[element];
  }
  node->member_ = true;
}

void FieldSet::unite(const FieldSet& other) {
  member_ = member_ || other.member_;
  for (const auto& [element, inner] : other.children_) {
    children_[element].unite(inner);
  }
}

void FieldSet::subtract(const FieldSet& other) {
  member_ = member_ && !other.member_;
  for (const auto& [element, inner] : other.children_) {
    if (const auto found = children_.find(element); found != children_.end()) {
      found->second.subtract(inner);
    }
  }
  tidy();
}

FieldSet FieldSet::intersection(const FieldSet& other) const {
  FieldSet out;
  out.member_ = member_ && other.member_;
  for (const auto& [element, inner] : children_) {
    if (const FieldSet* theirs = other.child(element)) {
      FieldSet common = inner.intersection(*theirs);
      if (!common.empty()) {
        out.children_[element] = std::move(common);
      }
    }
  }
  return out;
}

void FieldSet::eraseTree(const FieldPath& path) {
  FieldSet* node = this;
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    const auto found = node->children_.find(path[i]);
    if (found == node->children_.end()) {
      return;
    }
    node = &found->second;
  }
  node->children_.erase(path.back());
  for (std::size_t depth = path.size(); depth-- > 1;) {
    node = this;
    for (std::size_t i = 0; i + 1 < depth; ++i) {
      node = &node->children_[path[i]];
    }
    node->tidy();
  }
}

void FieldSet::keepTree(const std::string& element) {
  member_ = false;
  std::erase_if(children_, [&](const auto& entry) { return entry.first != element; });
}

const FieldSet* FieldSet::child(const std::string& element) const {
  const auto found = children_.find(element);
  return found == children_.end() ? nullptr : &found->second;
}

void FieldSet::forEach(const std::function<void(const FieldPath&)>& visit) const {
  FieldPath prefix;
  walk(prefix, visit);
}

bool FieldSet::within(const Json& fieldsV1) const {
  return (!member_ || isMember(fieldsV1)) && std::all_of(children_.begin(), children_.end(), [&](const auto& child) {
           const Json* twin = fieldsV1.find(child.first);
           return twin != nullptr && child.second.within(*twin);
         });
}

bool FieldSet::meets(const Json& fieldsV1) const {
  return (member_ && isMember(fieldsV1)) || std::any_of(children_.begin(), children_.end(), [&](const auto& child) {
           const Json* twin = fieldsV1.find(child.first);
           return twin != nullptr && child.second.meets(*twin);
         });
}

std::size_t FieldSet::count() const {
  std::size_t out = member_ ? 1 : 0;
  for (const auto& [element, inner] : children_) {
    out += inner.count();
  }
  return out;
}

void FieldSet::walk(FieldPath& prefix, const std::function<void(const FieldPath&)>& visit) const {
  if (member_) {
    visit(prefix);
  }
  for (const auto& [element, inner] : children_) {
    prefix.push_back(element);
    inner.walk(prefix, visit);
    prefix.pop_back();
  }
}

void FieldSet::tidy() {
  std::erase_if(children_, [](const auto& entry) { return entry.second.empty(); });
}

}  // namespace slipway::apiserver
