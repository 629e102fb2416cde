#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/apiserver/forms/field_set.h"
#include "reconciler/base/json.h"

namespace slipway::apiserver {

inline constexpr std::string_view kApplyOperation = "Apply";
inline constexpr std::string_view kUpdateOperation = "Update";

// One entry of metadata.managedFields.
struct Entry {
  std::string manager;
  std::string operation;
  std::string apiVersion;
  std::string subresource;
  std::string time;  // empty: none
  FieldSet fields;

  bool isApply() const { return operation == kApplyOperation; }
  // One entry there is of these; appliers are the same whatever version they write.
  bool sameOwner(const Entry& other) const {
    return manager == other.manager && operation == other.operation && subresource == other.subresource &&
           (isApply() || apiVersion == other.apiVersion);
  }
};
using Entries = std::vector<Entry>;

// The list after a write, where nobody but the writer gains or loses a field: the other entries stay as they are, which
// spares reading and writing them. nullopt where that is not so, or not plain to see: decode and compute it then.
// REQUIRES: the list is well-formed.
std::optional<Json> entriesAfter(const Json& managedFields, const Entry& writer, const FieldSet& written,
                                 const FieldSet& removed);

// The entries of a list as stored or sent; nullopt when it is not well-formed. None for nullptr and null.
std::optional<Entries> decodeEntries(const Json* managedFields);

// Writes metadata.managedFields in the order of the Kubernetes API; no entries: no such member.
void storeEntries(Json& object, Entries entries);

// Joins the oldest entries of updates into one per version, manager "ancient-changes", until there are at most ten.
void capUpdates(Entries& entries);

// `[]` and `[{}]`: the client wants ownership forgotten.
bool clearsEntries(const Json& managedFields);

// Two lists in document form are equal but for their times.
bool equalEntries(const Json& a, const Json& b);

}  // namespace slipway::apiserver
