#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/json.h"
#include "reconciler/base/status.h"

namespace slipway::apiserver {

// The elements of a path in the notation of FieldsV1: "f:spec" a field, `k:{"name":"a"}` an item of a list by its key,
// `v:"a"` an item of a set by its value.
using FieldPath = std::vector<std::string>;

std::string fieldElement(std::string_view name);
std::string keyElement(const Json& key);
std::string valueElement(const Json& value);

// ".spec.targets[name=\"t1\"].host", as conflicts name it.
std::string pathText(const FieldPath& path);

// A set of paths, kept as a tree: what one manager owns, or what a write changed. A value type.
class FieldSet {
 public:
  // Paths in FieldsV1, ".": the path itself. Invalid when it is no such document or is nested deeper than 64 levels.
  static Result<FieldSet> fromJson(const Json& fieldsV1);
  Json toJson() const;

  bool empty() const;
  bool contains(const FieldPath& path) const;
  void insert(const FieldPath& path);
  void unite(const FieldSet& other);
  void subtract(const FieldSet& other);
  FieldSet intersection(const FieldSet& other) const;
  // Drops the path and all below it.
  void eraseTree(const FieldPath& path);
  // Keeps only what is below the element.
  void keepTree(const std::string& element);

  // Whether the path that leads to this node is in the set itself.
  bool member() const { return member_; }
  void setMember(bool member) { member_ = member; }
  bool hasChildren() const { return !children_.empty(); }
  // nullptr when no path goes there.
  const FieldSet* child(const std::string& element) const;
  FieldSet& grow(const std::string& element) { return children_[element]; }

  // Every path of the set in order, fields before keys before values.
  void forEach(const std::function<void(const FieldPath&)>& visit) const;
  std::size_t count() const;

  // Whether all of it is in that FieldsV1, and whether any of it is. The same as after fromJson(), without making it.
  bool within(const Json& fieldsV1) const;
  bool meets(const Json& fieldsV1) const;

  bool operator==(const FieldSet&) const = default;

 private:
  void walk(FieldPath& prefix, const std::function<void(const FieldPath&)>& visit) const;
  void tidy();

  bool member_ = false;
  std::map<std::string, FieldSet> children_;  // none of them empty
};

}  // namespace slipway::apiserver
