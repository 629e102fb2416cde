#include "reconciler/apiserver/rest_review.h"

#include <algorithm>

#include "reconciler/base/strings.h"

namespace slipway::apiserver {

bool MastersAuthorizer::allows(const Principal& principal, const AccessAttributes& access) const {
  const auto& groups = principal.groups;
  if (std::find(groups.begin(), groups.end(), "system:masters") != groups.end()) {
    return true;
  }
  if (access.resource.empty()) {
    const std::string& path = access.path;
    return access.verb == "get" && (path == "/healthz" || path == "/livez" || path == "/readyz" || path == "/version" ||
                                    path == "/api" || path == "/apis" || path.starts_with("/api/") ||
                                    path.starts_with("/apis/") || path.starts_with("/openapi/"));
  }
  return access.verb == "create" &&
         (access.resource == "selfsubjectaccessreviews" || access.resource == "selfsubjectrulesreviews" ||
          access.resource == "selfsubjectreviews");
}

std::string denial(const Principal& principal, const AccessAttributes& access) {
  const std::string user = cat("User \"", principal.user, "\" cannot ", access.verb);
  if (access.resource.empty()) {
    return cat(user, " path \"", access.path, "\"");
  }
  const std::string resource =
      access.subresource.empty() ? access.resource : access.resource + "/" + access.subresource;
  return cat(user, " resource \"", resource, "\" in API group \"", access.group, "\" ",
             access.ns.empty() ? std::string("at the cluster scope") : cat("in the namespace \"", access.ns, "\""));
}

namespace {

Json listOf(const std::vector<std::string>& texts) {
  Json list = Json::array();
  for (const std::string& text : texts) {
    list.push(text);
  }
  return list;
}

Json userInfo(const Principal& principal) {
  std::vector<std::string> groups = principal.groups;
  if (std::find(groups.begin(), groups.end(), "system:authenticated") == groups.end()) {
    groups.emplace_back("system:authenticated");
  }
  return Json::object({{"username", principal.user}, {"groups", listOf(groups)}});
}

AccessAttributes attributesOf(const Json& spec) {
  AccessAttributes access;
  if (const Json* resource = spec.find("resourceAttributes"); resource != nullptr && resource->isObject()) {
    access.verb = resource->getString("verb");
    access.group = resource->getString("group");
    access.resource = resource->getString("resource");
    access.subresource = resource->getString("subresource");
    access.ns = resource->getString("namespace");
    access.name = resource->getString("name");
    if (access.resource.empty()) {
      access.resource = "*";
    }
  } else if (const Json* other = spec.find("nonResourceAttributes"); other != nullptr && other->isObject()) {
    access.verb = other->getString("verb");
    access.path = other->getString("path");
  }
  return access;
}

Json accessStatus(const Principal& principal, const Json& spec, const Authorizer& authorizer) {
  const AccessAttributes access = attributesOf(spec);
  Json status = Json::object({{"allowed", authorizer.allows(principal, access)}});
  if (!status.getBool("allowed")) {
    status["reason"] = denial(principal, access);
  }
  return status;
}

Json rulesStatus(const Principal& principal, const Authorizer& authorizer) {
  const AccessAttributes everything{"*", "*", "*", "", "", "", ""};
  Json rules = Json::array();
  Json paths = Json::array();
  if (authorizer.allows(principal, everything)) {
    const Json any = Json::array({"*"});
    rules.push(Json::object({{"verbs", any}, {"apiGroups", any}, {"resources", any}}));
    paths.push(Json::object({{"verbs", any}, {"nonResourceURLs", any}}));
  } else {
    rules.push(Json::object({{"verbs", Json::array({"create"})},
                             {"apiGroups", Json::array({"authorization.k8s.io"})},
                             {"resources", Json::array({"selfsubjectaccessreviews", "selfsubjectrulesreviews"})}}));
  }
  return Json::object(
      {{"resourceRules", std::move(rules)}, {"nonResourceRules", std::move(paths)}, {"incomplete", false}});
}

Principal subjectOf(const Json& spec) {
  Principal subject;
  subject.user = spec.getString("user");
  if (const Json* groups = spec.find("groups"); groups != nullptr && groups->isArray()) {
    for (const Json& group : groups->asArray()) {
      if (group.isString()) {
        subject.groups.push_back(group.asString());
      }
    }
  }
  return subject;
}

}  // namespace

ApiResult<Json> review(const ResourceInfo& resource, Json object, const Principal& principal,
                       const Authorizer& authorizer) {
  if (!object.isObject()) {
    return badRequest(cat("the object provided is unrecognized (must be of type ", resource.kind, "): not an object"));
  }
  if (const std::string kind = object.getString("kind"); !kind.empty() && kind != resource.kind) {
    return badRequest(cat("the object provided is of kind ", kind, ", want ", resource.kind));
  }
  object["apiVersion"] = resource.apiVersion();
  object["kind"] = resource.kind;
  if (object.find("metadata") == nullptr || object.find("metadata")->isNull()) {
    object["metadata"] = Json::object();
  }
  const Json spec = object.find("spec") == nullptr ? Json::object() : *object.find("spec");
  if (resource.kind == "SelfSubjectReview") {
    object["status"] = Json::object({{"userInfo", userInfo(principal)}});
  } else if (resource.kind == "SelfSubjectRulesReview") {
    object["status"] = rulesStatus(principal, authorizer);
  } else if (resource.kind == "TokenReview") {
    object["status"] = Json::object({{"authenticated", false}, {"user", Json::object()}});
  } else if (resource.kind == "SelfSubjectAccessReview") {
    object["status"] = accessStatus(principal, spec, authorizer);
  } else {
    object["status"] = accessStatus(subjectOf(spec), spec, authorizer);
  }
  return object;
}

}  // namespace slipway::apiserver
