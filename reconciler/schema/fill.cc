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

class Unknown {
 public:
  Unknown(bool prune, std::vector<std::string>& found) : prune_(prune), found_(found) {}

  void visit(const Node& node, Json& value, const Place& place) {
    if (value.isArray() && node.items != nullptr) {
      for (std::size_t i = 0; i < value.asArray().size(); ++i) {
        visit(*node.items, value.asArray()[i], place.item(i));
      }
    } else if (value.isObject()) {
      members(node, value.asObject(), place);
    }
  }

 private:
  void members(const Node& node, JsonObject& object, const Place& place) {
    std::vector<std::string_view> gone;
    for (auto& [name, value] : object) {
      const Place here = place.member(name);
      if ((node.root || node.embedded) && isTypeMeta(name)) {
        continue;
      }
      if (const Node* declared = node.member(name)) {
        visit(*declared, value, here);
      } else if (!node.preserve) {
        found_.push_back(here.text());
        gone.push_back(name);
      }
    }
    if (prune_) {
      remove(object, gone);
    }
  }

  bool prune_;
  std::vector<std::string>& found_;
};

bool isUnwantedNull(const Json& value, const Node& node) { return value.isNull() && !node.nullable; }

void fillMembers(const Node& node, JsonObject& object) {
  for (const auto& [name, property] : node.properties) {
    if (property->defaultValue && !object.contains(name)) {
      object.append(name, *property->defaultValue);
    }
  }
  std::vector<std::string_view> gone;
  for (auto& [name, value] : object) {
    if (node.root && isTypeMeta(name)) {
      continue;
    }
    const Node* declared = node.member(name);
    if (declared == nullptr) {
      continue;
    }
    if (isUnwantedNull(value, *declared)) {
      if (!declared->defaultValue) {
        gone.push_back(name);
        continue;
      }
      value = *declared->defaultValue;
    }
    fillDefaults(*declared, value);
  }
  remove(object, gone);
}

}  // namespace

void findUnknown(const Node& node, Json& value, bool prune, std::vector<std::string>& unknown) {
  Unknown(prune, unknown).visit(node, value, Place());
}

void fillDefaults(const Node& node, Json& value) {
  if (value.isObject()) {
    fillMembers(node, value.asObject());
  } else if (value.isArray() && node.items != nullptr) {
    for (Json& item : value.asArray()) {
      if (isUnwantedNull(item, *node.items) && node.items->defaultValue) {
        item = *node.items->defaultValue;
      }
      fillDefaults(*node.items, item);
    }
  }
}

}  // namespace slipway::schema
