#include "reconciler/apiserver/forms/builtin_types.h"

#include <array>

namespace slipway::apiserver {

namespace {

using enum ValueType;

// Writers for the tables below. The suffix Opt marks fields whose zero is a value of its own.
constexpr TypeField one(std::uint32_t number, std::string_view name, ValueType type, std::string_view meaning) {
  return {number, name, type, Shape::One, false, {}, meaning};
}
constexpr TypeField oneOpt(std::uint32_t number, std::string_view name, ValueType type, std::string_view meaning) {
  return {number, name, type, Shape::One, true, {}, meaning};
}
constexpr TypeField text(std::uint32_t number, std::string_view name, std::string_view meaning) {
  return one(number, name, String, meaning);
}
constexpr TypeField msg(std::uint32_t number, std::string_view name, std::string_view type, std::string_view meaning) {
  return {number, name, Message, Shape::One, false, type, meaning};
}
constexpr TypeField list(std::uint32_t number, std::string_view name, ValueType type, std::string_view meaning) {
  return {number, name, type, Shape::List, false, {}, meaning};
}
constexpr TypeField texts(std::uint32_t number, std::string_view name, std::string_view meaning) {
  return list(number, name, String, meaning);
}
constexpr TypeField msgs(std::uint32_t number, std::string_view name, std::string_view type, std::string_view meaning) {
  return {number, name, Message, Shape::List, false, type, meaning};
}
// `detail`: "Type/key".
constexpr TypeField keyed(std::uint32_t number, std::string_view name, std::string_view detail,
                          std::string_view meaning) {
  return {number, name, Message, Shape::MapList, false, detail, meaning};
}
constexpr TypeField map(std::uint32_t number, std::string_view name, ValueType type, std::string_view meaning) {
  return {number, name, type, Shape::Map, false, {}, meaning};
}
constexpr TypeField msgMap(std::uint32_t number, std::string_view name, std::string_view type,
                           std::string_view meaning) {
  return {number, name, Message, Shape::Map, false, type, meaning};
}

constexpr TypeField kMetadata = msg(1, "metadata", "ObjectMeta", "Standard metadata of the object.");

constexpr TypeField kObjectMeta[] = {
    text(1, "name", "Unique among the objects of its kind in its namespace; cannot change."),
    text(2, "generateName", "Prefix from which the server makes a name when there is none."),
    text(3, "namespace", "The namespace the object lives in; cannot change."),
    text(4, "selfLink", "Not used any more."),
    text(5, "uid", "Unique in time and space; set by the server."),
    text(6, "resourceVersion", "The object's version, for optimistic concurrency and watches; set by the server."),
    one(7, "generation", Int64, "Counts the changes of the desired state; set by the server."),
    one(8, "creationTimestamp", Time, "When the object was created; set by the server."),
    one(9, "deletionTimestamp", Time, "When deletion was asked for; set by the server."),
    oneOpt(10, "deletionGracePeriodSeconds", Int64, "Seconds the object has to end; set by the server."),
    map(11, "labels", String, "Keys and values by which objects are selected."),
    map(12, "annotations", String, "Keys and values that tools keep with the object."),
    keyed(13, "ownerReferences", "OwnerReference/uid", "The objects this one depends on."),
    {14, "finalizers", String, Shape::Set, false, {}, "Must be empty before the object goes away."},
    msgs(17, "managedFields", "ManagedFieldsEntry", "Which manager owns which fields; kept by the server."),
};
constexpr TypeField kOwnerReference[] = {
    text(1, "kind", "Kind of the owner."),
    text(3, "name", "Name of the owner."),
    text(4, "uid", "UID of the owner."),
    text(5, "apiVersion", "API version of the owner."),
    oneOpt(6, "controller", Bool, "Whether the owner is the managing controller."),
    oneOpt(7, "blockOwnerDeletion", Bool, "Whether a foreground deletion of the owner waits for this object."),
};
constexpr TypeField kManagedFieldsEntry[] = {
    text(1, "manager", "Who manages the fields."),
    text(2, "operation", "Apply or Update."),
    text(3, "apiVersion", "Version the set of fields applies to."),
    one(4, "time", Time, "When the entry last changed."),
    text(6, "fieldsType", "FieldsV1."),
    one(7, "fieldsV1", RawJson, "The set of fields."),
    text(8, "subresource", "The subresource the fields were written through."),
};
constexpr TypeField kCondition[] = {
    text(1, "type", "Name of the condition."),
    text(2, "status", "True, False or Unknown."),
    one(4, "lastTransitionTime", Time, "When the status last changed."),
    text(5, "reason", "One word for programs."),
    text(6, "message", "Text for people."),
};

constexpr TypeField kNamespace[] = {
    kMetadata,
    msg(2, "spec", "NamespaceSpec", "Behaviour of the namespace."),
    msg(3, "status", "NamespaceStatus", "State of the namespace."),
};
constexpr TypeField kNamespaceSpec[] = {
    texts(1, "finalizers", "Must be empty before the namespace goes away."),
};
constexpr TypeField kNamespaceStatus[] = {
    text(1, "phase", "Active or Terminating."),
    keyed(2, "conditions", "Condition/type", "Why the namespace is in its phase."),
};
constexpr TypeField kConfigMap[] = {
    kMetadata,
    map(2, "data", String, "Text by key."),
    map(3, "binaryData", Bytes, "Bytes by key, base64."),
    oneOpt(4, "immutable", Bool, "Whether the data may never change."),
};
constexpr TypeField kSecret[] = {
    kMetadata,
    map(2, "data", Bytes, "Secret bytes by key, base64."),
    text(3, "type", "What the secret is for; cannot change."),
    map(4, "stringData", String, "Secret text by key, merged into data; never read back."),
    oneOpt(5, "immutable", Bool, "Whether the data may never change."),
};
constexpr TypeField kServiceAccount[] = {
    kMetadata,
    keyed(2, "secrets", "ObjectReference/name", "Secrets this account may use."),
    msgs(3, "imagePullSecrets", "LocalObjectReference", "Secrets for pulling images."),
    oneOpt(4, "automountServiceAccountToken", Bool, "Whether a token is mounted."),
};
constexpr TypeField kLocalObjectReference[] = {text(1, "name", "Name of the object.")};
constexpr TypeField kObjectReference[] = {
    text(1, "kind", "Kind of the object."),
    text(2, "namespace", "Namespace of the object."),
    text(3, "name", "Name of the object."),
    text(4, "uid", "UID of the object."),
    text(5, "apiVersion", "API version of the object."),
    text(6, "resourceVersion", "The version referred to."),
    text(7, "fieldPath", "The part of the object referred to."),
};
constexpr TypeField kEventSource[] = {
    text(1, "component", "What reported the event."),
    text(2, "host", "Where it runs."),
};
constexpr TypeField kEventSeries[] = {
    one(1, "count", Int32, "How often the event was seen."),
    one(2, "lastObservedTime", MicroTime, "When it was last seen."),
};
constexpr TypeField kEvent[] = {
    kMetadata,
    msg(2, "involvedObject", "ObjectReference", "The object the event is about."),
    text(3, "reason", "One word for programs."),
    text(4, "message", "Text for people."),
    msg(5, "source", "EventSource", "What reported the event."),
    one(6, "firstTimestamp", Time, "When the event was first seen."),
    one(7, "lastTimestamp", Time, "When the event was last seen."),
    one(8, "count", Int32, "How often the event was seen."),
    text(9, "type", "Normal or Warning."),
    one(10, "eventTime", MicroTime, "When the event was first seen."),
    msg(11, "series", "EventSeries", "Set when the event repeats."),
    text(12, "action", "What was done."),
    msg(13, "related", "ObjectReference", "A second object of the event."),
    text(14, "reportingComponent", "The controller that reported the event."),
    text(15, "reportingInstance", "The instance of that controller."),
};
constexpr TypeField kLease[] = {
    kMetadata,
    msg(2, "spec", "LeaseSpec", "Who holds the lease, and how long."),
};
constexpr TypeField kLeaseSpec[] = {
    oneOpt(1, "holderIdentity", String, "Who holds the lease."),
    oneOpt(2, "leaseDurationSeconds", Int32, "Seconds after renewTime until others may take the lease."),
    one(3, "acquireTime", MicroTime, "When the lease was taken."),
    one(4, "renewTime", MicroTime, "When the holder last renewed the lease."),
    oneOpt(5, "leaseTransitions", Int32, "How often the holder changed."),
    oneOpt(6, "strategy", String, "How a new holder is chosen."),
    oneOpt(7, "preferredHolder", String, "Who should take the lease next."),
};
constexpr TypeField kScale[] = {
    kMetadata,
    msg(2, "spec", "ScaleSpec", "The wanted scale."),
    msg(3, "status", "ScaleStatus", "The observed scale."),
};
constexpr TypeField kScaleSpec[] = {oneOpt(1, "replicas", Int32, "Wanted count.")};
constexpr TypeField kScaleStatus[] = {
    oneOpt(1, "replicas", Int32, "Observed count."),
    text(2, "selector", "Label selector of what is counted."),
};

constexpr TypeField kDeleteOptions[] = {
    oneOpt(1, "gracePeriodSeconds", Int64, "Seconds the object has to end."),
    msg(2, "preconditions", "Preconditions", "What must hold for the deletion."),
    oneOpt(3, "orphanDependents", Bool, "Whether dependents stay; use propagationPolicy."),
    oneOpt(4, "propagationPolicy", String, "Orphan, Background or Foreground."),
    texts(5, "dryRun", "All: nothing is deleted."),
    oneOpt(6, "ignoreStoreReadErrorWithClusterBreakingPotential", Bool, "Not used."),
};
constexpr TypeField kPreconditions[] = {
    oneOpt(1, "uid", String, "The object's UID."),
    oneOpt(2, "resourceVersion", String, "The object's version."),
};

constexpr TypeField kResourceAttributes[] = {
    text(1, "namespace", "Namespace of the action; empty: all."),
    text(2, "verb", "get, list, watch, create, update, patch, delete, deletecollection; *: all."),
    text(3, "group", "API group; *: all."),
    text(4, "version", "API version; *: all."),
    text(5, "resource", "Plural name; *: all."),
    text(6, "subresource", "For example status."),
    text(7, "name", "Name of the object; empty: all."),
};
constexpr TypeField kNonResourceAttributes[] = {
    text(1, "path", "Path of the URL."),
    text(2, "verb", "Lower-case HTTP verb."),
};
constexpr TypeField kSelfSubjectAccessReview[] = {
    kMetadata,
    msg(2, "spec", "SelfSubjectAccessReviewSpec", "What is asked."),
    msg(3, "status", "SubjectAccessReviewStatus", "The answer."),
};
constexpr TypeField kSelfSubjectAccessReviewSpec[] = {
    msg(1, "resourceAttributes", "ResourceAttributes", "An action on a resource."),
    msg(2, "nonResourceAttributes", "NonResourceAttributes", "An action on another path."),
};
constexpr TypeField kSubjectAccessReview[] = {
    kMetadata,
    msg(2, "spec", "SubjectAccessReviewSpec", "What is asked."),
    msg(3, "status", "SubjectAccessReviewStatus", "The answer."),
};
constexpr TypeField kSubjectAccessReviewSpec[] = {
    msg(1, "resourceAttributes", "ResourceAttributes", "An action on a resource."),
    msg(2, "nonResourceAttributes", "NonResourceAttributes", "An action on another path."),
    text(3, "user", "The user asked about."),
    texts(4, "groups", "Groups of that user."),
    map(5, "extra", Strings, "More about that user."),
    text(6, "uid", "UID of that user."),
};
constexpr TypeField kSubjectAccessReviewStatus[] = {
    oneOpt(1, "allowed", Bool, "Whether the action is allowed."),
    text(2, "reason", "Why."),
    text(3, "evaluationError", "What went wrong while finding out."),
    one(4, "denied", Bool, "Whether the action is forbidden for good."),
};
constexpr TypeField kSelfSubjectRulesReview[] = {
    kMetadata,
    msg(2, "spec", "SelfSubjectRulesReviewSpec", "What is asked."),
    msg(3, "status", "SubjectRulesReviewStatus", "The answer."),
};
constexpr TypeField kSelfSubjectRulesReviewSpec[] = {text(1, "namespace", "Where the actions would take place.")};
constexpr TypeField kSubjectRulesReviewStatus[] = {
    msgs(1, "resourceRules", "ResourceRule", "Allowed actions on resources."),
    msgs(2, "nonResourceRules", "NonResourceRule", "Allowed actions on other paths."),
    oneOpt(3, "incomplete", Bool, "Whether there may be more."),
    text(4, "evaluationError", "What went wrong while finding out."),
};
constexpr TypeField kResourceRule[] = {
    texts(1, "verbs", "Allowed verbs."),
    texts(2, "apiGroups", "In these groups."),
    texts(3, "resources", "On these resources."),
    texts(4, "resourceNames", "With these names."),
};
constexpr TypeField kNonResourceRule[] = {
    texts(1, "verbs", "Allowed verbs."),
    texts(2, "nonResourceURLs", "On these paths."),
};
constexpr TypeField kSelfSubjectReview[] = {
    kMetadata,
    msg(2, "status", "SelfSubjectReviewStatus", "The answer."),
};
constexpr TypeField kSelfSubjectReviewStatus[] = {msg(1, "userInfo", "UserInfo", "Who sent the request.")};
constexpr TypeField kUserInfo[] = {
    text(1, "username", "Name of the user."),
    text(2, "uid", "UID of the user."),
    texts(3, "groups", "Groups of the user."),
    map(4, "extra", Strings, "More about the user."),
};
constexpr TypeField kTokenReview[] = {
    kMetadata,
    msg(2, "spec", "TokenReviewSpec", "What is asked."),
    msg(3, "status", "TokenReviewStatus", "The answer."),
};
constexpr TypeField kTokenReviewSpec[] = {
    text(1, "token", "The bearer token."),
    texts(2, "audiences", "For whom the token must be meant."),
};
constexpr TypeField kTokenReviewStatus[] = {
    one(1, "authenticated", Bool, "Whether the token is good."),
    msg(2, "user", "UserInfo", "Whose token it is."),
    text(3, "error", "What went wrong while finding out."),
    texts(4, "audiences", "For whom the token is meant."),
};

constexpr TypeField kCustomResourceDefinition[] = {
    kMetadata,
    msg(2, "spec", "CustomResourceDefinitionSpec", "What the kind looks like."),
    msg(3, "status", "CustomResourceDefinitionStatus", "Whether the kind is served."),
};
constexpr TypeField kCrdSpec[] = {
    text(1, "group", "API group of the kind."),
    msg(3, "names", "CustomResourceDefinitionNames", "Names of the kind."),
    text(4, "scope", "Namespaced or Cluster."),
    msgs(7, "versions", "CustomResourceDefinitionVersion", "Versions of the kind."),
    msg(9, "conversion", "CustomResourceConversion", "How versions are converted."),
    one(10, "preserveUnknownFields", Bool, "Must be false."),
};
constexpr TypeField kCrdNames[] = {
    text(1, "plural", "Name in URLs."),
    text(2, "singular", "Name of one object, lower case."),
    texts(3, "shortNames", "Abbreviations."),
    text(4, "kind", "Name in documents."),
    text(5, "listKind", "Name of a list in documents."),
    texts(6, "categories", "Groups of kinds such as all."),
};
constexpr TypeField kCrdVersion[] = {
    text(1, "name", "For example v1."),
    oneOpt(2, "served", Bool, "Whether the version is served."),
    oneOpt(3, "storage", Bool, "Whether objects are stored in this version."),
    msg(4, "schema", "CustomResourceValidation", "What objects must look like."),
    msg(5, "subresources", "CustomResourceSubresources", "Which subresources there are."),
    msgs(6, "additionalPrinterColumns", "CustomResourceColumnDefinition", "Columns of tables."),
    one(7, "deprecated", Bool, "Whether clients are warned."),
    oneOpt(8, "deprecationWarning", String, "Text of that warning."),
    msgs(9, "selectableFields", "SelectableField", "Fields that field selectors may name."),
};
constexpr TypeField kCrdValidation[] = {
    msg(1, "openAPIV3Schema", "JSONSchemaProps", "Structural schema."),
};
constexpr TypeField kCrdSubresources[] = {
    msg(1, "status", "CustomResourceSubresourceStatus", "Status is written on its own."),
    msg(2, "scale", "CustomResourceSubresourceScale", "The scale can be read and set."),
};
constexpr TypeField kCrdScale[] = {
    text(1, "specReplicasPath", "JSON path of the wanted count."),
    text(2, "statusReplicasPath", "JSON path of the observed count."),
    oneOpt(3, "labelSelectorPath", String, "JSON path of the label selector."),
};
constexpr TypeField kCrdColumn[] = {
    text(1, "name", "Heading."),
    text(2, "type", "integer, number, string, boolean or date."),
    text(3, "format", "OpenAPI format."),
    text(4, "description", "What the column shows."),
    one(5, "priority", Int32, "Above 0: only in wide tables."),
    text(6, "jsonPath", "Where the value stands."),
};
constexpr TypeField kSelectableField[] = {text(1, "jsonPath", "The field.")};
constexpr TypeField kCrdConversion[] = {text(1, "strategy", "None.")};
constexpr TypeField kCrdCondition[] = {
    text(1, "type", "Name of the condition."),
    text(2, "status", "True, False or Unknown."),
    one(3, "lastTransitionTime", Time, "When the status last changed."),
    text(4, "reason", "One word for programs."),
    text(5, "message", "Text for people."),
};
constexpr TypeField kCrdStatus[] = {
    keyed(1, "conditions", "CustomResourceDefinitionCondition/type", "Whether the kind is served, and why not."),
    msg(2, "acceptedNames", "CustomResourceDefinitionNames", "Names in use."),
    texts(3, "storedVersions", "Versions objects were ever stored in."),
};
constexpr TypeField kJsonSchemaProps[] = {
    text(1, "id", ""),
    text(2, "$schema", ""),
    oneOpt(3, "$ref", String, ""),
    text(4, "description", ""),
    text(5, "type", ""),
    text(6, "format", ""),
    text(7, "title", ""),
    one(8, "default", RawJson, ""),
    oneOpt(9, "maximum", Double, ""),
    one(10, "exclusiveMaximum", Bool, ""),
    oneOpt(11, "minimum", Double, ""),
    one(12, "exclusiveMinimum", Bool, ""),
    oneOpt(13, "maxLength", Int64, ""),
    oneOpt(14, "minLength", Int64, ""),
    text(15, "pattern", ""),
    oneOpt(16, "maxItems", Int64, ""),
    oneOpt(17, "minItems", Int64, ""),
    one(18, "uniqueItems", Bool, ""),
    oneOpt(19, "multipleOf", Double, ""),
    list(20, "enum", RawJson, ""),
    oneOpt(21, "maxProperties", Int64, ""),
    oneOpt(22, "minProperties", Int64, ""),
    texts(23, "required", ""),
    one(24, "items", SchemaOrList, ""),
    msgs(25, "allOf", "JSONSchemaProps", ""),
    msgs(26, "oneOf", "JSONSchemaProps", ""),
    msgs(27, "anyOf", "JSONSchemaProps", ""),
    msg(28, "not", "JSONSchemaProps", ""),
    msgMap(29, "properties", "JSONSchemaProps", ""),
    one(30, "additionalProperties", SchemaOrBool, ""),
    msgMap(31, "patternProperties", "JSONSchemaProps", ""),
    map(32, "dependencies", SchemaOrStrings, ""),
    one(33, "additionalItems", SchemaOrBool, ""),
    msgMap(34, "definitions", "JSONSchemaProps", ""),
    msg(35, "externalDocs", "ExternalDocumentation", ""),
    one(36, "example", RawJson, ""),
    one(37, "nullable", Bool, ""),
    oneOpt(38, "x-kubernetes-preserve-unknown-fields", Bool, ""),
    one(39, "x-kubernetes-embedded-resource", Bool, ""),
    one(40, "x-kubernetes-int-or-string", Bool, ""),
    texts(41, "x-kubernetes-list-map-keys", ""),
    oneOpt(42, "x-kubernetes-list-type", String, ""),
    oneOpt(43, "x-kubernetes-map-type", String, ""),
    msgs(44, "x-kubernetes-validations", "ValidationRule", ""),
};
constexpr TypeField kExternalDocumentation[] = {text(1, "description", ""), text(2, "url", "")};
constexpr TypeField kValidationRule[] = {
    text(1, "rule", ""),
    text(2, "message", ""),
    text(3, "messageExpression", ""),
    oneOpt(4, "reason", String, ""),
    text(5, "fieldPath", ""),
    oneOpt(6, "optionalOldSelf", Bool, ""),
};

constexpr std::array kTypes{
    BuiltinType{"ObjectMeta", "What every object has.", kObjectMeta},
    BuiltinType{"OwnerReference", "Names an owner.", kOwnerReference, true},
    BuiltinType{"ManagedFieldsEntry", "What one manager owns.", kManagedFieldsEntry},
    BuiltinType{"Condition", "One observation.", kCondition},
    BuiltinType{"Namespace", "Namespace is a scope for names.", kNamespace},
    BuiltinType{"NamespaceSpec", "", kNamespaceSpec},
    BuiltinType{"NamespaceStatus", "", kNamespaceStatus},
    BuiltinType{"ConfigMap", "ConfigMap holds configuration data.", kConfigMap},
    BuiltinType{"Secret", "Secret holds data that must not be seen.", kSecret},
    BuiltinType{"ServiceAccount", "ServiceAccount is an identity for programs.", kServiceAccount},
    BuiltinType{"LocalObjectReference", "", kLocalObjectReference, true},
    BuiltinType{"ObjectReference", "", kObjectReference, true},
    BuiltinType{"EventSource", "", kEventSource},
    BuiltinType{"EventSeries", "", kEventSeries},
    BuiltinType{"Event", "Event is a report of something that happened.", kEvent},
    BuiltinType{"Lease", "Lease is a lock with an end.", kLease},
    BuiltinType{"LeaseSpec", "", kLeaseSpec},
    BuiltinType{"Scale", "Scale is how many there are and shall be.", kScale},
    BuiltinType{"ScaleSpec", "", kScaleSpec},
    BuiltinType{"ScaleStatus", "", kScaleStatus},
    BuiltinType{"DeleteOptions", "How an object is deleted.", kDeleteOptions},
    BuiltinType{"Preconditions", "", kPreconditions},
    BuiltinType{"ResourceAttributes", "", kResourceAttributes},
    BuiltinType{"NonResourceAttributes", "", kNonResourceAttributes},
    BuiltinType{"SelfSubjectAccessReview", "Asks whether the caller may do something.", kSelfSubjectAccessReview},
    BuiltinType{"SelfSubjectAccessReviewSpec", "", kSelfSubjectAccessReviewSpec},
    BuiltinType{"SubjectAccessReview", "Asks whether a user may do something.", kSubjectAccessReview},
    BuiltinType{"LocalSubjectAccessReview", "Asks whether a user may do something in a namespace.",
                kSubjectAccessReview},
    BuiltinType{"SubjectAccessReviewSpec", "", kSubjectAccessReviewSpec},
    BuiltinType{"SubjectAccessReviewStatus", "", kSubjectAccessReviewStatus},
    BuiltinType{"SelfSubjectRulesReview", "Asks what the caller may do.", kSelfSubjectRulesReview},
    BuiltinType{"SelfSubjectRulesReviewSpec", "", kSelfSubjectRulesReviewSpec},
    BuiltinType{"SubjectRulesReviewStatus", "", kSubjectRulesReviewStatus},
    BuiltinType{"ResourceRule", "", kResourceRule},
    BuiltinType{"NonResourceRule", "", kNonResourceRule},
    BuiltinType{"SelfSubjectReview", "Asks who the caller is.", kSelfSubjectReview},
    BuiltinType{"SelfSubjectReviewStatus", "", kSelfSubjectReviewStatus},
    BuiltinType{"UserInfo", "", kUserInfo},
    BuiltinType{"TokenReview", "Asks whose token this is.", kTokenReview},
    BuiltinType{"TokenReviewSpec", "", kTokenReviewSpec},
    BuiltinType{"TokenReviewStatus", "", kTokenReviewStatus},
    BuiltinType{"CustomResourceDefinition", "CustomResourceDefinition adds a kind to the API.",
                kCustomResourceDefinition},
    BuiltinType{"CustomResourceDefinitionSpec", "", kCrdSpec},
    BuiltinType{"CustomResourceDefinitionNames", "", kCrdNames},
    BuiltinType{"CustomResourceDefinitionVersion", "", kCrdVersion},
    BuiltinType{"CustomResourceValidation", "", kCrdValidation},
    BuiltinType{"CustomResourceSubresources", "", kCrdSubresources},
    BuiltinType{"CustomResourceSubresourceStatus", "", {}},
    BuiltinType{"CustomResourceSubresourceScale", "", kCrdScale},
    BuiltinType{"CustomResourceColumnDefinition", "", kCrdColumn},
    BuiltinType{"SelectableField", "", kSelectableField},
    BuiltinType{"CustomResourceConversion", "", kCrdConversion},
    BuiltinType{"CustomResourceDefinitionCondition", "", kCrdCondition},
    BuiltinType{"CustomResourceDefinitionStatus", "", kCrdStatus},
    BuiltinType{"JSONSchemaProps", "JSON Schema of one value.", kJsonSchemaProps},
    BuiltinType{"ExternalDocumentation", "", kExternalDocumentation},
    BuiltinType{"ValidationRule", "", kValidationRule},
};

// The kinds that may stand at the root of a body, and the type of each.
struct RootKind {
  std::string_view apiVersion;
  std::string_view kind;
  std::string_view type;
};
constexpr std::array kRootKinds{
    RootKind{"v1", "Namespace", "Namespace"},
    RootKind{"v1", "ConfigMap", "ConfigMap"},
    RootKind{"v1", "Secret", "Secret"},
    RootKind{"v1", "ServiceAccount", "ServiceAccount"},
    RootKind{"v1", "Event", "Event"},
    RootKind{"coordination.k8s.io/v1", "Lease", "Lease"},
    RootKind{"autoscaling/v1", "Scale", "Scale"},
    RootKind{"authorization.k8s.io/v1", "SelfSubjectAccessReview", "SelfSubjectAccessReview"},
    RootKind{"authorization.k8s.io/v1", "SelfSubjectRulesReview", "SelfSubjectRulesReview"},
    RootKind{"authorization.k8s.io/v1", "SubjectAccessReview", "SubjectAccessReview"},
    RootKind{"authorization.k8s.io/v1", "LocalSubjectAccessReview", "LocalSubjectAccessReview"},
    RootKind{"authentication.k8s.io/v1", "SelfSubjectReview", "SelfSubjectReview"},
    RootKind{"authentication.k8s.io/v1", "TokenReview", "TokenReview"},
    RootKind{"apiextensions.k8s.io/v1", "CustomResourceDefinition", "CustomResourceDefinition"},
};

}  // namespace

const BuiltinType* findBuiltinType(std::string_view name) {
  for (const BuiltinType& type : kTypes) {
    if (type.name == name) {
      return &type;
    }
  }
  return nullptr;
}

const BuiltinType* findBuiltinKind(std::string_view apiVersion, std::string_view kind) {
  if (kind == "DeleteOptions") {
    return findBuiltinType(kind);
  }
  for (const RootKind& root : kRootKinds) {
    if (root.apiVersion == apiVersion && root.kind == kind) {
      return findBuiltinType(root.type);
    }
  }
  return nullptr;
}

}  // namespace slipway::apiserver
