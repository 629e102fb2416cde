#include "reconciler/apiserver/rest_error.h"

#include <map>

#include "reconciler/base/strings.h"

namespace slipway::apiserver {

using schema::FieldError;

Json ApiError::document() const {
  Json status = Json::object({{"kind", "Status"},
                              {"apiVersion", "v1"},
                              {"metadata", Json::object()},
                              {"status", "Failure"},
                              {"message", message}});
  if (!resume.empty()) {
    status["metadata"]["continue"] = resume;
  }
  if (!reason.empty()) {
    status["reason"] = reason;
  }
  if (details.isObject()) {
    status["details"] = details;
  }
  status["code"] = code;
  return status;
}

Status ApiError::toStatus() const {
  if (cause) {
    return {*cause, message};
  }
  static const std::map<int, Code> kCodes = {{400, Code::Invalid},  {401, Code::Denied},      {403, Code::Denied},
                                             {404, Code::NotFound}, {405, Code::Invalid},     {409, Code::Conflict},
                                             {410, Code::Expired},  {413, Code::Invalid},     {415, Code::Invalid},
                                             {422, Code::Invalid},  {429, Code::Unavailable}, {504, Code::Unavailable}};
  if (reason == "AlreadyExists") {
    return {Code::AlreadyExists, message};
  }
  const auto found = kCodes.find(code);
  return {found == kCodes.end() ? Code::Internal : found->second, message};
}

Json detailsOf(const ResourceInfo& resource, std::string_view name) {
  Json details = Json::object();
  if (!name.empty()) {
    details["name"] = name;
  }
  if (!resource.group.empty()) {
    details["group"] = resource.group;
  }
  details["kind"] = resource.plural;
  return details;
}

namespace {

Json causesOf(const std::vector<FieldError>& errors) {
  Json causes = Json::array();
  for (const FieldError& error : errors) {
    causes.push(Json::object({{"reason", error.reason},
                              {"message", error.message},
                              {"field", error.field.empty() ? std::string("<nil>") : error.field}}));
  }
  return causes;
}

std::string describeAll(const std::vector<FieldError>& errors) {
  std::vector<std::string> texts;
  for (const FieldError& error : errors) {
    texts.push_back((error.field.empty() ? std::string("<nil>") : error.field) + ": " + error.message);
  }
  return texts.size() == 1 ? texts.front() : "[" + join(texts, ", ") + "]";
}

}  // namespace

ApiError badRequest(std::string message) { return {400, "BadRequest", std::move(message), {}, {}}; }

ApiError notFound(const ResourceInfo& resource, std::string_view name) {
  return {404, "NotFound", cat(resource.qualified(), " \"", name, "\" not found"), detailsOf(resource, name), {}};
}

ApiError namespaceNotFound(std::string_view ns) {
  return {404,
          "NotFound",
          cat("namespaces \"", ns, "\" not found"),
          Json::object({{"name", ns}, {"kind", "namespaces"}}),
          {}};
}

ApiError pathNotFound() {
  return {404, "NotFound", "the server could not find the requested resource", Json::object(), {}};
}

ApiError alreadyExists(const ResourceInfo& resource, std::string_view name, std::string_view prefix) {
  return {409,
          "AlreadyExists",
          cat(prefix, resource.qualified(), " \"", name, "\" already exists"),
          detailsOf(resource, name),
          {}};
}

ApiError conflict(const ResourceInfo& resource, std::string_view name, std::string_view why) {
  if (why.empty()) {
    why = "the object has been modified; please apply your changes to the latest version and try again";
  }
  return {409,
          "Conflict",
          cat("Operation cannot be fulfilled on ", resource.qualified(), " \"", name, "\": ", why),
          detailsOf(resource, name),
          {}};
}

ApiError invalidObject(const ResourceInfo& resource, std::string_view name, const std::vector<FieldError>& errors) {
  Json details = Json::object({{"name", name}});
  if (!resource.group.empty()) {
    details["group"] = resource.group;
  }
  details["kind"] = resource.kind;
  details["causes"] = causesOf(errors);
  const std::string kind = resource.group.empty() ? resource.kind : resource.kind + "." + resource.group;
  return {422, "Invalid", cat(kind, " \"", name, "\" is invalid: ", describeAll(errors)), std::move(details), {}};
}

ApiError invalidOption(std::string_view options, const FieldError& error) {
  Json details =
      Json::object({{"name", ""}, {"group", "meta.k8s.io"}, {"kind", options}, {"causes", causesOf({error})}});
  return {422, "Invalid", cat(options, ".meta.k8s.io \"\" is invalid: ", describeAll({error})), std::move(details), {}};
}

ApiError forbidden(const ResourceInfo& resource, std::string_view name, std::string_view why) {
  const std::string object = name.empty() ? std::string() : cat(" \"", name, "\"");
  return {403, "Forbidden", cat(resource.qualified(), object, " is forbidden: ", why), detailsOf(resource, name), {}};
}

ApiError namespaceTerminating(const ResourceInfo& resource, std::string_view name, std::string_view ns) {
  ApiError error = forbidden(resource, name,
                             cat("unable to create new content in namespace ", ns, " because it is being terminated"));
  error.details["causes"] = Json::array({Json::object({{"reason", "NamespaceTerminating"},
                                                       {"message", cat("namespace ", ns, " is being terminated")},
                                                       {"field", "metadata.namespace"}})});
  return error;
}

ApiError methodNotAllowed() {
  return {
      405, "MethodNotAllowed", "the server does not allow this method on the requested resource", Json::object(), {}};
}

ApiError notAcceptable() {
  return {406,
          "NotAcceptable",
          "only the following media types are accepted: application/json, application/yaml",
          Json::object(),
          {}};
}

ApiError unsupportedMediaType(const std::vector<std::string>& accepted) {
  return {415,
          "UnsupportedMediaType",
          "the body of the request was in an unknown format - accepted media types include: " + join(accepted, ", "),
          Json::object(),
          {}};
}

ApiError tooLarge(std::size_t limit) {
  return {413, "RequestEntityTooLarge", cat("Request entity too large: limit is ", limit), Json::object(), {}};
}

ApiError expired(std::string message) { return {410, "Expired", std::move(message), {}, {}}; }

ApiError tooLargeResourceVersion(std::uint64_t asked, std::uint64_t current) {
  Json causes =
      Json::array({Json::object({{"reason", "ResourceVersionTooLarge"}, {"message", "Too large resource version"}})});
  return {504,
          "Timeout",
          cat("Timeout: Too large resource version: ", asked, ", current: ", current),
          Json::object({{"causes", std::move(causes)}, {"retryAfterSeconds", 1}}),
          {}};
}

ApiError badResourceVersion(std::string_view text) {
  return {
      500,
      "",
      cat("resourceVersion: Invalid value: \"", text, "\": strconv.ParseUint: parsing \"", text, "\": invalid syntax"),
      {},
      {}};
}

ApiError internalError(std::string message) {
  return {500, "InternalError", "Internal error occurred: " + message, {}, {}};
}

ApiError storeError(const Status& status) {
  ApiError error = internalError(status.message());
  error.cause = status.code();
  return error;
}

HttpResponse toResponse(const ApiError& error) {
  HttpResponse response;
  response.status = error.code;
  response.body = error.document().dump() + "\n";
  if (const Json* after = error.details.find("retryAfterSeconds"); after != nullptr && after->isInt()) {
    response.headers.emplace_back("Retry-After", std::to_string(after->asInt()));
  }
  return response;
}

}  // namespace slipway::apiserver
