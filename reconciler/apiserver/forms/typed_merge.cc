#include "reconciler/apiserver/forms/typed_merge.h"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "reconciler/apiserver/forms/builtin_resources.h"
#include "reconciler/base/strings.h"

namespace slipway::apiserver {

namespace {

using Form = MergeType::Form;

bool isEmptyContainer(const Json& value) {
  return (value.isObject() && value.asObject().empty()) || (value.isArray() && value.asArray().empty());
}

// A list's items by their element, in order. Of equal ones the last counts.
struct ItemIndex {
  std::vector<std::string> order;
  std::unordered_map<std::string, const Json*> items;

  ItemIndex(const Json* list, const MergeType& type, Form form) {
    if (list == nullptr || !list->isArray()) {
      return;
    }
    for (const Json& item : list->asArray()) {
      std::string element = type.elementOf(form, item);
      if (items.insert_or_assign(element, &item).second) {
        order.push_back(std::move(element));
      }
    }
  }

  const Json* find(const std::string& element) const {
    const auto found = items.find(element);
    return found == items.end() ? nullptr : found->second;
  }
};

// Members by name: look-up in an object is linear, and objects of others may be wide.
class MemberIndex {
 public:
  explicit MemberIndex(const Json* object) {
    if (object == nullptr || !object->isObject()) {
      return;
    }
    if (object->asObject().size() <= kFew) {
      few_ = &object->asObject();
      return;
    }
    members_.reserve(object->asObject().size());
    std::size_t at = 0;
    for (const auto& [name, member] : object->asObject()) {
      members_.emplace(name, Place{&member, at++});
    }
  }

  const Json* find(std::string_view name) const {
    if (few_ != nullptr) {
      return few_->find(name);
    }
    const auto found = members_.find(name);
    return found == members_.end() ? nullptr : found->second.value;
  }
  // Where among the members; REQUIRES: there is one of that name.
  std::ptrdiff_t position(std::string_view name) const {
    if (few_ != nullptr) {
      return std::find_if(few_->begin(), few_->end(), [&](const auto& member) { return member.first == name; }) -
             few_->begin();
    }
    return static_cast<std::ptrdiff_t>(members_.find(name)->second.at);
  }

 private:
  struct Place {
    const Json* value;
    std::size_t at;
  };
  static constexpr std::size_t kFew = 16;

  const JsonObject* few_ = nullptr;
  std::unordered_map<std::string_view, Place> members_;
};

void collect(const Json& value, const MergeType& type, FieldSet& out) {
  const Form form = type.formOf(value);
  if (form == Form::Leaf || isEmptyContainer(value)) {
    out.setMember(true);
    return;
  }
  if (form == Form::Map) {
    for (const auto& [name, member] : value.asObject()) {
      const MergeType::Member target = type.member(name);
      FieldSet& inner = out.grow(fieldElement(name));
      collect(member, target.type, inner);
      if (!target.declared) {
        inner.setMember(true);
      }
    }
    return;
  }
  for (const Json& item : value.asArray()) {
    FieldSet& inner = out.grow(type.elementOf(form, item));
    inner.setMember(true);
    if (form == Form::KeyedList) {
      collect(item, type.item(), inner);
    }
  }
}

// Walks two values at once; nullptr is a value that is not there.
class Comparison {
 public:
  explicit Comparison(FieldChanges& out) : out_(out) {}

  void visit(const Json* before, const Json* after, const MergeType& type) {
    const Form form = type.formOf(before != nullptr ? *before : *after);
    if (before != nullptr && after != nullptr && form != type.formOf(*after)) {
      mark(out_.modified);
      visitMembers(before, nullptr, type, form);
      visitMembers(nullptr, after, type, type.formOf(*after));
      return;
    }
    const bool bothEmpty =
        (before == nullptr || isEmptyContainer(*before)) && (after == nullptr || isEmptyContainer(*after));
    if (before == nullptr) {
      mark(out_.added);
    } else if (after == nullptr) {
      mark(out_.removed);
    } else if ((form == Form::Leaf || bothEmpty) && !(*before == *after)) {
      mark(out_.modified);
    }
    if (!bothEmpty) {
      visitMembers(before, after, type, form);
    }
  }

 private:
  void mark(FieldSet& set) const {
    if (!path_.empty()) {
      set.insert(path_);
    }
  }

  void visitMembers(const Json* before, const Json* after, const MergeType& type, Form form) {
    if (form == Form::Map) {
      visitMap(before, after, type);
    } else if (form == Form::Set || form == Form::KeyedList) {
      visitList(before, after, type, form);
    }
  }

  void visitMap(const Json* before, const Json* after, const MergeType& type) {
    const MemberIndex old(before);
    const MemberIndex now(after);
    if (before != nullptr) {
      for (const auto& [name, member] : before->asObject()) {
        const Json* other = now.find(name);
        if (other == nullptr || !member.sharesWith(*other)) {
          descend(fieldElement(name), &member, other, type.member(name).type);
        }
      }
    }
    if (after != nullptr) {
      for (const auto& [name, member] : after->asObject()) {
        if (old.find(name) == nullptr) {
          descend(fieldElement(name), nullptr, &member, type.member(name).type);
        }
      }
    }
  }

  void visitList(const Json* before, const Json* after, const MergeType& type, Form form) {
    const ItemIndex old(before, type, form);
    const ItemIndex now(after, type, form);
    for (const std::string& element : old.order) {
      const Json* was = old.find(element);
      const Json* is = now.find(element);
      if (is == nullptr || !was->sharesWith(*is)) {
        descend(element, was, is, type.item());
      }
    }
    for (const std::string& element : now.order) {
      if (old.find(element) == nullptr) {
        descend(element, nullptr, now.find(element), type.item());
      }
    }
  }

  void descend(std::string element, const Json* before, const Json* after, const MergeType& type) {
    path_.push_back(std::move(element));
    visit(before, after, type);
    path_.pop_back();
  }

  FieldChanges& out_;
  FieldPath path_;
};

Json merged(const Json* live, const Json& configuration, const MergeType& type);

Json mergedList(const Json& live, const Json& configuration, const MergeType& type, Form form) {
  const ItemIndex old(&live, type, form);
  const ItemIndex wanted(&configuration, type, form);
  Json out(Json::Array{});
  std::size_t next = 0;
  const auto take = [&] {
    const std::string& element = wanted.order[next++];
    const Json& item = *wanted.find(element);
    out.push(form == Form::KeyedList ? merged(old.find(element), item, type.item()) : item);
  };
  std::set<std::string> taken;
  for (const std::string& element : old.order) {
    if (wanted.find(element) == nullptr) {
      out.push(*old.find(element));
      continue;
    }
    while (next < wanted.order.size() && !taken.contains(element)) {
      taken.insert(wanted.order[next]);
      take();
    }
  }
  while (next < wanted.order.size()) {
    take();
  }
  return out;
}

Json merged(const Json* live, const Json& configuration, const MergeType& type) {
  const Form form = type.formOf(configuration);
  if (form == Form::Leaf || live == nullptr || type.formOf(*live) != form) {
    return configuration;
  }
  if (form != Form::Map) {
    return mergedList(*live, configuration, type, form);
  }
  Json out = *live;
  const MemberIndex old(live);
  for (const auto& [name, member] : configuration.asObject()) {
    const Json* known = old.find(name);
    Json next = merged(known, member, type.member(name).type);
    if (known != nullptr) {
      (out.asObject().begin() + old.position(name))->second = std::move(next);
    } else {
      out.asObject().append(name, std::move(next));
    }
  }
  return out;
}

bool owns(const FieldSet* set, bool declaredField) {
  return set != nullptr && (set->member() || (declaredField && set->hasChildren()));
}

// False when nothing is left of the value, which had something.
bool pruned(Json& value, const MergeType& type, const FieldSet& dropped, const FieldSet* kept);

// Whether the member or item at `element` stays.
bool staysAt(Json& value, const MergeType::Member& target, const std::string& element, const FieldSet& dropped,
             const FieldSet* kept) {
  const FieldSet* drop = dropped.child(element);
  if (drop == nullptr) {
    return true;
  }
  const FieldSet* keep = kept == nullptr ? nullptr : kept->child(element);
  if (owns(drop, target.declared) && !owns(keep, target.declared)) {
    return false;
  }
  return pruned(value, target.type, *drop, keep);
}

bool pruned(Json& value, const MergeType& type, const FieldSet& dropped, const FieldSet* kept) {
  const Form form = type.formOf(value);
  if (form == Form::Leaf || isEmptyContainer(value)) {
    return true;
  }
  if (form == Form::Map) {
    Json::Object rest;
    for (auto& [name, member] : value.asObject()) {
      if (staysAt(member, type.member(name), fieldElement(name), dropped, kept)) {
        rest.append(name, std::move(member));
      }
    }
    value = Json(std::move(rest));
    return !value.asObject().empty();
  }
  Json::Array rest;
  for (Json& item : value.asArray()) {
    const std::string element = type.elementOf(form, item);
    if (staysAt(item, {type.item(), false}, element, dropped, kept)) {
      rest.push_back(std::move(item));
    }
  }
  value = Json(std::move(rest));
  return !value.asArray().empty();
}

std::optional<std::string> duplicateIn(const Json& value, const MergeType& type, FieldPath& path) {
  const Form form = type.formOf(value);
  if (form == Form::Leaf) {
    return std::nullopt;
  }
  const auto inner = [&](std::string element, const Json& member, const MergeType& memberType) {
    path.push_back(std::move(element));
    auto found = duplicateIn(member, memberType, path);
    path.pop_back();
    return found;
  };
  if (form == Form::Map) {
    for (const auto& [name, member] : value.asObject()) {
      if (auto found = inner(fieldElement(name), member, type.member(name).type)) {
        return found;
      }
    }
    return std::nullopt;
  }
  std::set<std::string> seen;
  for (const Json& item : value.asArray()) {
    const std::string element = type.elementOf(form, item);
    if (!seen.insert(element).second) {
      return cat(pathText(path), ": duplicate entries for key ", pathText({element}));
    }
    if (form == Form::KeyedList) {
      if (auto found = inner(element, item, type.item())) {
        return found;
      }
    }
  }
  return std::nullopt;
}

}  // namespace

MergeType::Form MergeType::formOf(const Json& value) const {
  if (value.isObject()) {
    return schema_ != nullptr && schema_->atomicMap() ? Form::Leaf : Form::Map;
  }
  if (!value.isArray() || schema_ == nullptr || schema_->listType() == schema::ListType::Atomic) {
    return Form::Leaf;
  }
  return schema_->listType() == schema::ListType::Set ? Form::Set : Form::KeyedList;
}

MergeType::Member MergeType::member(std::string_view name) const {
  if (root_ && name == "metadata") {
    return {{&objectMetaSchema(), false}, true};
  }
  if (root_ && (name == "apiVersion" || name == "kind")) {
    return {{nullptr, false}, true};
  }
  if (schema_ == nullptr) {
    return {{nullptr, false}, false};
  }
  if (const schema::StructuralSchema* declared = schema_->property(name)) {
    return {{declared, false}, true};
  }
  return {{schema_->additionalProperties(), false}, false};
}

MergeType MergeType::item() const { return {schema_ == nullptr ? nullptr : schema_->items(), false}; }

std::string MergeType::elementOf(Form form, const Json& item) const {
  if (form == Form::Set) {
    return valueElement(item);
  }
  Json key = Json::object();
  for (const std::string& name : schema_->listMapKeys()) {
    const schema::StructuralSchema* member = schema_->items() == nullptr ? nullptr : schema_->items()->property(name);
    if (const Json* value = item.find(name)) {
      key[name] = *value;
    } else if (member != nullptr && member->defaultValue() != nullptr) {
      key[name] = *member->defaultValue();
    }
  }
  return keyElement(key);
}

FieldSet fieldsOf(const Json& value, const MergeType& type) {
  FieldSet out;
  collect(value, type, out);
  out.setMember(false);
  return out;
}

FieldSet FieldChanges::written() const {
  FieldSet out = added;
  out.unite(modified);
  return out;
}

FieldChanges compareFields(const Json& before, const Json& after, const MergeType& type) {
  FieldChanges out;
  Comparison(out).visit(&before, &after, type);
  return out;
}

Json mergeConfiguration(const Json& live, const Json& configuration, const MergeType& type) {
  return merged(&live, configuration, type);
}

void pruneFields(Json& value, const MergeType& type, const FieldSet& dropped, const FieldSet& kept) {
  (void)pruned(value, type, dropped, &kept);
}

std::optional<std::string> findDuplicateItem(const Json& value, const MergeType& type) {
  FieldPath path;
  return duplicateIn(value, type, path);
}

}  // namespace slipway::apiserver
