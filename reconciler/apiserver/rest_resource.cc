#include "reconciler/apiserver/rest_resource.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "reconciler/apiserver/forms/table.h"
#include "reconciler/apiserver/patch_document.h"
#include "reconciler/apiserver/rest_watch.h"
#include "reconciler/base/strings.h"

namespace slipway::apiserver {

namespace {

constexpr std::size_t kLogBytes = 4U << 20U;

HttpResponse jsonResponse(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  response.body += '\n';
  return response;
}

bool plain(const ResponseFormat& format) {
  return format.transform == Transform::None && !format.yaml && !format.pretty;
}

Presentation presentationOf(const RestCall& call, const ResponseFormat& format, WallTime now) {
  return {format, call.request.parameter("includeObject"), true, now};
}

// Items of built-in lists do not repeat what the list says.
std::string_view itemBytes(const ResourceInfo& resource, std::string_view bytes) {
  return resource.custom ? bytes : bytes.substr(bytes.find("\"metadata\":{"));
}

Json parsed(const std::string& bytes) {
  auto json = parseJson(bytes);
  return json ? *std::move(json) : Json();
}

void addWarnings(HttpResponse& response, const std::vector<std::string>& warnings) {
  std::vector<std::string> seen;
  for (const std::string& warning : warnings) {
    if (std::find(seen.begin(), seen.end(), warning) != seen.end()) {
      continue;
    }
    seen.push_back(warning);
    std::string quoted;
    for (char c : printable(warning)) {
      if (c == '"' || c == '\\') {
        quoted += '\\';
      }
      quoted += c == '\n' ? ' ' : c;
    }
    response.headers.emplace_back("Warning", cat("299 - \"", quoted, "\""));
  }
}

std::vector<BodyFormat> patchFormats(const ResourceInfo& resource) {
  std::vector<BodyFormat> formats = {BodyFormat::JsonPatch, BodyFormat::MergePatch, BodyFormat::ApplyPatch};
  if (!resource.custom) {
    formats.push_back(BodyFormat::StrategicMergePatch);
  }
  return formats;
}

ApiError unsupportedBody(const std::vector<BodyFormat>& accepted) {
  std::vector<std::string> names;
  for (BodyFormat format : accepted) {
    names.emplace_back(mediaType(format));
  }
  return unsupportedMediaType(names);
}

std::string_view optionsKind(std::string_view verb) {
  return verb == "create" ? "CreateOptions" : verb == "update" ? "UpdateOptions" : "PatchOptions";
}

}  // namespace

std::optional<HttpResponse> ResourceEndpoint::answer(const RestCall& call) {
  const std::string& verb = call.verb;
  if (call.path.subresource == "log") {
    return log(call);
  }
  if (call.path.subresource == "scale") {
    return scale(call);
  }
  if (verb == "list" || verb == "watch") {
    return list(call);
  }
  if (verb == "get") {
    return get(call);
  }
  if (verb == "create") {
    return create(call);
  }
  if (verb == "update") {
    return update(call);
  }
  if (verb == "patch") {
    return patch(call);
  }
  return verb == "deletecollection" ? removeCollection(call) : remove(call);
}

HttpResponse ResourceEndpoint::showObject(const RestCall& call, const StoredObject& object, int status) {
  const auto format = negotiate(call.request, Negotiable::Objects);
  if (!format) {
    return toResponse(notAcceptable());
  }
  const std::string bytes = bytesAs(*call.resource, object);
  if (plain(*format)) {
    return jsonResponse(status, bytes);
  }
  const Presentation presentation = presentationOf(call, *format, registry_.ports().clock.wall());
  return encodeResponse(status, present(*call.resource, parsed(bytes), presentation), *format);
}

HttpResponse ResourceEndpoint::show(const RestCall& call, const ApiResult<Written>& written) {
  if (!written) {
    return toResponse(written.error());
  }
  HttpResponse response = showObject(call, *written->object, written->created ? 201 : 200);
  addWarnings(response, written->warnings);
  return response;
}

HttpResponse ResourceEndpoint::get(const RestCall& call) {
  if (const std::string version = call.request.parameter("resourceVersion"); !version.empty()) {
    auto revision = parseRevision(version);
    if (!revision) {
      return toResponse(revision.error());
    }
    if (const Revision now = registry_.published(); *revision > now) {
      return toResponse(tooLargeResourceVersion(*revision, now));
    }
  }
  const StoredPtr object = registry_.get(*call.resource, {call.path.ns, call.path.name});
  return object == nullptr ? toResponse(notFound(*call.resource, call.path.name)) : showObject(call, *object, 200);
}

ApiResult<Registry::Snapshot> ResourceEndpoint::snapshot(const RestCall& call, const ListOptions& options,
                                                         std::optional<ContinueToken>& token) const {
  const ResourceInfo& resource = *call.resource;
  if (!options.resume.empty()) {
    token = ContinueToken::decode(options.resume);
    if (!token) {
      return badRequest("invalid continue token: continue key is not valid: encoded continue token is malformed");
    }
    if (options.resourceVersion.value_or(0) != 0) {
      return badRequest("specifying resource version is not allowed when using continue");
    }
    if (!token->revision) {
      return registry_.list(resource, call.path.ns);
    }
    if (*token->revision <= registry_.published()) {
      if (auto then = registry_.listAt(resource, call.path.ns, *token->revision)) {
        return *std::move(then);
      }
    }
    ApiError error = expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list "
        "without the continue parameter, or use the continue token in this response to retrieve the remainder of the "
        "results. Continuing with the provided token results in an inconsistent list - objects that were created, "
        "modified, or deleted between the time the first chunk was returned and now may show up in the list.");
    error.resume = ContinueToken{std::nullopt, token->after}.encode();
    return error;
  }
  const Revision asked = options.resourceVersion.value_or(0);
  if (const Revision now = registry_.published(); asked > now) {
    return tooLargeResourceVersion(asked, now);
  }
  if (asked != 0 && (options.match == "Exact" || (options.match.empty() && options.limit > 0))) {
    if (auto then = registry_.listAt(resource, call.path.ns, asked)) {
      return *std::move(then);
    }
    return expired("The resourceVersion for the provided list is too old.");
  }
  return registry_.list(resource, call.path.ns);
}

std::optional<HttpResponse> ResourceEndpoint::list(const RestCall& call) {
  auto options = listOptions(*call.resource, call.request, call.path.watch);
  if (!options) {
    return toResponse(options.error());
  }
  if (!call.path.name.empty()) {
    // The old form /watch/…/NAME watches one object.
    auto one = ListSelector::parse(*call.resource, "", "metadata.name=" + call.path.name);
    if (one) {
      options->selector = *std::move(one);
    }
  }
  const auto format = negotiate(call.request, options->watch ? Negotiable::Objects : Negotiable::Lists);
  if (!format) {
    return toResponse(notAcceptable());
  }
  if (!options->watch) {
    return listPage(call, *options, *format);
  }
  WatchRequest watch{call.resource, call.path.ns, *std::move(options),
                     presentationOf(call, *format, registry_.ports().clock.wall())};
  if (auto error = startWatch(registry_, pump_, std::move(watch), call.responder)) {
    return toResponse(*error);
  }
  return std::nullopt;
}

namespace {

// One page: the objects to show, and the list's metadata.
struct Page {
  std::vector<StoredPtr> items;
  Json metadata;
};

Page pageOf(Registry::Snapshot snapshot, const ListOptions& options, const std::optional<ContinueToken>& token) {
  Page page;
  page.metadata = Json::object({{"resourceVersion", std::to_string(snapshot.revision)}});
  std::vector<StoredPtr>& all = snapshot.items;
  std::erase_if(all, [&](const StoredPtr& object) {
    return (token && !(token->after < object->key)) || !options.selector.matches(*object);
  });
  const bool unlimited = options.limit == 0 || (options.resourceVersion == Revision{0} && !token);
  if (!unlimited && all.size() > options.limit) {
    const std::size_t remaining = all.size() - options.limit;
    all.resize(options.limit);
    const bool consistent = !token || token->revision;
    page.metadata["continue"] =
        ContinueToken{consistent ? std::optional(snapshot.revision) : std::nullopt, all.back()->key}.encode();
    if (options.selector.empty()) {
      page.metadata["remainingItemCount"] = static_cast<std::int64_t>(remaining);
    }
  }
  page.items = std::move(all);
  return page;
}

}  // namespace

HttpResponse ResourceEndpoint::listPage(const RestCall& call, const ListOptions& options,
                                        const ResponseFormat& format) {
  const ResourceInfo& resource = *call.resource;
  std::optional<ContinueToken> token;
  auto found = snapshot(call, options, token);
  if (!found) {
    return toResponse(found.error());
  }
  const Page page = pageOf(*std::move(found), options, token);
  if (plain(format)) {
    std::string body = cat("{\"kind\":\"", resource.listKind, "\",\"apiVersion\":\"", resource.apiVersion(),
                           "\",\"metadata\":", page.metadata.dump(), ",\"items\":[");
    bool first = true;
    for (const StoredPtr& object : page.items) {
      body += std::exchange(first, false) ? "" : ",";
      if (!resource.custom) {
        body += '{';
      }
      body += itemBytes(resource, bytesAs(resource, *object));
    }
    body += "]}";
    return jsonResponse(200, std::move(body));
  }
  Json items = Json::array();
  for (const StoredPtr& object : page.items) {
    Json item = parsed(bytesAs(resource, *object));
    if (!resource.custom && format.transform == Transform::None) {
      item.asObject().erase("apiVersion");
      item.asObject().erase("kind");
    }
    items.push(std::move(item));
  }
  Json list = Json::object({{"kind", resource.listKind}, {"apiVersion", resource.apiVersion()}});
  list["metadata"] = page.metadata;
  list["items"] = std::move(items);
  const Presentation presentation = presentationOf(call, format, registry_.ports().clock.wall());
  return encodeResponse(200, present(resource, std::move(list), presentation), format);
}

ApiResult<ResourceEndpoint::Body> ResourceEndpoint::body(const RestCall& call) const {
  const auto format = bodyFormat(call.request);
  const bool protobuf = format == BodyFormat::Protobuf && !call.resource->custom;
  if (format != BodyFormat::Json && format != BodyFormat::Yaml && !protobuf) {
    return unsupportedBody(call.resource->custom
                               ? std::vector{BodyFormat::Json, BodyFormat::Yaml}
                               : std::vector{BodyFormat::Json, BodyFormat::Yaml, BodyFormat::Protobuf});
  }
  Body out;
  auto decoded = decodeBody(*format, call.request.body, &out.duplicates);
  if (!decoded) {
    return badRequest(cat("the object provided is unrecognized (must be of type ", call.resource->kind,
                          "): ", decoded.status().message()));
  }
  out.value = *std::move(decoded);
  return out;
}

HttpResponse ResourceEndpoint::create(const RestCall& call) {
  auto options = writeOptions(call.request, "CreateOptions");
  if (!options) {
    return toResponse(options.error());
  }
  auto sent = body(call);
  if (!sent) {
    return toResponse(sent.error());
  }
  options->duplicates = std::move(sent->duplicates);
  return show(call, writer_.create({call.resource, {call.path.ns, ""}}, std::move(sent->value), *options));
}

HttpResponse ResourceEndpoint::update(const RestCall& call) {
  auto options = writeOptions(call.request, "UpdateOptions");
  if (!options) {
    return toResponse(options.error());
  }
  auto sent = body(call);
  if (!sent) {
    return toResponse(sent.error());
  }
  options->duplicates = std::move(sent->duplicates);
  options->subresource = call.path.subresource;
  return show(call, writer_.replace({call.resource, {call.path.ns, call.path.name}}, sent->value, *options));
}

HttpResponse ResourceEndpoint::patch(const RestCall& call) {
  const auto formats = patchFormats(*call.resource);
  const auto format = bodyFormat(call.request);
  if (!format || std::find(formats.begin(), formats.end(), *format) == formats.end()) {
    return toResponse(unsupportedBody(formats));
  }
  auto options = writeOptions(call.request, "PatchOptions");
  if (!options) {
    return toResponse(options.error());
  }
  const bool apply = format == BodyFormat::ApplyPatch;
  if (apply && call.request.parameter("fieldManager").empty()) {
    return toResponse(invalidOption(
        "PatchOptions", {"FieldValueRequired", "fieldManager", "Required value: is required for apply patch"}));
  }
  if (!apply && call.request.hasParameter("force")) {
    return toResponse(invalidOption(
        "PatchOptions", {"FieldValueForbidden", "force", "Forbidden: may not be specified for non-apply patch"}));
  }
  auto decoded = apply ? decodeApplyBody(call.request.body, &options->duplicates)
                       : decodeBody(BodyFormat::Json, call.request.body, &options->duplicates);
  if (!decoded) {
    return toResponse(badRequest(cat("error decoding ", apply ? "YAML" : "patch", ": ", decoded.status().message())));
  }
  options->subresource = call.path.subresource;
  const Patch patch{*format, *std::move(decoded), booleanParameter(call.request, "force")};
  return show(call, writer_.patch({call.resource, {call.path.ns, call.path.name}}, patch, *options));
}

HttpResponse ResourceEndpoint::remove(const RestCall& call) {
  auto options = deleteOptions(call.request);
  if (!options) {
    return toResponse(options.error());
  }
  auto removed = writer_.remove({call.resource, {call.path.ns, call.path.name}}, *options);
  if (!removed || !removed->removed) {
    return show(call, removed);
  }
  Json details = detailsOf(*call.resource, call.path.name);
  details["uid"] = removed->object->uid;
  return jsonResponse(200, Json::object({{"kind", "Status"},
                                         {"apiVersion", "v1"},
                                         {"metadata", Json::object()},
                                         {"status", "Success"},
                                         {"details", std::move(details)}})
                               .dump());
}

HttpResponse ResourceEndpoint::removeCollection(const RestCall& call) {
  auto options = deleteOptions(call.request);
  if (!options) {
    return toResponse(options.error());
  }
  auto which = listOptions(*call.resource, call.request, false);
  if (!which) {
    return toResponse(which.error());
  }
  const auto format = negotiate(call.request, Negotiable::Lists);
  if (!format) {
    return toResponse(notAcceptable());
  }
  std::optional<ContinueToken> token;
  auto found = snapshot(call, *which, token);
  if (!found) {
    return toResponse(found.error());
  }
  Page page = pageOf(*std::move(found), *which, token);
  Json items = Json::array();
  for (const StoredPtr& object : page.items) {
    auto removed = writer_.remove({call.resource, object->key}, *options);
    if (!removed && removed.error().code != 404) {
      return toResponse(removed.error());
    }
    if (removed) {
      items.push(parsed(bytesAs(*call.resource, *removed->object)));
    }
  }
  Json list = Json::object({{"kind", call.resource->listKind}, {"apiVersion", call.resource->apiVersion()}});
  list["metadata"] = page.metadata;
  list["items"] = std::move(items);
  const Presentation presentation = presentationOf(call, *format, registry_.ports().clock.wall());
  return encodeResponse(200, present(*call.resource, std::move(list), presentation), *format);
}

namespace {

std::vector<std::string> pathOf(std::string_view dotted) {
  return split(dotted.substr(dotted.starts_with('.') ? 1 : 0), '.');
}

const Json* follow(const Json& object, std::string_view dotted) {
  const Json* here = &object;
  for (const std::string& name : pathOf(dotted)) {
    here = here == nullptr ? nullptr : here->find(name);
  }
  return here;
}

ApiResult<Json> scaleOf(const ResourceInfo& resource, const Json& object) {
  const Json* replicas = follow(object, resource.specReplicasPath);
  if (replicas == nullptr || !replicas->isInt()) {
    return internalError(cat("the spec replicas field \"", resource.specReplicasPath, "\" does not exist"));
  }
  Json metadata = Json::object();
  for (const char* field : {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"}) {
    if (const Json* value = object.at({"metadata", field})) {
      metadata[field] = *value;
    }
  }
  const Json* running = follow(object, resource.statusReplicasPath);
  return Json::object(
      {{"kind", "Scale"},
       {"apiVersion", "autoscaling/v1"},
       {"metadata", std::move(metadata)},
       {"spec", Json::object({{"replicas", *replicas}})},
       {"status", Json::object({{"replicas", running != nullptr && running->isInt() ? *running : Json(0)}})}});
}

// The object with the replicas, and the version precondition, that a Scale asks for.
ApiResult<Json> withScale(const ResourceInfo& resource, const Json& live, const Json& scale) {
  const Json* replicas = scale.at({"spec", "replicas"});
  Json next = live;
  Json* here = &next;
  const std::vector<std::string> path = pathOf(resource.specReplicasPath);
  for (const std::string& name : path) {
    here = &(*here)[name];
    if (&name != &path.back() && !here->isObject()) {
      *here = Json::object();
    }
  }
  *here = replicas == nullptr || replicas->isNull() ? Json(0) : *replicas;
  if (!here->isInt()) {
    return badRequest("spec.replicas of a Scale must be an integer");
  }
  if (const Json* version = scale.at({"metadata", "resourceVersion"});
      version != nullptr && version->isString() && !version->asString().empty()) {
    next["metadata"]["resourceVersion"] = *version;
  }
  return next;
}

}  // namespace

HttpResponse ResourceEndpoint::scale(const RestCall& call) {
  const ResourceInfo& resource = *call.resource;
  const auto respond = [&](const StoredObject& object) {
    auto scale = scaleOf(resource, parsed(bytesAs(resource, object)));
    return scale ? jsonResponse(200, scale->dump()) : toResponse(scale.error());
  };
  if (call.verb == "get") {
    const StoredPtr object = registry_.get(resource, {call.path.ns, call.path.name});
    return object == nullptr ? toResponse(notFound(resource, call.path.name)) : respond(*object);
  }
  auto options = writeOptions(call.request, optionsKind(call.verb));
  if (!options) {
    return toResponse(options.error());
  }
  options->subresource = "scale";
  const auto format = bodyFormat(call.request);
  const auto formats = patchFormats(resource);
  if (call.verb == "patch" && (!format || std::find(formats.begin(), formats.end(), *format) == formats.end())) {
    return toResponse(unsupportedBody(formats));
  }
  auto sent = call.verb == "patch" ? decodeApplyBody(call.request.body, nullptr)
                                   : decodeBody(BodyFormat::Json, call.request.body, nullptr);
  if (!sent) {
    return toResponse(badRequest(sent.status().message()));
  }
  auto written = writer_.edit({call.resource, {call.path.ns, call.path.name}}, *options,
                              [&](const Json& live) -> ApiResult<ObjectWriter::Draft> {
                                ApiResult<Json> wanted = *sent;
                                if (call.verb == "patch") {
                                  auto now = scaleOf(resource, live);
                                  if (!now) {
                                    return now.error();
                                  }
                                  wanted = format == BodyFormat::JsonPatch ? applyJsonPatch(*std::move(now), *sent)
                                                                           : applyMergePatch(*std::move(now), *sent);
                                }
                                if (!wanted) {
                                  return wanted.error();
                                }
                                auto next = withScale(resource, live, *wanted);
                                if (!next) {
                                  return next.error();
                                }
                                return ObjectWriter::Draft{*std::move(next), false};
                              });
  return written ? respond(*written->object) : toResponse(written.error());
}

std::optional<HttpResponse> ResourceEndpoint::log(const RestCall& call) {
  const StoredPtr run = registry_.get(*call.resource, {call.path.ns, call.path.name});
  if (run == nullptr || log_ == nullptr) {
    return toResponse(notFound(*call.resource, call.path.name));
  }
  LogRequest request{call.resource, run->key, run->uid, call.request.parameter("server"), 0};
  const std::string offset = call.request.parameter("offset");
  if (std::from_chars(offset.data(), offset.data() + offset.size(), request.offset).ec != std::errc() &&
      !offset.empty()) {
    return toResponse(badRequest(cat("offset: \"", offset, "\" is no number of bytes")));
  }
  const bool follow = booleanParameter(call.request, "follow");
  if (request.target.empty()) {
    const std::vector<std::string> targets = log_->targets(run->uid);
    if (targets.size() != 1) {
      return toResponse(badRequest(
          targets.empty() ? cat("run ", call.path.name, " has no output yet; name a server")
                          : cat("run ", call.path.name,
                                " has output of several servers; ask with server=", join(targets, " or server="))));
    }
    request.target = targets.front();
  }
  if (follow) {
    startLog(registry_, *log_, pump_, std::move(request), call.responder);
    return std::nullopt;
  }
  auto chunk = log_->read(run->uid, request.target, request.offset, kLogBytes);
  if (!chunk) {
    ApiError error = notFound(*call.resource, call.path.name);
    error.message = chunk.status().message();
    return toResponse(error);
  }
  HttpResponse response;
  response.contentType = "text/plain; charset=utf-8";
  response.headers.emplace_back("Slipway-Next-Offset", std::to_string(chunk->next));
  response.body = std::move(chunk->text);
  return response;
}

}  // namespace slipway::apiserver
