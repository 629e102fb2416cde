#include "reconciler/apiserver/rest_options.h"

#include <algorithm>
#include <charconv>

#include "reconciler/base/strings.h"

namespace slipway::apiserver {

namespace {

constexpr std::size_t kMaxManager = 128;

ApiError unsupported(std::string_view options, std::string field, std::string_view value, std::string_view supported) {
  return invalidOption(options, {"FieldValueNotSupported", std::move(field),
                                 cat("Unsupported value: \"", value, "\": supported values: ", supported)});
}

ApiError forbiddenOption(std::string field, std::string_view why) {
  return invalidOption("ListOptions", {"FieldValueForbidden", std::move(field), cat("Forbidden: ", why)});
}

ApiResult<bool> dryRun(const HttpRequest& request, std::string_view kind) {
  bool on = false;
  for (const auto& [name, value] : request.query) {
    if (name != "dryRun" || value.empty()) {
      continue;
    }
    if (value != "All") {
      return unsupported(kind, "dryRun", value, "\"All\"");
    }
    on = true;
  }
  return on;
}

ApiResult<std::int64_t> number(const HttpRequest& request, std::string_view name) {
  const std::string text = request.parameter(name);
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!text.empty() && (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())) {
    return badRequest(cat("strconv.ParseInt: parsing \"", text, "\": invalid syntax"));
  }
  return value;
}

ApiResult<std::string> propagation(const std::string& policy) {
  if (policy.empty() || policy == "Background" || policy == "Foreground" || policy == "Orphan") {
    return policy;
  }
  return unsupported("DeleteOptions", "propagationPolicy", policy, R"("Foreground", "Background", "Orphan", "nil")");
}

}  // namespace

std::optional<RestPath> RestPath::parse(std::string_view path) {
  std::vector<std::string> parts;
  for (std::string& part : split(path, '/')) {
    if (!part.empty()) {
      parts.push_back(std::move(part));
    }
  }
  RestPath out;
  std::size_t at = 0;
  if (parts.size() >= 2 && parts[0] == "api" && parts[1] == "v1") {
    out.version = "v1";
    at = 2;
  } else if (parts.size() >= 3 && parts[0] == "apis") {
    out.group = parts[1];
    out.version = parts[2];
    at = 3;
  } else {
    return std::nullopt;
  }
  if (at < parts.size() && parts[at] == "watch") {
    out.watch = true;
    ++at;
  }
  const std::size_t left = parts.size() - at;
  const bool ofNamespace = left == 3 && out.group.empty() && (parts[at + 2] == "status" || parts[at + 2] == "finalize");
  if (left > 2 && parts[at] == "namespaces" && !ofNamespace) {
    out.ns = parts[at + 1];
    at += 2;
  }
  for (std::string* field : {&out.plural, &out.name, &out.subresource}) {
    if (at < parts.size()) {
      *field = parts[at++];
    }
  }
  out.exact = at == parts.size();
  return out;
}

ApiResult<WriteOptions> writeOptions(const HttpRequest& request, std::string_view kind) {
  WriteOptions options;
  auto dry = dryRun(request, kind);
  if (!dry) {
    return dry.error();
  }
  options.dryRun = *dry;
  const std::string validation = request.parameter("fieldValidation");
  if (validation == "Strict") {
    options.validation = FieldValidation::Strict;
  } else if (validation == "Ignore") {
    options.validation = FieldValidation::Ignore;
  } else if (!validation.empty() && validation != "Warn") {
    return unsupported(kind, "fieldValidation", validation, R"("", "Ignore", "Strict", "Warn")");
  }
  const std::string manager = request.parameter("fieldManager");
  if (manager.size() > kMaxManager) {
    return invalidOption(
        kind, {"FieldValueTooLong", "fieldManager", cat("Too long: may not be more than ", kMaxManager, " bytes")});
  }
  if (std::any_of(manager.begin(), manager.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; })) {
    return invalidOption(
        kind, {"FieldValueInvalid", "fieldManager", "Invalid value: should only contain printable characters"});
  }
  options.manager = fieldManager(manager, request.header("user-agent"));
  return options;
}

namespace {

ApiResult<DeleteOptions> fromQuery(const HttpRequest& request) {
  DeleteOptions options;
  auto dry = dryRun(request, "DeleteOptions");
  if (!dry) {
    return dry.error();
  }
  options.dryRun = *dry;
  auto policy = propagation(request.parameter("propagationPolicy"));
  if (!policy) {
    return policy.error();
  }
  options.propagation = *policy;
  if (request.hasParameter("orphanDependents")) {
    options.propagation = booleanParameter(request, "orphanDependents") ? "Orphan" : "Background";
  }
  return options;
}

ApiResult<DeleteOptions> fromBody(const Json& body) {
  if (!body.isObject()) {
    return badRequest("the body of a deletion must be DeleteOptions");
  }
  if (const std::string kind = body.getString("kind"); !kind.empty() && kind != "DeleteOptions") {
    return badRequest(cat("no kind \"", kind, "\" is registered for a deletion's options; want DeleteOptions"));
  }
  DeleteOptions options;
  auto policy = propagation(body.getString("propagationPolicy"));
  if (!policy) {
    return policy.error();
  }
  options.propagation = *policy;
  if (const Json* orphan = body.find("orphanDependents"); orphan != nullptr && orphan->isBool()) {
    if (!options.propagation.empty()) {
      return invalidOption("DeleteOptions", {"FieldValueInvalid", "propagationPolicy",
                                             cat("Invalid value: \"", options.propagation,
                                                 "\": orphanDependents and deletionPropagation cannot be both set")});
    }
    options.propagation = orphan->asBool() ? "Orphan" : "Background";
  }
  if (const Json* dry = body.find("dryRun"); dry != nullptr && dry->isArray()) {
    for (const Json& value : dry->asArray()) {
      if (!(value == Json("All"))) {
        return unsupported("DeleteOptions", "dryRun", value.isString() ? value.asString() : value.dump(), "\"All\"");
      }
      options.dryRun = true;
    }
  }
  if (const Json* preconditions = body.find("preconditions")) {
    options.uid = preconditions->getString("uid");
    options.resourceVersion = preconditions->getString("resourceVersion");
  }
  return options;
}

}  // namespace

ApiResult<DeleteOptions> deleteOptions(const HttpRequest& request) {
  if (request.body.empty()) {
    return fromQuery(request);
  }
  const auto format = bodyFormat(request);
  if (format != BodyFormat::Json && format != BodyFormat::Yaml && format != BodyFormat::Protobuf) {
    return unsupportedMediaType({"application/json", "application/yaml", "application/vnd.kubernetes.protobuf"});
  }
  auto body = decodeBody(*format, request.body, nullptr);
  if (!body) {
    return badRequest(body.status().message());
  }
  return fromBody(*body);
}

ApiResult<Revision> parseRevision(std::string_view text) {
  Revision value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) {
    return badResourceVersion(text);
  }
  return value;
}

namespace {

ApiCheck checkMatch(const ListOptions& options, bool hasVersion) {
  const std::string& match = options.match;
  if (options.watch) {
    if (options.sendInitialEvents && match != "NotOlderThan") {
      return forbiddenOption("resourceVersionMatch",
                             "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    }
    if (!options.sendInitialEvents && !match.empty()) {
      return forbiddenOption("resourceVersionMatch",
                             "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
    }
    return std::nullopt;
  }
  if (options.sendInitialEvents) {
    return forbiddenOption("sendInitialEvents", "sendInitialEvents is forbidden for list");
  }
  if (match.empty()) {
    return std::nullopt;
  }
  if (!hasVersion) {
    return forbiddenOption("resourceVersionMatch",
                           "resourceVersionMatch is forbidden unless resourceVersion is provided");
  }
  if (!options.resume.empty()) {
    return forbiddenOption("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided");
  }
  if (match != "Exact" && match != "NotOlderThan") {
    return unsupported("ListOptions", "resourceVersionMatch", match, R"("Exact", "NotOlderThan", "")");
  }
  if (match == "Exact" && options.resourceVersion == Revision{0}) {
    return forbiddenOption("resourceVersionMatch",
                           "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
  }
  return std::nullopt;
}

}  // namespace

ApiResult<ListOptions> listOptions(const ResourceInfo& resource, const HttpRequest& request, bool watchPrefix) {
  ListOptions options;
  auto selector = ListSelector::parse(resource, request.parameter("labelSelector"), request.parameter("fieldSelector"));
  if (!selector) {
    return selector.error();
  }
  options.selector = *std::move(selector);
  auto limit = number(request, "limit");
  auto timeout = number(request, "timeoutSeconds");
  if (!limit || !timeout) {
    return !limit ? limit.error() : timeout.error();
  }
  options.limit = static_cast<std::size_t>(std::max<std::int64_t>(*limit, 0));
  options.timeoutSeconds = std::max<std::int64_t>(*timeout, 0);
  options.watch = watchPrefix || booleanParameter(request, "watch");
  options.bookmarks = booleanParameter(request, "allowWatchBookmarks");
  options.match = request.parameter("resourceVersionMatch");
  options.resume = request.parameter("continue");
  if (request.hasParameter("sendInitialEvents")) {
    options.sendInitialEvents = booleanParameter(request, "sendInitialEvents");
  }
  const std::string version = request.parameter("resourceVersion");
  if (!version.empty()) {
    auto revision = parseRevision(version);
    if (!revision) {
      return revision.error();
    }
    options.resourceVersion = *revision;
  }
  if (auto error = checkMatch(options, !version.empty())) {
    return *error;
  }
  return options;
}

namespace {

// base64 in the alphabet that needs no escaping in a URL, without padding.
std::string urlSafe(std::string text) {
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text.substr(0, text.find('='));
}

std::string standard(std::string_view text) {
  std::string out(text.substr(0, text.find('=')));
  std::replace(out.begin(), out.end(), '-', '+');
  std::replace(out.begin(), out.end(), '_', '/');
  out.append((4 - out.size() % 4) % 4, '=');
  return out;
}

}  // namespace

std::string ContinueToken::encode() const {
  std::string start = after.ns.empty() ? after.name : after.ns + "/" + after.name;
  start += '\0';
  const Json rv = revision ? Json(static_cast<std::int64_t>(*revision)) : Json(-1);
  return urlSafe(base64Encode(Json::object({{"v", "meta.k8s.io/v1"}, {"rv", rv}, {"start", start}}).dump()));
}

std::optional<ContinueToken> ContinueToken::decode(std::string_view text) {
  std::string bytes;
  if (!base64Decode(standard(text), bytes)) {
    return std::nullopt;
  }
  auto json = parseJson(bytes);
  if (!json || json->getString("v") != "meta.k8s.io/v1" || json->getInt("rv") == 0) {
    return std::nullopt;
  }
  std::string start = json->getString("start");
  if (start.empty() || start.back() != '\0') {
    return std::nullopt;
  }
  start.pop_back();
  ContinueToken token;
  if (const std::int64_t rv = json->getInt("rv"); rv > 0) {
    token.revision = static_cast<Revision>(rv);
  }
  const std::size_t slash = start.find('/');
  token.after =
      slash == std::string::npos ? ObjectKey{"", start} : ObjectKey{start.substr(0, slash), start.substr(slash + 1)};
  return token;
}

}  // namespace slipway::apiserver
