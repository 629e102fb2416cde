#pragma once

#include <string>

#include "reconciler/apiserver/forms/http_message.h"
#include "reconciler/apiserver/rest_error.h"
#include "reconciler/base/json.h"

namespace slipway::apiserver {

// What a request wants to do. For paths that name no resource only `verb` and `path` are set.
struct AccessAttributes {
  std::string verb;  // get, list, watch, create, update, patch, delete, deletecollection
  std::string group;
  std::string resource;
  std::string subresource;
  std::string ns;  // empty: all, or cluster-scoped
  std::string name;
  std::string path;
};

// The one place that says who may do what. Thread-safe, never blocks.
class Authorizer {
 public:
  virtual ~Authorizer() = default;
  virtual bool allows(const Principal& principal, const AccessAttributes& access) const = 0;
};

// Members of system:masters may do everything, others may find out what the API offers and who they are.
class MastersAuthorizer final : public Authorizer {
 public:
  bool allows(const Principal& principal, const AccessAttributes& access) const override;
};

// "User "u" cannot list resource "releases" in API group "G" in the namespace "n"".
std::string denial(const Principal& principal, const AccessAttributes& access);

// Fills in the status of a review: SelfSubjectAccessReview, SubjectAccessReview, LocalSubjectAccessReview,
// SelfSubjectRulesReview, SelfSubjectReview, TokenReview. A token is never accepted here: the listener knows them.
ApiResult<Json> review(const ResourceInfo& resource, Json object, const Principal& principal,
                       const Authorizer& authorizer);

}  // namespace slipway::apiserver
