#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "reconciler/apiserver/forms/field_set.h"
#include "reconciler/base/json.h"
#include "reconciler/schema/structural_schema.h"

namespace slipway::apiserver {

// What the schema says about how a value merges. Where it says nothing, objects merge by member and lists are one
// value.
class MergeType {
 public:
  // The whole object: metadata merges by a schema of its own.
  static MergeType root(const schema::StructuralSchema* schema) { return {schema, true}; }

  enum class Form { Leaf, Map, Set, KeyedList };
  Form formOf(const Json& value) const;

  struct Member;
  Member member(std::string_view name) const;
  MergeType item() const;
  // The element of a list's item: by key, missing members filled in with their defaults, or by value.
  std::string elementOf(Form form, const Json& item) const;

 private:
  MergeType(const schema::StructuralSchema* schema, bool root) : schema_(schema), root_(root) {}

  const schema::StructuralSchema* schema_;
  bool root_;
};

struct MergeType::Member {
  MergeType type;
  bool declared;  // by name; members of open objects are not
};

// The paths a configuration sets.
FieldSet fieldsOf(const Json& value, const MergeType& type);

struct FieldChanges {
  FieldSet added;
  FieldSet modified;
  FieldSet removed;

  bool empty() const { return added.empty() && modified.empty() && removed.empty(); }
  FieldSet written() const;  // added and modified
};

// What differs between two objects.
FieldChanges compareFields(const Json& before, const Json& after, const MergeType& type);

// The live object with the configuration laid over it: maps by member, keyed lists by key, sets by value, all else
// replaced. Items of the configuration keep its order.
Json mergeConfiguration(const Json& live, const Json& configuration, const MergeType& type);

// Drops what `dropped` has and `kept` has not. A declared field counts as being in a set when anything below it is.
void pruneFields(Json& value, const MergeType& type, const FieldSet& dropped, const FieldSet& kept);

// The path of a list's item whose key another item of the list has, as ".spec.targets: duplicate entries for key
// [name=\"a\"]"; nullopt when there is none.
std::optional<std::string> findDuplicateItem(const Json& value, const MergeType& type);

}  // namespace slipway::apiserver
