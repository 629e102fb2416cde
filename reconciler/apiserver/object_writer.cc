#include "reconciler/apiserver/object_writer.h"

#include <algorithm>
#include <utility>

#include "reconciler/apiserver/forms/shared_parts.h"
#include "reconciler/apiserver/kind_rules.h"
#include "reconciler/apiserver/object_rules.h"
#include "reconciler/apiserver/patch_document.h"
#include "reconciler/apiserver/registry_resources.h"
#include "reconciler/base/strings.h"

namespace slipway::apiserver {

using schema::FieldError;

namespace {

// How often a write is decided again because another one came first. Each time means that somebody else got on.
constexpr int kAttempts = 64;
constexpr int kNameAttempts = 8;
constexpr std::size_t kMaxGeneratedPrefix = 58;
constexpr std::string_view kDefinitionCleanup = "customresourcecleanup.apiextensions.k8s.io";

bool is(const ResourceInfo& resource, std::string_view kind) { return !resource.custom && resource.kind == kind; }

std::string text(const Json& object, std::initializer_list<std::string_view> path) {
  const Json* value = object.at(path);
  return value != nullptr && value->isString() ? value->asString() : std::string();
}

void copyMember(const Json& from, Json& to, std::string_view name) {
  if (const Json* value = from.find(name)) {
    to[name] = *value;
  } else {
    to.asObject().erase(name);
  }
}

// Equal in everything but apiVersion, kind and metadata.
bool sameContent(const Json& a, const Json& b) {
  const auto covers = [](const Json& left, const Json& right) {
    for (const auto& [name, value] : left.asObject()) {
      if (name == "apiVersion" || name == "kind" || name == "metadata") {
        continue;
      }
      const Json* twin = right.find(name);
      if (twin == nullptr || !(*twin == value)) {
        return false;
      }
    }
    return true;
  };
  return covers(a, b) && covers(b, a);
}

bool emptyList(const Json* list) { return list == nullptr || !list->isArray() || list->asArray().empty(); }

// Whether nothing keeps a deleted object any more.
bool finished(const ResourceInfo& resource, const Json& object) {
  return !text(object, {"metadata", "deletionTimestamp"}).empty() && emptyList(object.at({"metadata", "finalizers"})) &&
         (!is(resource, "Namespace") || emptyList(object.at({"spec", "finalizers"})));
}

StoredPtr unstored(const ResourceInfo& resource, const Json& object, Revision revision) {
  return makeStored(resource, {object, storedForm(resource, object), revision}, nullptr);
}

ApiError fromApply(const ApplyFailure& failure) {
  ApiError error{failure.code, failure.reason, failure.message, {}, {}};
  if (!failure.causes.empty()) {
    Json causes = Json::array();
    for (const FieldError& cause : failure.causes) {
      causes.push(Json::object({{"reason", cause.reason}, {"message", cause.message}, {"field", cause.field}}));
    }
    error.details = Json::object({{"causes", std::move(causes)}});
  }
  return error;
}

}  // namespace

ManagedWrite ObjectWriter::managed(const Target& target, const WriteOptions& options) const {
  return {*target.resource, options.manager, options.subresource == "finalize" ? "" : options.subresource,
          target.key.ns,    target.key.name, registry_.ports().clock.wall()};
}

// Finds what the kind does not declare, says so as the client asked for, and removes it.
ApiCheck ObjectWriter::decode(const Target& target, Json& object, const Json* known, const WriteOptions& options,
                              Written& out) const {
  const ResourceInfo& resource = *target.resource;
  if (!resource.custom) {
    dropNulls(object);
  }
  std::vector<std::string> unknown = dropUnknownMetadata(object);
  if (resource.schema != nullptr) {
    for (std::string& field : resource.schema->unknownFields(object, true, known)) {
      unknown.push_back(std::move(field));
    }
  }
  std::sort(unknown.begin(), unknown.end());
  std::vector<std::string> findings;
  for (const std::string& field : options.duplicates) {
    findings.push_back(cat("duplicate field \"", field, "\""));
  }
  for (const std::string& field : unknown) {
    findings.push_back(cat("unknown field \"", field, "\""));
  }
  if (findings.empty() || options.validation == FieldValidation::Ignore) {
    return std::nullopt;
  }
  if (options.validation == FieldValidation::Strict) {
    return badRequest(cat(resource.kind, " in version \"", resource.version, "\" cannot be handled as a ",
                          resource.kind, ": strict decoding error: ", join(findings, ", ")));
  }
  out.warnings.insert(out.warnings.end(), findings.begin(), findings.end());
  return std::nullopt;
}

ApiCheck ObjectWriter::namespaceAccepts(const Target& target, const std::string& name) const {
  if (!target.resource->namespaced) {
    return std::nullopt;
  }
  const ResourcePtr namespaces = registry_.resource("", "v1", "namespaces");
  const StoredPtr ns = registry_.newest(*namespaces, {"", target.key.ns});
  if (ns == nullptr) {
    return namespaceNotFound(target.key.ns);
  }
  return ns->deleting ? ApiCheck(namespaceTerminating(*target.resource, name, target.key.ns)) : std::nullopt;
}

ApiResult<Written> ObjectWriter::create(const Target& target, Json object, const WriteOptions& options) {
  if (auto error = admitIdentity(*target.resource, target.key, object)) {
    return *error;
  }
  if (!text(object, {"metadata", "resourceVersion"}).empty()) {
    return ApiError{500, "", "resourceVersion should not be set on objects to be created", {}, {}};
  }
  object["metadata"].asObject().erase("managedFields");
  const std::string prefix = text(object, {"metadata", "generateName"});
  const bool generated = text(object, {"metadata", "name"}).empty() && !prefix.empty();
  for (int attempt = 1;; ++attempt) {
    if (generated) {
      object["metadata"]["name"] = prefix.substr(0, kMaxGeneratedPrefix) + newNameSuffix(registry_.ports().random, 5);
    }
    auto written = insert(target, object, options, false);
    if (written || !generated || written.error().reason != "AlreadyExists" || attempt == kNameAttempts) {
      return written;
    }
  }
}

ApiResult<Written> ObjectWriter::insert(const Target& target, Json object, const WriteOptions& options, bool tracked) {
  return told(tryInsert(target, std::move(object), options, tracked));
}

ApiResult<Written> ObjectWriter::tryInsert(const Target& target, Json object, const WriteOptions& options,
                                           bool tracked) {
  const ResourceInfo& resource = *target.resource;
  Written out;
  out.created = true;
  if (auto error = prepareCreate(target, object, options, out)) {
    return *error;
  }
  const ObjectKey key{target.key.ns, text(object, {"metadata", "name"})};
  if (!tracked) {
    trackUpdate(managed({target.resource, key}, options), nullptr, object);
  }
  StoredPtr existing = registry_.newest(resource, key);
  while (existing == nullptr) {
    if (options.dryRun) {
      out.object = unstored(resource, object, 0);
      return out;
    }
    auto committed = registry_.commit({target.resource, key, nullptr, object, resource.schema != nullptr});
    if (!committed) {
      return committed.error();
    }
    if (*committed != nullptr) {
      out.object = *committed;
      return out;
    }
    existing = registry_.newest(resource, key);
  }
  return alreadyExists(resource, key.name, existing->deleting ? "object is being deleted: " : "");
}

ApiCheck ObjectWriter::prepareCreate(const Target& target, Json& object, const WriteOptions& options, Written& out) {
  const ResourceInfo& resource = *target.resource;
  object["apiVersion"] = resource.apiVersion();
  object["kind"] = resource.kind;
  if (auto error = decode(target, object, nullptr, options, out)) {
    return error;
  }
  const std::string name = text(object, {"metadata", "name"});
  if (auto error = namespaceAccepts(target, name)) {
    return error;
  }
  if (resource.hasStatus) {
    object.asObject().erase("status");
  }
  if (auto error = applyStrategy(resource, nullptr, object)) {
    return error;
  }
  if (resource.custom && resource.schema != nullptr) {
    resource.schema->applyDefaults(object);
  }
  Json& metadata = object["metadata"];
  for (const char* field :
       {"uid", "creationTimestamp", "deletionTimestamp", "generation", "selfLink", "deletionGracePeriodSeconds"}) {
    metadata.asObject().erase(field);
  }
  if (std::string warning = mergeOwnerReferences(object); !warning.empty()) {
    out.warnings.push_back(std::move(warning));
  }
  std::vector<FieldError> errors = validateMetadata(resource, nullptr, object);
  for (auto& more :
       {resource.schema == nullptr ? std::vector<FieldError>() : resource.schema->validate(object, nullptr),
        validateKind(resource, nullptr, object)}) {
    errors.insert(errors.end(), more.begin(), more.end());
  }
  if (errors.empty()) {
    errors = checkKindRules(registry_, resource, nullptr, object);
  }
  if (!errors.empty()) {
    return invalidObject(resource, name, errors);
  }
  const std::string now = formatTime(registry_.ports().clock.wall());
  metadata["uid"] = newUuid(registry_.ports().random);
  metadata["creationTimestamp"] = now;
  if (resource.hasGeneration) {
    metadata["generation"] = 1;
  }
  if (is(resource, "CustomResourceDefinition")) {
    establish(object, now);
  }
  return std::nullopt;
}

// A refusal tells of what others have decided and may not be durable yet: after a crash it would not have been true.
ApiResult<Written> ObjectWriter::told(ApiResult<Written> result) {
  if (!result) {
    if (auto error = registry_.settle()) {
      return *error;
    }
  }
  return result;
}

ApiResult<Written> ObjectWriter::edit(const Target& target, const WriteOptions& options, const Edit& edit) {
  return told(tryEdit(target, options, edit));
}

ApiResult<Written> ObjectWriter::tryEdit(const Target& target, const WriteOptions& options, const Edit& edit) {
  const ResourceInfo& resource = *target.resource;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const StoredPtr stored = registry_.newest(resource, target.key);
    if (stored == nullptr) {
      return notFound(resource, target.key.name);
    }
    Json live = stored->parse();
    if (!shownAs(resource, *stored)) {
      live["apiVersion"] = resource.apiVersion();
    }
    auto draft = edit(live);
    if (!draft) {
      return draft.error();
    }
    draft->known = stored->checkedBy != nullptr && stored->checkedBy == resource.schema ? &live : nullptr;
    Written out;
    if (auto error = prepareUpdate(target, live, *draft, out, options)) {
      return *error;
    }
    out.object = stored;
    if (equalIgnoringTimes(live, draft->object)) {
      if (auto error = registry_.settle(stored->revision)) {
        return *error;
      }
      return out;
    }
    if (options.dryRun) {
      out.object = unstored(resource, draft->object, stored->revision);
      return out;
    }
    out.removed = finished(resource, draft->object);
    draft->object.settle();
    auto committed =
        registry_.commit({target.resource, target.key, stored,
                          out.removed ? std::nullopt : std::optional(draft->object), resource.schema != nullptr});
    if (!committed) {
      return committed.error();
    }
    if (*committed != nullptr) {
      // The writer who lets an object go sees what it wrote; watchers see the object as it was last stored.
      out.object = out.removed ? unstored(resource, draft->object, (*committed)->revision) : *committed;
      return out;
    }
  }
  return conflict(resource, target.key.name);
}

ApiCheck ObjectWriter::prepareUpdate(const Target& target, const Json& live, Draft& draft, Written& out,
                                     const WriteOptions& options) {
  const ResourceInfo& resource = *target.resource;
  const std::string& name = target.key.name;
  if (auto error = admitIdentity(resource, target.key, draft.object)) {
    return error;
  }
  Json& metadata = draft.object["metadata"];
  metadata["name"] = name;
  const std::string uid = metadata.getString("uid");
  if (const std::string known = text(live, {"metadata", "uid"}); !uid.empty() && uid != known) {
    return conflict(resource, name,
                    cat("Precondition failed: UID in precondition: ", uid, ", UID in object meta: ", known));
  }
  if (const std::string version = metadata.getString("resourceVersion");
      !version.empty() && version != text(live, {"metadata", "resourceVersion"})) {
    return conflict(resource, name);
  }
  if (auto error = decode(target, draft.object, draft.known, options, out)) {
    return error;
  }
  if (std::string warning = mergeOwnerReferences(draft.object); !warning.empty()) {
    out.warnings.push_back(std::move(warning));
  }
  return finishUpdate(target, live, draft, options);
}

namespace {

// A subresource writes its part alone: the rest of what the client sent is dropped.
void keepOtherParts(const ResourceInfo& resource, const Json& live, Json& object, std::string_view subresource) {
  if (subresource == "status" || subresource == "finalize") {
    const std::string_view part = subresource == "status" ? "status" : "spec";
    Json next = live;
    copyMember(object, next, part);
    const Json& sent = *object.find("metadata");
    if (!resource.custom && part == "status") {
      copyMember(sent, next["metadata"], "labels");
      copyMember(sent, next["metadata"], "annotations");
    }
    copyMember(sent, next["metadata"], "managedFields");
    object = std::move(next);
  } else if (resource.hasStatus) {
    copyMember(live, object, "status");
  }
}

}  // namespace

ApiCheck ObjectWriter::finishUpdate(const Target& target, const Json& live, Draft& draft, const WriteOptions& options) {
  const ResourceInfo& resource = *target.resource;
  Json& object = draft.object;
  object["apiVersion"] = resource.apiVersion();
  object["kind"] = resource.kind;
  keepOtherParts(resource, live, object, options.subresource);
  if (options.subresource != "finalize") {
    if (auto error = applyStrategy(resource, &live, object)) {
      return error;
    }
  }
  if (resource.custom && resource.schema != nullptr) {
    resource.schema->applyDefaults(object, draft.known);
  }
  object = sharingWith(live, object);
  Json& metadata = object["metadata"];
  for (const char* field : {"uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation",
                            "generateName", "resourceVersion", "selfLink"}) {
    copyMember(*live.find("metadata"), metadata, field);
  }
  if (resource.hasGeneration && options.subresource != "status" && !sameContent(live, object)) {
    metadata["generation"] = metadata.getInt("generation") + 1;
  }
  std::vector<FieldError> errors = validateMetadata(resource, &live, object);
  for (auto& more :
       {resource.schema == nullptr ? std::vector<FieldError>() : resource.schema->validate(object, &live, draft.known),
        validateKind(resource, &live, object)}) {
    errors.insert(errors.end(), more.begin(), more.end());
  }
  if (errors.empty() && options.subresource.empty()) {
    errors = checkKindRules(registry_, resource, &live, object);
  }
  if (!errors.empty()) {
    return invalidObject(resource, target.key.name, errors);
  }
  if (is(resource, "CustomResourceDefinition") && options.subresource.empty()) {
    establish(object, formatTime(registry_.ports().clock.wall()));
  }
  if (!draft.tracked) {
    trackUpdate(managed(target, options), &live, object);
  }
  return std::nullopt;
}

ApiResult<Written> ObjectWriter::replace(const Target& target, const Json& object, const WriteOptions& options) {
  const ResourceInfo& resource = *target.resource;
  const bool upsert = options.subresource.empty() && (is(resource, "Lease") || is(resource, "Event"));
  for (int attempt = 0; upsert && attempt < kAttempts; ++attempt) {
    if (registry_.newest(resource, target.key) != nullptr) {
      break;
    }
    Json fresh = object;
    if (fresh.isObject() && fresh.find("metadata") != nullptr && fresh["metadata"].isObject()) {
      fresh["metadata"].asObject().erase("resourceVersion");
      if (text(fresh, {"metadata", "name"}).empty()) {
        fresh["metadata"]["name"] = target.key.name;
      }
    }
    auto created = create(target, std::move(fresh), options);
    if (created || created.error().reason != "AlreadyExists") {
      return created;
    }
  }
  return edit(target, options, [&](const Json&) -> ApiResult<Draft> {
    if (resource.custom && text(object, {"metadata", "resourceVersion"}).empty()) {
      return invalidObject(
          resource, target.key.name,
          {{"FieldValueInvalid", "metadata.resourceVersion", "Invalid value: 0: must be specified for an update"}});
    }
    return Draft{object, false};
  });
}

ApiResult<Written> ObjectWriter::patch(const Target& target, const Patch& patch, const WriteOptions& options) {
  if (patch.format == BodyFormat::ApplyPatch) {
    return applyPatch(target, patch, options);
  }
  auto written = edit(target, options, [&](const Json& live) -> ApiResult<Draft> {
    ApiResult<Json> next = Json();
    if (patch.format == BodyFormat::JsonPatch) {
      next = applyJsonPatch(live, patch.body);
    } else if (patch.format == BodyFormat::StrategicMergePatch) {
      next = applyStrategicMergePatch(live, patch.body);
    } else if (!patch.body.isObject()) {
      return badRequest(
          "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}");
    } else {
      next = applyMergePatch(live, patch.body);
    }
    if (!next) {
      return next.error();
    }
    return Draft{*std::move(next), false};
  });
  // What strict decoding found is the patch's fault, and is said so.
  if (constexpr std::string_view kStrict = ": strict decoding error: ";
      !written && options.validation == FieldValidation::Strict && written.error().code == 400) {
    const std::size_t at = written.error().message.find(kStrict);
    if (at != std::string::npos) {
      const std::string message =
          "Invalid value: " + patch.body.dump().substr(0, 1000) + written.error().message.substr(at);
      return ApiError{
          422,
          "Invalid",
          " \"\" is invalid: patch: " + message,
          Json::object(
              {{"causes", Json::array({Json::object(
                              {{"reason", "FieldValueInvalid"}, {"message", message}, {"field", "patch"}})})}}),
          {}};
    }
  }
  return written;
}

ApiResult<Written> ObjectWriter::applyPatch(const Target& target, const Patch& patch, const WriteOptions& options) {
  const ResourceInfo& resource = *target.resource;
  WriteOptions lenient = options;  // applyConfiguration refuses undeclared fields whatever was asked for
  lenient.validation = FieldValidation::Ignore;
  const ManagedWrite write = managed(target, options);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (registry_.newest(resource, target.key) == nullptr) {
      if (!options.subresource.empty()) {
        return notFound(resource, target.key.name);
      }
      ApplyResult applied = applyConfiguration(write, nullptr, patch.body, patch.force);
      if (applied.failure) {
        return fromApply(*applied.failure);
      }
      if (auto error = admitIdentity(resource, target.key, applied.object)) {
        return *error;
      }
      auto created = insert(target, std::move(applied.object), lenient, true);
      if (created || created.error().reason != "AlreadyExists") {
        return created;
      }
    }
    auto written = edit(target, lenient, [&](const Json& live) -> ApiResult<Draft> {
      ApplyResult applied = applyConfiguration(write, &live, patch.body, patch.force);
      if (applied.failure) {
        return fromApply(*applied.failure);
      }
      return Draft{std::move(applied.object), true};
    });
    if (written || written.error().code != 404) {
      return written;
    }
  }
  return conflict(resource, target.key.name);
}

std::optional<Json> ObjectWriter::markDeleted(const Target& target, const Json& live,
                                              const std::string& propagation) const {
  const ResourceInfo& resource = *target.resource;
  Json::Array finalizers;
  bool changed = false;
  if (const Json* known = live.at({"metadata", "finalizers"}); known != nullptr && known->isArray()) {
    for (const Json& finalizer : known->asArray()) {
      const bool collector = finalizer == Json("foregroundDeletion") || finalizer == Json("orphan");
      if (!collector || propagation.empty()) {
        finalizers.push_back(finalizer);
      }
    }
    changed = finalizers.size() != known->asArray().size();
  }
  if (propagation == "Foreground" || propagation == "Orphan") {
    finalizers.emplace_back(propagation == "Foreground" ? "foregroundDeletion" : "orphan");
  }
  const bool marked = !text(live, {"metadata", "deletionTimestamp"}).empty();
  if (is(resource, "CustomResourceDefinition") && !marked) {
    finalizers.emplace_back(kDefinitionCleanup);
  }
  if (finalizers.empty() && !is(resource, "Namespace")) {
    return std::nullopt;
  }
  Json next = live;
  if (is(resource, "Namespace")) {
    next["status"]["phase"] = "Terminating";
  }
  Json& metadata = next["metadata"];
  if (!marked) {
    metadata["deletionTimestamp"] = formatTime(registry_.ports().clock.wall());
    if (!is(resource, "Namespace")) {
      metadata["deletionGracePeriodSeconds"] = 0;
    }
    if (resource.hasGeneration) {
      metadata["generation"] = metadata.getInt("generation") + 1;
    }
  }
  if (!finalizers.empty()) {
    metadata["finalizers"] = Json(std::move(finalizers));
  } else if (changed) {
    metadata.asObject().erase("finalizers");
  }
  return next;
}

ApiResult<Written> ObjectWriter::remove(const Target& target, const DeleteOptions& options) {
  return told(tryRemove(target, options));
}

ApiResult<Written> ObjectWriter::tryRemove(const Target& target, const DeleteOptions& options) {
  const ResourceInfo& resource = *target.resource;
  const std::string& name = target.key.name;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const StoredPtr stored = registry_.newest(resource, target.key);
    if (stored == nullptr) {
      return notFound(resource, name);
    }
    if (!options.uid.empty() && options.uid != stored->uid) {
      return conflict(resource, name,
                      cat("the UID in the precondition (", options.uid, ") does not match the UID in record (",
                          stored->uid, "). The object might have been deleted and then recreated"));
    }
    if (!options.resourceVersion.empty() && options.resourceVersion != std::to_string(stored->revision)) {
      return conflict(resource, name,
                      cat("the ResourceVersion in the precondition (", options.resourceVersion,
                          ") does not match the ResourceVersion in record (", stored->revision,
                          "). The object might have been modified"));
    }
    if (is(resource, "Namespace") && (name == "default" || name == "kube-system")) {
      return forbidden(resource, name, "this namespace may not be deleted");
    }
    const Json live = stored->parse();
    const std::optional<Json> marked = markDeleted(target, live, options.propagation);
    Written out{.object = stored, .created = false, .removed = !marked, .warnings = {}};
    if (options.dryRun || (marked && *marked == live)) {
      if (marked && options.dryRun) {
        out.object = unstored(resource, *marked, stored->revision);
      }
      if (auto error = registry_.settle(stored->revision)) {
        return *error;
      }
      return out;
    }
    const bool checked = stored->checkedBy != nullptr && stored->checkedBy == resource.schema;
    auto committed = registry_.commit({target.resource, target.key, stored, marked, checked});
    if (!committed) {
      return committed.error();
    }
    if (*committed != nullptr) {
      out.object = *committed;
      return out;
    }
  }
  return conflict(resource, name);
}

}  // namespace slipway::apiserver
