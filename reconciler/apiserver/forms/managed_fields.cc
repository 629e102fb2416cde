#include "reconciler/apiserver/forms/managed_fields.h"

#include <algorithm>
#include <map>
#include <utility>

#include "reconciler/apiserver/forms/builtin_resources.h"
#include "reconciler/apiserver/forms/field_set.h"
#include "reconciler/apiserver/forms/managed_entries.h"
#include "reconciler/apiserver/forms/typed_merge.h"
#include "reconciler/base/strings.h"

namespace slipway::apiserver {

namespace {

constexpr std::size_t kMaxManagerBytes = 128;
constexpr std::size_t kMaxAnnotationBytes = 262'144;
constexpr std::string_view kKubectl = "kubectl";
constexpr std::string_view kLastApplied = "kubectl.kubernetes.io/last-applied-configuration";

// What the server sets in metadata: nobody owns it.
constexpr std::string_view kServerMetadata[] = {"name",
                                                "namespace",
                                                "uid",
                                                "resourceVersion",
                                                "generation",
                                                "creationTimestamp",
                                                "deletionTimestamp",
                                                "deletionGracePeriodSeconds",
                                                "managedFields",
                                                "selfLink"};

bool isServerMetadata(std::string_view name) {
  return std::find(std::begin(kServerMetadata), std::end(kServerMetadata), name) != std::end(kServerMetadata);
}

// The part of an object that managers can own.
Json ownable(const Json& object) {
  Json out = Json::object();
  for (const auto& [name, value] : object.asObject()) {
    if (name == "apiVersion" || name == "kind") {
      continue;
    }
    if (name != "metadata" || !value.isObject()) {
      out.asObject().append(name, value);
      continue;
    }
    Json metadata = Json::object();
    for (const auto& [field, inner] : value.asObject()) {
      if (!isServerMetadata(field)) {
        metadata.asObject().append(field, inner);
      }
    }
    if (!metadata.asObject().empty()) {
      out.asObject().append(name, std::move(metadata));
    }
  }
  return out;
}

// What a write through this endpoint cannot touch is not tracked either.
void restrict(FieldSet& set, const ManagedWrite& write) {
  if (write.subresource == "status") {
    set.keepTree("f:status");
  } else if (write.subresource.empty() && write.resource.hasStatus) {
    set.eraseTree({"f:status"});
  }
  // The word itself, as opposed to what is below it.
  FieldSet metadata;
  metadata.insert({"f:metadata"});
  set.subtract(metadata);
}

FieldChanges changesOf(const Json& before, const Json& after, const ManagedWrite& write) {
  FieldChanges changes = compareFields(before, after, MergeType::root(write.resource.schema.get()));
  for (FieldSet* set : {&changes.added, &changes.modified, &changes.removed}) {
    restrict(*set, write);
  }
  return changes;
}

void dropNullMembers(Json& value) {
  if (value.isArray()) {
    for (Json& item : value.asArray()) {
      dropNullMembers(item);
    }
  }
  if (!value.isObject()) {
    return;
  }
  Json::Object kept;
  for (auto& [name, member] : value.asObject()) {
    if (!member.isNull()) {
      dropNullMembers(member);
      kept.append(name, std::move(member));
    }
  }
  value = Json(std::move(kept));
}

struct Conflict {
  std::string owner;  // as written in messages
  FieldPath path;
};

// `"m1"`; who updated is told apart further by subresource, version and time.
std::string ownerText(const Entry& entry) {
  Json name(entry.manager);
  std::string out = name.dump();
  if (!entry.subresource.empty()) {
    out += cat(" with subresource ", Json(entry.subresource).dump());
  }
  if (!entry.isApply()) {
    out += cat(" using ", entry.apiVersion);
    if (!entry.time.empty()) {
      out += cat(" at ", entry.time);
    }
  }
  return out;
}

ApplyFailure conflictFailure(const std::vector<Conflict>& conflicts) {
  ApplyFailure out{409, "Conflict", {}, {}};
  std::map<std::string, std::vector<std::string>> byOwner;
  for (const Conflict& conflict : conflicts) {
    const std::string path = pathText(conflict.path);
    byOwner[conflict.owner].push_back(path);
    out.causes.push_back({"FieldManagerConflict", path, cat("conflict with ", conflict.owner)});
  }
  if (conflicts.size() == 1) {
    out.message = cat("Apply failed with 1 conflict: conflict with ", conflicts.front().owner, ": ",
                      pathText(conflicts.front().path));
    return out;
  }
  std::vector<std::string> lines;
  for (const auto& [owner, paths] : byOwner) {
    lines.push_back(cat("conflicts with ", owner, ":"));
    for (const std::string& path : paths) {
      lines.push_back(cat("- ", path));
    }
  }
  out.message = cat("Apply failed with ", conflicts.size(), " conflicts: ", join(lines, "\n"));
  return out;
}

std::optional<ApplyFailure> badRequest(std::string message) {
  return ApplyFailure{400, "BadRequest", std::move(message), {}};
}

std::optional<ApplyFailure> checkIdentity(const ManagedWrite& write, const Json& config) {
  const ResourceInfo& resource = write.resource;
  const std::string apiVersion = config.getString("apiVersion");
  const std::string kind = config.getString("kind");
  if (apiVersion.empty() || kind.empty()) {
    return badRequest(cat("invalid object type: ", apiVersion.empty() ? "/" : apiVersion, ", Kind=", kind,
                          ": an apply configuration must have apiVersion and kind"));
  }
  if (apiVersion != resource.apiVersion()) {
    return badRequest(cat("the API version in the data (", apiVersion, ") does not match the expected API version (",
                          resource.apiVersion(), ")"));
  }
  if (kind != resource.kind) {
    return badRequest(cat("the kind in the data (", kind, ") does not match the expected kind (", resource.kind, ")"));
  }
  const Json* metadata = config.find("metadata");
  if (const Json* managed = metadata == nullptr ? nullptr : metadata->find("managedFields");
      managed != nullptr && !managed->isNull()) {
    return badRequest("metadata.managedFields must be nil");
  }
  const std::string name = metadata == nullptr ? "" : metadata->getString("name");
  if (name.empty()) {
    return badRequest(
        cat("the name of the object (", write.name, " based on URL) was undeterminable: name must be provided"));
  }
  if (name != write.name) {
    return badRequest(cat("the name of the object (", name, ") does not match the name on the URL (", write.name, ")"));
  }
  return std::nullopt;
}

std::vector<std::string> undeclaredFields(const ManagedWrite& write, const Json& config) {
  std::vector<std::string> out;
  if (const Json* metadata = config.find("metadata"); metadata != nullptr && metadata->isObject()) {
    for (const auto& [name, value] : metadata->asObject()) {
      if (objectMetaSchema().property(name) == nullptr) {
        out.push_back("metadata." + name);
      }
    }
  }
  if (write.resource.schema != nullptr) {
    Json copy = config;
    for (std::string& path : write.resource.schema->unknownFields(copy, false)) {
      out.push_back(std::move(path));
    }
  }
  return out;
}

std::optional<ApplyFailure> checkTyped(const ManagedWrite& write, const Json& config) {
  std::vector<std::string> errors;
  for (const std::string& path : undeclaredFields(write, config)) {
    errors.push_back(cat(".", path, ": field not declared in schema"));
  }
  if (auto duplicate = findDuplicateItem(config, MergeType::root(write.resource.schema.get()))) {
    errors.push_back(std::move(*duplicate));
  }
  if (errors.empty()) {
    return std::nullopt;
  }
  const std::string found = errors.size() == 1 ? errors.front() : "errors:\n  " + join(errors, "\n  ");
  return ApplyFailure{500,
                      "",
                      cat("failed to create typed patch object (", write.ns, "/", write.name, "; ",
                          write.resource.apiVersion(), ", Kind=", write.resource.kind, "): ", found),
                      {}};
}

// A configuration for an object that must have been there.
std::optional<ApplyFailure> checkMissing(const ManagedWrite& write, const Json& config) {
  const std::string subject = cat(write.resource.qualified(), " \"", write.name, "\"");
  if (!write.subresource.empty()) {
    return ApplyFailure{404, "NotFound", cat(subject, " not found"), {}};
  }
  const std::string uid = config.find("metadata")->getString("uid");
  const std::string version = config.find("metadata")->getString("resourceVersion");
  const std::string prefix = cat("Operation cannot be fulfilled on ", subject, ": ");
  if (!uid.empty()) {
    return ApplyFailure{
        409,
        "Conflict",
        cat(prefix, "uid mismatch: the provided object specified uid ", uid, ", and no existing object was found"),
        {}};
  }
  if (!version.empty()) {
    return ApplyFailure{409,
                        "Conflict",
                        cat(prefix,
                            "the object has been modified; please apply your changes to the latest version "
                            "and try again"),
                        {}};
  }
  return std::nullopt;
}

// One server-side apply, step by step.
class Application {
 public:
  Application(const ManagedWrite& write, const Json* live, const Json& config)
      : write_(write),
        type_(MergeType::root(write.resource.schema.get())),
        live_(live == nullptr ? Json::object() : ownable(*live)),
        config_(ownable(config)) {
    if (!write.resource.custom) {
      dropNullMembers(config_);
    }
    restrictConfiguration();
    self_ = Entry{write.manager, std::string(kApplyOperation), write.resource.apiVersion(), write.subresource, "", {}};
    self_.fields = fieldsOf(config_, type_);
    restrict(self_.fields, write_);
    readEntries(live);
    next_ = mergeConfiguration(live_, config_, type_);
    prune();
    changes_ = changesOf(live_, next_, write_);
  }

  // What others own and this would change.
  std::vector<Conflict> conflicts() const {
    const FieldSet written = changes_.written();
    std::vector<Conflict> out;
    for (const Entry& other : others_) {
      const std::string owner = ownerText(other);
      other.fields.intersection(written).forEach([&](const FieldPath& path) { out.push_back({owner, path}); });
    }
    return out;
  }

  // The entries afterwards: what changed is taken from the others.
  Entries entries() const {
    Entries out;
    FieldSet lost = changes_.written();
    lost.unite(changes_.removed);
    for (Entry other : others_) {
      other.fields.subtract(lost);
      if (!other.fields.empty()) {
        out.push_back(std::move(other));
      }
    }
    if (!self_.fields.empty()) {
      Entry self = self_;
      self.time = changes_.empty() ? previousTime_ : formatTime(write_.now);
      out.push_back(std::move(self));
    }
    capUpdates(out);
    return out;
  }

  // The live object (nullptr: none) with what the merge made of its ownable part.
  Json object(const Json* live, const Json& config) const {
    Json out = Json::object({{"apiVersion", write_.resource.apiVersion()}, {"kind", write_.resource.kind}});
    Json metadata = Json::object();
    const Json* known = live == nullptr ? config.find("metadata") : live->find("metadata");
    for (const auto& [name, value] : known->asObject()) {
      const bool kept = live == nullptr ? name == "name" || name == "namespace" : name != "managedFields";
      if (kept && isServerMetadata(name)) {
        metadata[name] = value;
      }
    }
    for (const char* precondition : {"uid", "resourceVersion"}) {
      const std::string asked = config.find("metadata")->getString(precondition);
      if (!asked.empty()) {
        metadata[precondition] = asked;
      }
    }
    if (const Json* merged = next_.find("metadata"); merged != nullptr && merged->isObject()) {
      for (const auto& [name, value] : merged->asObject()) {
        metadata[name] = value;
      }
    }
    out["metadata"] = std::move(metadata);
    for (const auto& [name, value] : next_.asObject()) {
      if (name != "metadata") {
        out[name] = value;
      }
    }
    return out;
  }

  const Json& live() const { return live_; }

 private:
  void restrictConfiguration() {
    if (write_.subresource == "status") {
      const Json* status = config_.find("status");
      config_ = status == nullptr ? Json::object() : Json::object({{"status", *status}});
    } else if (write_.resource.hasStatus) {
      config_.asObject().erase("status");
    }
  }

  void readEntries(const Json* live) {
    const Json* metadata = live == nullptr ? nullptr : live->find("metadata");
    Entries entries =
        decodeEntries(metadata == nullptr ? nullptr : metadata->find("managedFields")).value_or(Entries{});
    if (live != nullptr && entries.empty()) {
      Entry before{"before-first-apply", std::string(kUpdateOperation), write_.resource.apiVersion(), "", "", {}};
      ManagedWrite mainEndpoint = write_;
      mainEndpoint.subresource.clear();
      before.fields = changesOf(Json::object(), live_, mainEndpoint).added;
      entries.push_back(std::move(before));
    }
    for (Entry& entry : entries) {
      if (entry.sameOwner(self_)) {
        previous_ = std::move(entry.fields);
        previousTime_ = std::move(entry.time);
      } else {
        others_.push_back(std::move(entry));
      }
    }
  }

  void prune() {
    FieldSet kept = self_.fields;
    for (const Entry& other : others_) {
      kept.unite(other.fields);
    }
    pruneFields(next_, type_, previous_, kept);
  }

  const ManagedWrite& write_;
  MergeType type_;
  Json live_;
  Json config_;
  Entry self_;
  FieldSet previous_;  // what the manager owned before
  std::string previousTime_;
  Entries others_;
  Json next_;
  FieldChanges changes_;
};

std::string lastApplied(const Json* object) {
  const Json* annotations = object == nullptr ? nullptr : object->at({"metadata", "annotations"});
  return annotations == nullptr ? "" : annotations->getString(kLastApplied);
}

// What `kubectl apply` without --server-side recorded and nobody changed since: kubectl may take it without force.
FieldSet takenOverFromClientSide(const ManagedWrite& write, const Json* live, const Json& ownableLive) {
  const auto recorded = parseJson(lastApplied(live));
  if (!recorded || !recorded->isObject()) {
    return {};
  }
  const Json applied = ownable(*recorded);
  FieldSet out = fieldsOf(applied, MergeType::root(write.resource.schema.get()));
  const FieldChanges changes = changesOf(applied, ownableLive, write);
  out.subtract(changes.written());
  out.subtract(changes.removed);
  return out;
}

void recordLastApplied(Json& object, const Json& config) {
  Json copy = config;
  if (Json* annotations = copy.at({"metadata", "annotations"}); annotations != nullptr && annotations->isObject()) {
    annotations->asObject().erase(kLastApplied);
  }
  std::string text = copy.dump() + "\n";
  object["metadata"]["annotations"][kLastApplied] = text.size() > kMaxAnnotationBytes ? "" : std::move(text);
}

// The entries an update starts from: those the client set, else those of the live object.
Entries startingEntries(const ManagedWrite& write, const Json* live, const Json& object) {
  const Json* known = live == nullptr ? nullptr : live->at({"metadata", "managedFields"});
  const Json* given = object.at({"metadata", "managedFields"});
  if (live != nullptr && write.subresource.empty() && given != nullptr) {
    if (clearsEntries(*given)) {
      return {};
    }
    if (auto decoded = decodeEntries(given); decoded && !decoded->empty()) {
      return std::move(*decoded);
    }
  }
  return decodeEntries(known).value_or(Entries{});
}

// Most writes change only what their manager owns or nobody does. False when this one is not of that kind: nothing was
// done then.
bool trackOwn(const ManagedWrite& write, const Json& live, const FieldChanges& changes, Json& object) {
  const Json* known = live.at({"metadata", "managedFields"});
  const Json* given = std::as_const(object).at({"metadata", "managedFields"});
  if (known == nullptr || !known->isArray() || known->asArray().empty() ||
      (given != nullptr && !given->sharesWith(*known))) {
    return false;
  }
  const Entry self{write.manager,     std::string(kUpdateOperation), write.resource.apiVersion(),
                   write.subresource, formatTime(write.now),         {}};
  auto next = entriesAfter(*known, self, changes.written(), changes.removed);
  if (!next) {
    return false;
  }
  object["metadata"]["managedFields"] = *std::move(next);
  return true;
}

// Every member of `a` but those skipped equals that of `b`, and `b` has no others.
template <typename Equal>
bool equalMembers(const Json& a, const Json& b, std::string_view skipped, Equal equal) {
  if (!a.isObject() || !b.isObject()) {
    return a == b;
  }
  const auto countOf = [&](const Json& side) {
    return side.asObject().size() - (side.asObject().contains(skipped) ? 1 : 0);
  };
  if (countOf(a) != countOf(b)) {
    return false;
  }
  return std::all_of(a.asObject().begin(), a.asObject().end(), [&](const JsonObject::Member& member) {
    const Json* other = b.find(member.first);
    return member.first == skipped || (other != nullptr && equal(member.first, member.second, *other));
  });
}

}  // namespace

std::string fieldManager(std::string_view parameter, std::string_view userAgent) {
  std::string out(parameter.empty() ? userAgent.substr(0, userAgent.find('/')) : parameter);
  if (out.empty()) {
    return "unknown";
  }
  out = printable(out.substr(0, kMaxManagerBytes));
  std::replace(out.begin(), out.end(), '\n', '?');
  std::replace(out.begin(), out.end(), '\t', '?');
  return out;
}

ApplyResult applyConfiguration(const ManagedWrite& write, const Json* live, const Json& config, bool force) {
  if (!config.isObject()) {
    return {nullptr, badRequest("error decoding YAML: the body must be an object")};
  }
  auto failure = checkIdentity(write, config);
  if (!failure) {
    failure = checkTyped(write, config);
  }
  if (!failure && live == nullptr) {
    failure = checkMissing(write, config);
  }
  if (failure) {
    return {nullptr, std::move(failure)};
  }
  const Application application(write, live, config);
  std::vector<Conflict> conflicts = application.conflicts();
  if (!conflicts.empty() && !force && write.manager == kKubectl) {
    const FieldSet allowed = takenOverFromClientSide(write, live, application.live());
    std::erase_if(conflicts, [&](const Conflict& conflict) { return allowed.contains(conflict.path); });
  }
  if (!conflicts.empty() && !force) {
    return {nullptr, conflictFailure(conflicts)};
  }
  Json object = application.object(live, config);
  if (write.manager == kKubectl && !lastApplied(&object).empty()) {
    recordLastApplied(object, config);
  }
  storeEntries(object, application.entries());
  return {std::move(object), std::nullopt};
}

void trackUpdate(const ManagedWrite& write, const Json* live, Json& object) {
  const FieldChanges changes = changesOf(live == nullptr ? Json::object() : ownable(*live), ownable(object), write);
  if (live != nullptr && trackOwn(write, *live, changes, object)) {
    return;
  }
  Entries entries = startingEntries(write, live, object);
  if (live != nullptr && entries.empty()) {
    storeEntries(object, {});  // never tracked, or no longer: an apply starts it again
    return;
  }
  const FieldSet written = changes.written();
  Entry self{write.manager, std::string(kUpdateOperation), write.resource.apiVersion(), write.subresource, "", {}};
  Entries out;
  for (Entry& entry : entries) {
    entry.fields.subtract(changes.removed);
    if (entry.sameOwner(self)) {
      self = std::move(entry);
      continue;
    }
    entry.fields.subtract(written);
    if (!entry.fields.empty()) {
      out.push_back(std::move(entry));
    }
  }
  if (!written.empty()) {
    self.fields.unite(written);
    self.time = formatTime(write.now);
  }
  if (!self.fields.empty()) {
    out.push_back(std::move(self));
  }
  capUpdates(out);
  storeEntries(object, std::move(out));
}

bool equalIgnoringTimes(const Json& a, const Json& b) {
  return equalMembers(a, b, {}, [](const std::string& name, const Json& left, const Json& right) {
    if (name != "metadata") {
      return left == right;
    }
    return equalMembers(left, right, "resourceVersion", [](const std::string& field, const Json& x, const Json& y) {
      return field == "managedFields" ? equalEntries(x, y) : x == y;
    });
  });
}

}  // namespace slipway::apiserver
