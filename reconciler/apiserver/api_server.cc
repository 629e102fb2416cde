#include "reconciler/apiserver/api_server.h"

#include <algorithm>
#include <set>
#include <utility>

#include "reconciler/apiserver/forms/discovery.h"
#include "reconciler/apiserver/forms/openapi.h"
#include "reconciler/base/strings.h"

namespace slipway::apiserver {

namespace {

constexpr std::size_t kMaxBody = 3U << 20U;

HttpResponse text(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.contentType = "text/plain; charset=utf-8";
  response.body = std::move(body);
  return response;
}

HttpResponse pageNotFound() { return text(404, "404 page not found\n"); }

HttpResponse versionResponse() {
  const Json version = Json::object({{"major", "1"},
                                     {"minor", "32"},
                                     {"gitVersion", "v1.32.0+slipway"},
                                     {"gitCommit", ""},
                                     {"gitTreeState", "clean"},
                                     {"buildDate", "2026-01-01T00:00:00Z"},
                                     {"goVersion", "none"},
                                     {"compiler", "g++"},
                                     {"platform", "linux/amd64"}});
  HttpResponse response;
  response.body = version.dumpPretty();
  return response;
}

// The verb of a method on an object or, without name, a collection; empty when there is none.
std::string verbOf(const HttpRequest& request, const RestPath& path) {
  const std::string& method = request.method;
  if (method == "GET" || method == "HEAD") {
    if (path.watch || (path.name.empty() && booleanParameter(request, "watch"))) {
      return "watch";
    }
    return path.name.empty() ? "list" : "get";
  }
  if (method == "POST") {
    return path.name.empty() ? "create" : "";
  }
  if (method == "PUT") {
    return "update";
  }
  if (method == "PATCH") {
    return "patch";
  }
  return method == "DELETE" ? (path.name.empty() ? "deletecollection" : "delete") : "";
}

bool contains(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

// Verbs of a subresource; none: there is no such subresource.
std::vector<std::string> subresourceVerbs(const ResourceInfo& resource, const std::string& name) {
  if ((name == "status" && resource.hasStatus) || (name == "scale" && resource.hasScale)) {
    return {"get", "patch", "update"};
  }
  for (const auto& subresource : resource.subresources) {
    if (subresource.name == name) {
      return subresource.verbs;
    }
  }
  return {};
}

// Without a namespace one can look at all of them; nothing is created or deleted that way. Reviews are not stored.
bool acrossNamespaces(const std::string& verb, const ResourceInfo& resource) {
  return verb == "list" || verb == "watch" || resource.verbs.size() == 1;
}

void setMissing(HttpResponse& response, std::string_view name, std::string value) {
  const std::string lower = lowerAscii(name);
  for (const auto& [known, unused] : response.headers) {
    if (lowerAscii(known) == lower) {
      return;
    }
  }
  response.headers.emplace_back(name, std::move(value));
}

}  // namespace

ApiServer::ApiServer(ApiServerParts parts)
    : parts_(std::move(parts)), endpoint_(parts_.registry, parts_.writer, parts_.pump, parts_.log) {}

void ApiServer::handle(const HttpRequest& request, std::shared_ptr<HttpResponder> responder) {
  const RegistryPorts& ports = parts_.registry.ports();
  const SteadyTime start = ports.clock.steady();
  ports.metrics.set("slipway_api_requests_in_flight", {}, ++inFlight_);
  Outcome outcome = route(request, responder);
  ports.metrics.set("slipway_api_requests_in_flight", {}, --inFlight_);
  const int code = outcome.response ? outcome.response->status : 200;
  ports.metrics.add("slipway_api_requests_total",
                    {{"verb", outcome.verb}, {"resource", outcome.resource}, {"code", std::to_string(code)}});
  if (!outcome.response) {
    return;
  }
  const double seconds = std::chrono::duration<double>(ports.clock.steady() - start).count();
  ports.metrics.observe("slipway_api_request_duration_seconds",
                        {{"verb", outcome.verb}, {"resource", outcome.resource}}, seconds);
  setMissing(*outcome.response, "Cache-Control", "no-cache, private");
  setMissing(*outcome.response, "Audit-Id", newUuid(ports.random));
  responder->send(*std::move(outcome.response));
}

ApiCheck ApiServer::authorize(const HttpRequest& request, const RestCall* call) const {
  AccessAttributes access;
  if (call == nullptr) {
    access.verb = request.method == "GET" || request.method == "HEAD" ? "get" : lowerAscii(request.method);
    access.path = request.path;
    if (parts_.authorizer.allows(request.principal, access)) {
      return std::nullopt;
    }
    return ApiError{403, "Forbidden", "forbidden: " + denial(request.principal, access), Json::object(), {}, {}};
  }
  access = {call->verb,      call->resource->group, call->resource->plural, call->path.subresource, call->path.ns,
            call->path.name, request.path};
  if (parts_.authorizer.allows(request.principal, access)) {
    return std::nullopt;
  }
  return forbidden(*call->resource, call->path.name, denial(request.principal, access));
}

ApiServer::Outcome ApiServer::route(const HttpRequest& request, const std::shared_ptr<HttpResponder>& responder) {
  if (auto plain = routePlain(request)) {
    return {std::move(plain), lowerAscii(request.method), "none"};
  }
  const auto path = RestPath::parse(request.path);
  if (!path) {
    const ApiCheck denied = authorize(request, nullptr);
    return {denied ? toResponse(*denied) : toResponse(pathNotFound()), lowerAscii(request.method), "none"};
  }
  return routeResource(request, *path, responder);
}

std::optional<HttpResponse> ApiServer::routePlain(const HttpRequest& request) const {
  std::string path = request.path;
  while (path.size() > 1 && path.back() == '/') {
    path.pop_back();
  }
  const bool reads = request.method == "GET" || request.method == "HEAD";
  const bool health = path == "/healthz" || path == "/livez" || path == "/readyz";
  if (health && reads) {
    const bool ready = path != "/readyz" || !parts_.ready || parts_.ready();
    return ready ? text(200, "ok") : text(503, "not ready\n");
  }
  if (!reads) {
    return std::nullopt;
  }
  HttpRequest trimmed;
  if (path != request.path) {
    trimmed = request;
    trimmed.path = path;
  }
  const HttpRequest& asked = path != request.path ? trimmed : request;
  const auto table = parts_.registry.table();
  std::optional<HttpResponse> response;
  if (path == "/version") {
    response = versionResponse();
  } else if (response = serveDiscovery(*table, asked); !response) {
    response = serveOpenApi(*table, asked);
  }
  if (response) {
    if (auto denied = authorize(request, nullptr)) {
      return toResponse(*denied);
    }
  }
  return response;
}

ApiServer::Outcome ApiServer::routeResource(const HttpRequest& request, const RestPath& path,
                                            const std::shared_ptr<HttpResponder>& responder) {
  const auto table = parts_.registry.table();
  const bool groupKnown = std::any_of(table->resources.begin(), table->resources.end(), [&](const ResourcePtr& one) {
    return one->group == path.group && one->version == path.version;
  });
  RestCall call{request, path, parts_.registry.resource(path.group, path.version, path.plural), verbOf(request, path),
                responder};
  Outcome outcome{std::nullopt, call.verb.empty() ? lowerAscii(request.method) : call.verb,
                  call.resource == nullptr ? "none" : call.resource->qualified()};
  const auto refuse = [&](const ApiError& error) {
    outcome.response = toResponse(error);
    return outcome;
  };
  if (!groupKnown || call.resource == nullptr || !path.exact) {
    if (auto denied = authorize(request, nullptr)) {
      return refuse(*denied);
    }
    outcome.response = groupKnown && path.group.empty() ? toResponse(pathNotFound()) : pageNotFound();
    return outcome;
  }
  if (auto denied = authorize(request, &call)) {
    return refuse(*denied);
  }
  const ResourceInfo& resource = *call.resource;
  if ((!resource.namespaced && !path.ns.empty()) || (resource.namespaced && path.ns.empty() && !path.name.empty())) {
    return refuse(pathNotFound());
  }
  if (!path.subresource.empty()) {
    const auto verbs = subresourceVerbs(resource, path.subresource);
    if (verbs.empty()) {
      return refuse(pathNotFound());
    }
    if (!contains(verbs, call.verb)) {
      return refuse(methodNotAllowed());
    }
  } else if (path.name.empty() && (call.verb == "update" || call.verb == "patch")) {
    return refuse(badRequest("name must be provided"));
  } else if (call.verb.empty() || !contains(resource.verbs, call.verb) ||
             (resource.namespaced && path.ns.empty() && !acrossNamespaces(call.verb, resource))) {
    return refuse(methodNotAllowed());
  }
  if (request.body.size() > kMaxBody) {
    return refuse(tooLarge(kMaxBody));
  }
  // Review kinds are asked, not stored: create is all they can do.
  outcome.response = resource.verbs.size() == 1 ? reviewResponse(call) : endpoint_.answer(call);
  return outcome;
}

HttpResponse ApiServer::reviewResponse(const RestCall& call) const {
  const auto wanted = negotiate(call.request, Negotiable::ObjectsOnly);
  if (!wanted) {
    return toResponse(notAcceptable());
  }
  const auto format = bodyFormat(call.request);
  if (format != BodyFormat::Json && format != BodyFormat::Yaml && format != BodyFormat::Protobuf) {
    return toResponse(
        unsupportedMediaType({"application/json", "application/yaml", "application/vnd.kubernetes.protobuf"}));
  }
  auto body = decodeBody(*format, call.request.body, nullptr);
  if (!body) {
    return toResponse(badRequest(body.status().message()));
  }
  auto answer = review(*call.resource, *std::move(body), call.request.principal, parts_.authorizer);
  return answer ? encodeResponse(201, *answer, *wanted) : toResponse(answer.error());
}

}  // namespace slipway::apiserver
