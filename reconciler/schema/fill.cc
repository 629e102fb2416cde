#include "reconciler/base/strings.h"
#include "reconciler/schema/node.h"

namespace slipway::schema {

std::string Place::text() const {
  if (parent == nullptr) {
    return {};
  }
  std::string out = parent->text();
  if (isIndex) {
    out += cat("[", index, "]");
  } else {
    out += out.empty() ? "" : ".";
    out += name;
  }
  return out;
}

namespace {

// Takes the named members out, keeping the order of the rest. One pass: outside input decides how many there are.
void remove(JsonObject& object, const std::vector<std::string_view>& gone) {
  if (gone.empty()) {
    return;
  }
  JsonObject kept;
  auto next = gone.begin();  // in the order of the members
  for (auto& [name, value] : object) {
    if (next != gone.end() && *next == name) {
      ++next;
    } else {
      kept.append(std::string(name), std::move(value));
    }
  }
  object = std::move(kept);
}

bool isTypeMeta(std::string_view name) { return name == "apiVersion" || name == "kind" || name == "metadata"; }

// What the schema says of a member, or nullptr where it says nothing; `isOwn` for what every object has.
struct Declared {
  const Node* node;
  bool isOwn;
};

Declared declared(const Node& node, std::string_view name) {
  if ((node.root || node.embedded) && isTypeMeta(name)) {
    return {nullptr, true};
  }
  return {node.member(name), false};
}

class UnknownSearch {
 public:
  std::vector<std::string> take() { return std::move(found_); }

  void visit(const Node& node, const Json& value, const Json* known, const Place& place) {
    if (isKnown(value, known)) {
      return;
    }
    if (value.isArray() && node.items != nullptr) {
      for (std::size_t i = 0; i < value.asArray().size(); ++i) {
        visit(*node.items, value.asArray()[i], knownItem(known, i), place.item(i));
      }
    } else if (value.isObject()) {
      for (const auto& [name, member] : value.asObject()) {
        const auto [below, isOwn] = declared(node, name);
        if (below != nullptr) {
          visit(*below, member, knownMember(known, name), place.member(name));
        } else if (!isOwn && !node.preserve) {
          found_.push_back(place.member(name).text());
        }
      }
    }
  }

 private:
  std::vector<std::string> found_;
};

bool isUnwantedNull(const Json& value, const Node& node) { return value.isNull() && !node.nullable; }

// Whether there is anything to fill in or to drop: most objects are complete, and looking copies nothing.
bool isIncomplete(const Node& node, const Json& value, const Json* known) {
  if (isKnown(value, known)) {
    return false;
  }
  if (value.isArray() && node.items != nullptr) {
    for (std::size_t i = 0; i < value.asArray().size(); ++i) {
      const Json& item = value.asArray()[i];
      if ((isUnwantedNull(item, *node.items) && node.items->defaultValue) ||
          isIncomplete(*node.items, item, knownItem(known, i))) {
        return true;
      }
    }
  }
  if (!value.isObject()) {
    return false;
  }
  for (const auto& [name, property] : node.properties) {
    if (property->defaultValue && !value.asObject().contains(name)) {
      return true;
    }
  }
  for (const auto& [name, member] : value.asObject()) {
    const Node* below = node.root && isTypeMeta(name) ? nullptr : node.member(name);
    if (below != nullptr &&
        (isUnwantedNull(member, *below) || isIncomplete(*below, member, knownMember(known, name)))) {
      return true;
    }
  }
  return false;
}

void fillMembers(const Node& node, JsonObject& object, const Json* known) {
  for (const auto& [name, property] : node.properties) {
    if (property->defaultValue && !object.contains(name)) {
      object.append(name, *property->defaultValue);
    }
  }
  std::vector<std::string_view> gone;
  for (auto& [name, value] : object) {
    const Node* below = node.root && isTypeMeta(name) ? nullptr : node.member(name);
    if (below == nullptr) {
      continue;
    }
    if (isUnwantedNull(value, *below)) {
      if (!below->defaultValue) {
        gone.push_back(name);
        continue;
      }
      value = *below->defaultValue;
    }
    fillDefaults(*below, value, knownMember(known, name));
  }
  remove(object, gone);
}

}  // namespace

std::vector<std::string> findUnknown(const Node& node, const Json& value, const Json* known) {
  UnknownSearch search;
  search.visit(node, value, known, Place());
  return search.take();
}

void dropUnknown(const Node& node, Json& value) {
  if (value.isArray() && node.items != nullptr) {
    for (Json& item : value.asArray()) {
      dropUnknown(*node.items, item);
    }
  } else if (value.isObject()) {
    std::vector<std::string_view> gone;
    for (auto& [name, member] : value.asObject()) {
      const auto [below, isOwn] = declared(node, name);
      if (below != nullptr) {
        dropUnknown(*below, member);
      } else if (!isOwn && !node.preserve) {
        gone.push_back(name);
      }
    }
    remove(value.asObject(), gone);
  }
}

void fillDefaults(const Node& node, Json& value, const Json* known) {
  if (!isIncomplete(node, value, known)) {
    return;
  }
  if (value.isObject()) {
    fillMembers(node, value.asObject(), known);
    return;
  }
  std::size_t at = 0;
  for (Json& item : value.asArray()) {
    if (isUnwantedNull(item, *node.items) && node.items->defaultValue) {
      item = *node.items->defaultValue;
    }
    fillDefaults(*node.items, item, knownItem(known, at++));
  }
}

}  // namespace slipway::schema
