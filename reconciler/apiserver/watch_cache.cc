#include "reconciler/apiserver/watch_cache.h"

#include <algorithm>

#include "reconciler/base/strings.h"

namespace slipway::apiserver {

namespace {

constexpr std::string_view kMetadata = "\"metadata\":{";
constexpr std::size_t kUsualBytes = 4096;  // what is written grows no buffer up to here

// Selectable values are compared as text.
std::string textOf(const Json* value) {
  if (value == nullptr || value->isNull()) {
    return {};
  }
  return value->isString() ? value->asString() : value->dump();
}

const Json* follow(const Json& object, std::string_view dottedPath) {
  const Json* here = &object;
  for (const std::string& name : split(dottedPath.substr(dottedPath.starts_with('.') ? 1 : 0), '.')) {
    here = here->find(name);
    if (here == nullptr) {
      return nullptr;
    }
  }
  return here;
}

// Events name their reporter in one of two places, and selectors ask for either.
std::string selectable(const ResourceInfo& resource, const Json& object, const std::string& path) {
  if (!resource.custom && resource.kind == "Event" && (path == ".source" || path == ".reportingComponent")) {
    const std::string source = textOf(object.at({"source", "component"}));
    const std::string reporter = textOf(object.find("reportingComponent"));
    return path == ".source" ? (source.empty() ? reporter : source) : (reporter.empty() ? source : reporter);
  }
  return textOf(follow(object, path));
}

OwnerLink ownerLink(const Json& reference) {
  return {reference.getString("apiVersion"), reference.getString("kind"), reference.getString("name"),
          reference.getString("uid"), reference.getBool("blockOwnerDeletion")};
}

void readMetadata(const Json& metadata, StoredObject& out) {
  out.key = {metadata.getString("namespace"), metadata.getString("name")};
  out.uid = metadata.getString("uid");
  out.deleting = !metadata.getString("deletionTimestamp").empty();
  if (const Json* labels = metadata.find("labels"); labels != nullptr && labels->isObject()) {
    for (const auto& [name, value] : labels->asObject()) {
      out.labels.emplace_back(name, textOf(&value));
    }
  }
  if (const Json* owners = metadata.find("ownerReferences"); owners != nullptr && owners->isArray()) {
    for (const Json& owner : owners->asArray()) {
      out.owners.push_back(ownerLink(owner));
    }
  }
  if (const Json* finalizers = metadata.find("finalizers"); finalizers != nullptr && finalizers->isArray()) {
    for (const Json& finalizer : finalizers->asArray()) {
      out.finalizers.push_back(textOf(&finalizer));
    }
  }
}

}  // namespace

std::shared_ptr<const Json> SharedTree::of(const std::string& bytes) const {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<const Json> tree = tree_.lock();
  if (tree == nullptr) {
    auto parsed = parseJson(bytes);
    tree = std::make_shared<const Json>(parsed ? *std::move(parsed) : Json());
    tree_ = tree;
  }
  return tree;
}

void SharedTree::set(const std::shared_ptr<const Json>& tree) {
  const std::lock_guard lock(mutex_);
  tree_ = tree;
}

namespace {

bool isFixed(std::string_view name) { return name == "apiVersion" || name == "kind" || name == "metadata"; }

// Text may give a number another type: 2.0 comes back as 2.
bool hasFractions(const Json& value) {
  if (value.isObject()) {
    return std::any_of(value.asObject().begin(), value.asObject().end(),
                       [](const JsonObject::Member& member) { return hasFractions(member.second); });
  }
  if (value.isArray()) {
    return std::any_of(value.asArray().begin(), value.asArray().end(), hasFractions);
  }
  return value.isDouble();
}

// The tree that parsing the version's bytes would give.
Json treeOf(const ResourceInfo& resource, const NewVersion& version) {
  const JsonObject& from = version.object.asObject();
  JsonObject metadata;
  const JsonObject& given = version.object.find("metadata")->asObject();
  metadata.reserve(given.size() + 1);
  if (version.revision != 0) {
    metadata.append("resourceVersion", std::to_string(version.revision));
  }
  for (const auto& [name, value] : given) {
    if (name != "resourceVersion") {
      metadata.append(name, value);
    }
  }
  JsonObject out;
  out.reserve(from.size() + 2);
  out.append("apiVersion", resource.apiVersion());
  out.append("kind", resource.kind);
  out.append("metadata", std::move(metadata));
  for (const auto& [name, value] : from) {
    if (!isFixed(name)) {
      out.append(name, value);
    }
  }
  return out;
}

}  // namespace

std::string storedForm(const ResourceInfo& resource, const Json& object) {
  std::string out;
  out.reserve(kUsualBytes);
  out += cat("{\"apiVersion\":\"", resource.apiVersion(), "\",\"kind\":\"", resource.kind, "\",", kMetadata);
  const auto member = [&out](std::string_view name, const Json& value) {
    out += out.back() == '{' ? "" : ",";
    appendJsonString(out, name);
    out += ':';
    value.dumpTo(out);
  };
  for (const auto& [name, value] : object.find("metadata")->asObject()) {
    if (name != "resourceVersion") {
      member(name, value);
    }
  }
  out += '}';
  for (const auto& [name, value] : object.asObject()) {
    if (!isFixed(name)) {
      member(name, value);
    }
  }
  out += '}';
  return out;
}

StoredPtr makeStored(const ResourceInfo& resource, const NewVersion& version, std::shared_ptr<const Json>* tree) {
  auto out = std::make_shared<StoredObject>();
  if (const Json* metadata = version.object.find("metadata")) {
    readMetadata(*metadata, *out);
  }
  for (const std::string& path : resource.selectableFields) {
    out->fields.emplace_back(path.starts_with('.') ? path.substr(1) : path, selectable(resource, version.object, path));
  }
  out->revision = version.revision;
  const std::size_t at = version.stored.find(kMetadata) + kMetadata.size();
  out->bytes.reserve(version.stored.size() + 48);
  out->bytes.append(version.stored.substr(0, at));
  if (version.revision != 0) {
    out->bytes += cat("\"resourceVersion\":\"", version.revision, "\",");
  }
  out->bytes.append(version.stored.substr(at));
  if (version.checked) {
    out->checkedBy = resource.schema;
  }
  if (tree != nullptr && !hasFractions(version.object)) {
    *tree = std::make_shared<const Json>(treeOf(resource, version));
    out->shared.set(*tree);
  }
  return out;
}

void RecentTrees::add(std::shared_ptr<const Json> tree, std::size_t bytes) {
  if (tree == nullptr) {
    return;
  }
  trees_.emplace_back(std::move(tree), bytes);
  bytes_ += bytes;
  while (bytes_ > kMaxBytes) {
    bytes_ -= trees_.front().second;
    trees_.pop_front();
  }
}

StoredPtr withRevision(const StoredObject& object, Revision revision) {
  constexpr std::string_view kVersion = "\"resourceVersion\":\"";
  auto out = std::make_shared<StoredObject>(object);
  out->revision = revision;
  const std::size_t at = out->bytes.find(kMetadata) + kMetadata.size();
  if (std::string_view(out->bytes).substr(at).starts_with(kVersion)) {
    const std::size_t from = at + kVersion.size();
    out->bytes.replace(from, out->bytes.find('"', from) - from, std::to_string(revision));
  }
  return out;
}

namespace {

constexpr std::string_view kStart = "{\"apiVersion\":\"";

}  // namespace

bool shownAs(const ResourceInfo& resource, const StoredObject& object) {
  const std::size_t end = object.bytes.find('"', kStart.size());
  return std::string_view(object.bytes).substr(kStart.size(), end - kStart.size()) == resource.apiVersion();
}

std::string bytesAs(const ResourceInfo& resource, const StoredObject& object) {
  if (shownAs(resource, object)) {
    return object.bytes;
  }
  const std::size_t end = object.bytes.find('"', kStart.size());
  return cat(kStart, resource.apiVersion(), std::string_view(object.bytes).substr(end));
}

StoredPtr WatchCache::find(const ObjectKey& key) const {
  const auto found = objects_.find(key);
  return found == objects_.end() ? nullptr : found->second;
}

std::vector<StoredPtr> WatchCache::items(const std::string& ns) const {
  std::vector<StoredPtr> out;
  if (ns.empty()) {
    out.reserve(objects_.size());
  }
  for (auto it = ns.empty() ? objects_.begin() : objects_.lower_bound({ns, ""});
       it != objects_.end() && (ns.empty() || it->first.ns == ns); ++it) {
    out.push_back(it->second);
  }
  return out;
}

std::optional<std::vector<StoredPtr>> WatchCache::itemsAt(const std::string& ns, Revision revision) const {
  if (revision < floor_) {
    return std::nullopt;
  }
  std::map<ObjectKey, StoredPtr> then;
  for (StoredPtr& object : items(ns)) {
    const ObjectKey key = object->key;
    then.emplace_hint(then.end(), key, std::move(object));
  }
  for (std::size_t i = changes_.size(); i > 0 && changes_[i - 1].revision > revision; --i) {
    const Change& change = changes_[i - 1];
    if (!ns.empty() && change.object->key.ns != ns) {
      continue;
    }
    if (!change.previousKnown) {
      return std::nullopt;
    }
    if (change.previous == nullptr) {
      then.erase(change.object->key);
    } else {
      then[change.object->key] = change.previous;
    }
  }
  std::vector<StoredPtr> out;
  out.reserve(then.size());
  for (auto& [key, object] : then) {
    out.push_back(std::move(object));
  }
  return out;
}

void WatchCache::publish(Change change) {
  if (change.type == ChangeType::Deleted) {
    objects_.erase(change.object->key);
  } else {
    objects_[change.object->key] = change.object;
  }
  remember(std::move(change));
}

void WatchCache::remember(Change change) {
  bytes_ += change.object->bytes.size();
  changes_.push_back(std::move(change));
  trim();
}

void WatchCache::put(StoredPtr object) {
  const ObjectKey key = object->key;
  objects_[key] = std::move(object);
}

void WatchCache::trim() {
  while (changes_.size() > kMaxChanges || (bytes_ > kMaxBytes && changes_.size() > 1)) {
    raiseFloor(changes_.front().revision);
    bytes_ -= changes_.front().object->bytes.size();
    changes_.pop_front();
  }
}

std::size_t WatchCache::firstAfter(Revision revision) const {
  const auto at = std::upper_bound(changes_.begin(), changes_.end(), revision,
                                   [](Revision asked, const Change& change) { return asked < change.revision; });
  return static_cast<std::size_t>(at - changes_.begin());
}

}  // namespace slipway::apiserver
