#include "reconciler/apiserver/forms/managed_entries.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace slipway::apiserver {

namespace {

constexpr std::size_t kMaxUpdateEntries = 10;

bool before(const Entry& a, const Entry& b) {
  return std::tie(a.operation, a.time, a.manager, a.apiVersion, a.subresource) <
         std::tie(b.operation, b.time, b.manager, b.apiVersion, b.subresource);
}

Json encodeEntry(const Entry& entry) {
  Json item =
      Json::object({{"manager", entry.manager}, {"operation", entry.operation}, {"apiVersion", entry.apiVersion}});
  if (!entry.time.empty()) {
    item["time"] = entry.time;
  }
  item["fieldsType"] = "FieldsV1";
  item["fieldsV1"] = entry.fields.toJson();
  if (!entry.subresource.empty()) {
    item["subresource"] = entry.subresource;
  }
  return item;
}

Json encodeEntries(Entries entries) {
  std::stable_sort(entries.begin(), entries.end(), before);
  Json out(Json::Array{});
  for (const Entry& entry : entries) {
    out.push(encodeEntry(entry));
  }
  return out;
}

Entry headOf(const Json& item) {
  return {item.getString("manager"),     item.getString("operation"), item.getString("apiVersion"),
          item.getString("subresource"), item.getString("time"),      {}};
}

// The writer's own entry after its write; nullopt when it owns nothing any more.
std::optional<Json> ownAfter(const Json& item, const Entry& writer, const FieldSet& written, const FieldSet& removed) {
  const Json& fields = *item.find("fieldsV1");
  Json out = item;
  if (!written.within(fields) || removed.meets(fields)) {
    auto owned = FieldSet::fromJson(fields);
    if (!owned) {
      return std::nullopt;
    }
    owned->subtract(removed);
    owned->unite(written);
    if (owned->empty()) {
      return std::nullopt;
    }
    out.asObject().set("fieldsV1", owned->toJson());
  }
  if (!written.empty()) {
    out.asObject().set("time", writer.time);
  }
  return out;
}

}  // namespace

std::optional<Json> entriesAfter(const Json& managedFields, const Entry& writer, const FieldSet& written,
                                 const FieldSet& removed) {
  const Json::Array& items = managedFields.asArray();
  std::size_t own = items.size();
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Json* fields = items[i].find("fieldsV1");
    if (fields == nullptr) {
      return std::nullopt;
    }
    const Entry head = headOf(items[i]);
    if (!head.sameOwner(writer)) {
      if (written.meets(*fields) || removed.meets(*fields)) {
        return std::nullopt;
      }
    } else if (own != items.size() || head.time.empty()) {
      return std::nullopt;
    } else {
      own = i;
    }
  }
  if (written.empty() && (own == items.size() || !removed.meets(*items[own].find("fieldsV1")))) {
    return managedFields;
  }
  Json::Array next = items;
  if (own < items.size()) {
    auto changed = ownAfter(items[own], writer, written, removed);
    if (!changed) {
      return std::nullopt;
    }
    next[own] = *std::move(changed);
  } else if (items.size() < kMaxUpdateEntries) {
    Entry added = writer;
    added.fields = written;
    next.push_back(encodeEntry(added));
  } else {
    return std::nullopt;
  }
  // The writer's entry moves to where its time puts it.
  std::stable_sort(next.begin(), next.end(), [](const Json& a, const Json& b) { return before(headOf(a), headOf(b)); });
  return Json(std::move(next));
}

std::optional<Entries> decodeEntries(const Json* managedFields) {
  Entries out;
  if (managedFields == nullptr || managedFields->isNull()) {
    return out;
  }
  if (!managedFields->isArray()) {
    return std::nullopt;
  }
  for (const Json& item : managedFields->asArray()) {
    const Json* set = item.find("fieldsV1");
    auto fields = FieldSet::fromJson(set == nullptr ? Json::object() : *set);
    Entry entry = headOf(item);
    if (!fields || (entry.operation != kApplyOperation && entry.operation != kUpdateOperation)) {
      return std::nullopt;
    }
    entry.fields = std::move(*fields);
    out.push_back(std::move(entry));
  }
  return out;
}

void storeEntries(Json& object, Entries entries) {
  Json& metadata = object["metadata"];
  if (!metadata.isObject()) {
    metadata = Json::object();
  }
  if (entries.empty()) {
    metadata.asObject().erase("managedFields");
  } else {
    metadata["managedFields"] = encodeEntries(std::move(entries));
  }
}

void capUpdates(Entries& entries) {
  std::vector<Entry> updates;
  Entries out;
  for (Entry& entry : entries) {
    (entry.isApply() ? out : updates).push_back(std::move(entry));
  }
  std::stable_sort(updates.begin(), updates.end(), [](const Entry& a, const Entry& b) { return a.time < b.time; });
  std::size_t count = updates.size();
  std::map<std::string, std::size_t> firstOfVersion;
  std::vector<bool> gone(updates.size(), false);
  for (std::size_t i = 0; i < updates.size() && count > kMaxUpdateEntries; ++i) {
    const auto [first, isNew] = firstOfVersion.emplace(updates[i].apiVersion, i);
    if (isNew) {
      continue;
    }
    Entry& bucket = updates[first->second];
    bucket.manager = "ancient-changes";
    bucket.subresource.clear();
    bucket.fields.unite(updates[i].fields);
    bucket.time = updates[i].time;
    gone[i] = true;
    --count;
  }
  for (std::size_t i = 0; i < updates.size(); ++i) {
    if (!gone[i]) {
      out.push_back(std::move(updates[i]));
    }
  }
  entries = std::move(out);
}

bool clearsEntries(const Json& managedFields) {
  if (!managedFields.isArray()) {
    return false;
  }
  const Json::Array& items = managedFields.asArray();
  return items.empty() || (items.size() == 1 && items.front().isObject() && items.front().asObject().empty());
}

bool equalEntries(const Json& a, const Json& b) {
  if (!a.isArray() || !b.isArray() || a.asArray().size() != b.asArray().size()) {
    return a == b;
  }
  for (std::size_t i = 0; i < a.asArray().size(); ++i) {
    Json left = a.asArray()[i];
    Json right = b.asArray()[i];
    for (Json* side : {&left, &right}) {
      if (side->isObject()) {
        side->asObject().erase("time");
      }
    }
    if (!(left == right)) {
      return false;
    }
  }
  return true;
}

}  // namespace slipway::apiserver
