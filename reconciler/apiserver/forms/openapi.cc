#include "reconciler/apiserver/forms/openapi.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reconciler/apiserver/forms/builtin_resources.h"
#include "reconciler/apiserver/forms/negotiation.h"
#include "reconciler/base/json.h"
#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"

namespace slipway::apiserver {

namespace {

struct Document {
  std::string body;
  std::string hash;
};
using DocumentPtr = std::shared_ptr<const Document>;

}  // namespace

// Documents by "v2" or their path below /openapi/v3. Thread-safe.
class OpenApiCache {
 public:
  DocumentPtr find(const std::string& key) const {
    const std::lock_guard lock(mutex_);
    const auto found = documents_.find(key);
    return found == documents_.end() ? nullptr : found->second;
  }

  void add(const std::string& key, DocumentPtr document) {
    const std::lock_guard lock(mutex_);
    documents_[key] = std::move(document);
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, DocumentPtr> documents_;
};

namespace {

constexpr std::string_view kMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.";

// Which of the two OpenAPI versions is written.
enum class Dialect { V2, V3 };

std::string reversed(const std::string& group) {
  std::vector<std::string> parts = split(group, '.');
  std::reverse(parts.begin(), parts.end());
  return join(parts, ".");
}

// "dev.slipway.v1alpha1.Release", "io.k8s.api.core.v1.Secret".
std::string schemaName(const ResourceInfo& resource) {
  const std::string tail = cat(".", resource.version, ".", resource.kind);
  if (resource.custom) {
    return reversed(resource.group) + tail;
  }
  if (resource.group == "apiextensions.k8s.io") {
    return cat("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions", tail);
  }
  return cat("io.k8s.api.", resource.group.empty() ? "core" : split(resource.group, '.').front(), tail);
}

Json reference(Dialect dialect, std::string_view name) {
  return Json::object({{"$ref", cat(dialect == Dialect::V3 ? "#/components/schemas/" : "#/definitions/", name)}});
}

Json groupVersionKind(const ResourceInfo& resource, const std::string& kind) {
  return Json::object({{"group", resource.group}, {"version", resource.version}, {"kind", kind}});
}

Json described(Json schema, std::string_view text) {
  schema["description"] = text;
  return schema;
}

Json stringSchema(std::string_view text) { return described(Json::object({{"type", "string"}}), text); }

// OpenAPI v2 knows neither defaults, null nor alternatives, and cannot say that a typed object is open.
void toV2(Json& schema) {
  if (schema.isArray()) {
    for (Json& item : schema.asArray()) {
      toV2(item);
    }
  }
  if (!schema.isObject()) {
    return;
  }
  Json::Object& members = schema.asObject();
  const bool open = schema.getBool("x-kubernetes-preserve-unknown-fields");
  const bool either = schema.getBool("x-kubernetes-int-or-string");
  for (const char* name : {"default", "nullable", "oneOf", "anyOf", "allOf", "not"}) {
    const Json* member = members.find(name);
    if (member != nullptr && !(member->isObject() && member->find("type") != nullptr)) {
      members.erase(name);
    }
  }
  for (const char* name : {"properties", "items"}) {
    if (open) {
      members.erase(name);
    }
  }
  if (either) {
    members.erase("type");
  }
  for (auto& [name, value] : members) {
    toV2(value);
  }
}

// Clients that merge on their side read the strategy from these older extensions.
void addPatchStrategies(Json& schema) {
  if (schema.isArray()) {
    for (Json& item : schema.asArray()) {
      addPatchStrategies(item);
    }
  }
  if (!schema.isObject()) {
    return;
  }
  for (auto& [name, value] : schema.asObject()) {
    addPatchStrategies(value);
  }
  const std::string type = schema.getString("x-kubernetes-list-type");
  const Json* keys = schema.find("x-kubernetes-list-map-keys");
  if (type == "map" && keys != nullptr && keys->isArray() && !keys->asArray().empty()) {
    Json key = keys->asArray().front();
    schema["x-kubernetes-patch-merge-key"] = std::move(key);
  }
  if (type == "map" || type == "set") {
    schema["x-kubernetes-patch-strategy"] = "merge";
  }
}

Json metadataReference(Dialect dialect) {
  const std::string_view text = "Standard metadata of the object.";
  Json target = reference(dialect, cat(kMeta, "ObjectMeta"));
  if (dialect == Dialect::V2) {
    return described(std::move(target), text);
  }
  return described(Json::object({{"default", Json::object()}, {"allOf", Json::array({std::move(target)})}}), text);
}

Json typeMetaProperties() {
  return Json::object({{"apiVersion", stringSchema("Group and version of the schema this object is written in.")},
                       {"kind", stringSchema("What the object is, in CamelCase.")}});
}

Json kindSchema(const ResourceInfo& resource, Dialect dialect) {
  Json schema = resource.schema == nullptr ? Json::object() : resource.schema->source();
  if (!resource.custom) {
    addPatchStrategies(schema);
  }
  Json properties = typeMetaProperties();
  properties["metadata"] = metadataReference(dialect);
  const Json* declared = schema.find("properties");
  if (declared != nullptr && declared->isObject()) {
    for (const auto& [name, value] : declared->asObject()) {
      if (!properties.asObject().contains(name)) {
        properties[name] = value;
        if (dialect == Dialect::V2) {
          toV2(properties[name]);
        }
      }
    }
  }
  schema["type"] = "object";
  schema["properties"] = std::move(properties);
  if (dialect == Dialect::V2) {
    for (const char* name : {"default", "nullable", "oneOf", "anyOf", "allOf", "not"}) {
      schema.asObject().erase(name);
    }
  }
  schema["x-kubernetes-group-version-kind"] = Json::array({groupVersionKind(resource, resource.kind)});
  return schema;
}

Json listSchema(const ResourceInfo& resource, Dialect dialect) {
  Json properties = typeMetaProperties();
  properties["metadata"] = reference(dialect, cat(kMeta, "ListMeta"));
  properties["items"] = Json::object({{"type", "array"}, {"items", reference(dialect, schemaName(resource))}});
  return Json::object(
      {{"description", cat("A list of ", resource.kind, " objects.")},
       {"type", "object"},
       {"required", Json::array({"items"})},
       {"properties", std::move(properties)},
       {"x-kubernetes-group-version-kind", Json::array({groupVersionKind(resource, resource.listKind)})}});
}

Json objectMeta(Dialect dialect) {
  Json schema = objectMetaSource();
  addPatchStrategies(schema);
  if (dialect == Dialect::V2) {
    toV2(schema);
  }
  return schema;
}

Json listMeta() {
  Json properties = Json::object({{"resourceVersion", stringSchema("The version of the list.")},
                                  {"continue", stringSchema("Asks for the next part of the list.")},
                                  {"remainingItemCount", Json::object({{"type", "integer"}, {"format", "int64"}})}});
  return Json::object({{"type", "object"}, {"properties", std::move(properties)}});
}

bool allows(const ResourceInfo& resource, std::string_view verb) {
  return std::find(resource.verbs.begin(), resource.verbs.end(), verb) != resource.verbs.end();
}

std::string camel(std::string_view text) {
  std::string out;
  bool upper = true;
  for (const char c : text) {
    if (c == '.' || c == '-' || c == '/') {
      upper = true;
      continue;
    }
    out += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = false;
  }
  return out;
}

// Writes the path items of one resource.
class PathWriter {
 public:
  PathWriter(const ResourceInfo& resource, Dialect dialect) : resource_(resource), dialect_(dialect) {}

  void write(Json& paths) const {
    const std::string root = cat(resource_.group.empty() ? "/api/" : "/apis/", resource_.apiVersion(), "/");
    const std::string collection = cat(root, resource_.namespaced ? "namespaces/{namespace}/" : "", resource_.plural);
    const bool listable = allows(resource_, "list");
    add(paths, collection,
        operations({{"get", "list", listable},
                    {"post", "post", allows(resource_, "create")},
                    {"delete", "deletecollection", allows(resource_, "deletecollection")}}));
    if (resource_.namespaced) {
      add(paths, root + resource_.plural, operations({{"get", "list", listable}}, "ForAllNamespaces"));
    }
    const std::string item = collection + "/{name}";
    add(paths, item,
        operations({{"get", "get", allows(resource_, "get")},
                    {"put", "put", allows(resource_, "update")},
                    {"patch", "patch", allows(resource_, "patch")},
                    {"delete", "delete", allows(resource_, "delete")}}));
    const std::vector<Verb> readAndWrite{{"get", "get", true}, {"put", "put", true}, {"patch", "patch", true}};
    if (resource_.hasStatus) {
      add(paths, item + "/status", operations(readAndWrite, "Status"));
    }
    if (resource_.hasScale) {
      add(paths, item + "/scale", operations(readAndWrite, "Scale"));
    }
    for (const Subresource& sub : resource_.subresources) {
      const bool readable = std::find(sub.verbs.begin(), sub.verbs.end(), "get") != sub.verbs.end();
      add(paths, cat(item, "/", sub.name), operations({{"get", "get", readable}}, camel(sub.name)));
    }
  }

 private:
  struct Verb {
    const char* method;
    const char* action;
    bool allowed;
  };

  void add(Json& paths, const std::string& path, Json item) const {
    if (item.asObject().empty()) {
      return;
    }
    Json parameters(Json::Array{});
    for (const char* name : {"namespace", "name"}) {
      if (path.find(cat("{", name, "}")) != std::string::npos) {
        parameters.push(parameter(name, "path", "string"));
      }
    }
    parameters.push(parameter("pretty", "query", "string"));
    item["parameters"] = std::move(parameters);
    paths[path] = std::move(item);
  }

  Json parameter(std::string_view name, std::string_view place, std::string_view type) const {
    Json out = Json::object({{"name", name}, {"in", place}});
    if (place == "path") {
      out["required"] = true;
    }
    if (dialect_ == Dialect::V3) {
      out["schema"] = Json::object({{"type", type}, {"uniqueItems", true}});
    } else {
      out["type"] = type;
      out["uniqueItems"] = true;
    }
    return out;
  }

  Json operations(const std::vector<Verb>& verbs, const std::string& suffix = "") const {
    Json item = Json::object();
    for (const Verb& verb : verbs) {
      if (verb.allowed) {
        item[verb.method] = operation(verb.action, suffix);
      }
    }
    return item;
  }

  Json parametersOf(std::string_view action) const {
    Json out(Json::Array{});
    const auto addAll = [&](std::initializer_list<const char*> names, const char* type) {
      for (const char* name : names) {
        out.push(parameter(name, "query", type));
      }
    };
    if (action == "list" || action == "deletecollection") {
      addAll({"labelSelector", "fieldSelector", "resourceVersion", "resourceVersionMatch", "continue"}, "string");
      addAll({"limit", "timeoutSeconds"}, "integer");
      addAll({"watch", "allowWatchBookmarks", "sendInitialEvents"}, "boolean");
    }
    if (action == "post" || action == "put" || action == "patch") {
      addAll({"dryRun", "fieldManager", "fieldValidation"}, "string");
    }
    if (action == "patch") {
      addAll({"force"}, "boolean");
    }
    if (action == "delete" || action == "deletecollection") {
      addAll({"dryRun", "propagationPolicy"}, "string");
      addAll({"gracePeriodSeconds"}, "integer");
    }
    return out;
  }

  std::vector<std::string> bodyTypes(std::string_view action) const {
    if (action != "patch") {
      return {"application/json", "application/yaml"};
    }
    std::vector<std::string> types{"application/apply-patch+yaml", "application/json-patch+json",
                                   "application/merge-patch+json"};
    if (!resource_.custom) {
      types.emplace_back("application/strategic-merge-patch+json");
    }
    return types;
  }

  Json content(const std::vector<std::string>& types, const Json& schema) const {
    Json out = Json::object();
    for (const std::string& type : types) {
      out[type] = Json::object({{"schema", schema}});
    }
    return out;
  }

  Json schemaFor(std::string_view action) const {
    if (action == "patch") {
      return Json::object({{"type", "object"}});
    }
    return reference(dialect_, schemaName(resource_));
  }

  void addBody(Json& operation, std::string_view action) const {
    if (dialect_ == Dialect::V3) {
      operation["requestBody"] =
          Json::object({{"required", true}, {"content", content(bodyTypes(action), schemaFor(action))}});
      return;
    }
    Json body = Json::object({{"name", "body"}, {"in", "body"}, {"required", true}, {"schema", schemaFor(action)}});
    operation["parameters"].push(std::move(body));
    for (const std::string& type : bodyTypes(action)) {
      operation["consumes"].push(type);
    }
  }

  Json operation(const std::string& action, const std::string& suffix) const {
    Json out = Json::object({{"description", cat(action, " ", resource_.kind)},
                             {"operationId", cat(action, camel(resource_.group.empty() ? "core" : resource_.group),
                                                 camel(resource_.version), resource_.namespaced ? "Namespaced" : "",
                                                 resource_.kind, suffix)},
                             {"parameters", parametersOf(action)}});
    if (action == "post" || action == "put" || action == "patch") {
      addBody(out, action);
    }
    const bool list = action == "list";
    Json schema = reference(dialect_, list ? schemaName(resource_) + "List" : schemaName(resource_));
    Json answer = Json::object({{"description", "OK"}});
    if (dialect_ == Dialect::V3) {
      answer["content"] = content({"application/json", "application/yaml"}, schema);
    } else {
      answer["schema"] = std::move(schema);
      out["produces"] = Json::array({"application/json", "application/yaml"});
    }
    out["responses"] = Json::object({{action == "post" ? "201" : "200", std::move(answer)}});
    out["x-kubernetes-action"] = action;
    out["x-kubernetes-group-version-kind"] =
        suffix == "Scale" ? Json::object({{"group", "autoscaling"}, {"version", "v1"}, {"kind", "Scale"}})
                          : groupVersionKind(resource_, resource_.kind);
    return out;
  }

  const ResourceInfo& resource_;
  Dialect dialect_;
};

// "api/v1" or "apis/G/V".
std::string documentPath(const ResourceInfo& resource) {
  return cat(resource.group.empty() ? "api/" : "apis/", resource.apiVersion());
}

constexpr std::string_view kV2Key = "v2";

Json buildDocument(const ResourceTable& table, const std::string& key) {
  const Dialect dialect = key == kV2Key ? Dialect::V2 : Dialect::V3;
  Json schemas = Json::object();
  Json paths = Json::object();
  for (const ResourcePtr& resource : table.resources) {
    if (dialect == Dialect::V2 || documentPath(*resource) == key) {
      schemas[schemaName(*resource)] = kindSchema(*resource, dialect);
      if (allows(*resource, "list")) {
        schemas[schemaName(*resource) + "List"] = listSchema(*resource, dialect);
      }
      PathWriter(*resource, dialect).write(paths);
    }
  }
  if (paths.asObject().empty() && dialect == Dialect::V3) {
    return nullptr;
  }
  schemas[cat(kMeta, "ObjectMeta")] = objectMeta(dialect);
  schemas[cat(kMeta, "ListMeta")] = listMeta();
  Json out = dialect == Dialect::V3 ? Json::object({{"openapi", "3.0.0"}}) : Json::object({{"swagger", "2.0"}});
  out["info"] = Json::object({{"title", "Slipway"}, {"version", "v1"}});
  out["paths"] = std::move(paths);
  if (dialect == Dialect::V3) {
    out["components"] = Json::object({{"schemas", std::move(schemas)}});
  } else {
    out["definitions"] = std::move(schemas);
  }
  return out;
}

// nullptr when the table has nothing of that group version.
DocumentPtr documentFor(const ResourceTable& table, const std::string& key) {
  DocumentPtr document = table.openApi == nullptr ? nullptr : table.openApi->find(key);
  if (document != nullptr) {
    return document;
  }
  const Json value = buildDocument(table, key);
  if (value.isNull()) {
    return nullptr;
  }
  auto built = std::make_shared<Document>();
  built->body = value.dump() + "\n";
  built->hash = sha256Hex(built->body);
  if (table.openApi != nullptr) {
    table.openApi->add(key, built);
  }
  return built;
}

bool acceptsJson(const HttpRequest& request) {
  const std::vector<AcceptClause> clauses = parseAccept(request.header("accept"));
  return clauses.empty() || std::any_of(clauses.begin(), clauses.end(), [](const AcceptClause& clause) {
           return clause.quality > 0 && (clause.mediaType == "application/json" || clause.mediaType == "*/*" ||
                                         clause.mediaType == "application/*");
         });
}

HttpResponse plainText(int status, std::string text) {
  HttpResponse response;
  response.status = status;
  response.contentType = "text/plain; charset=utf-8";
  response.body = std::move(text);
  return response;
}

HttpResponse documentResponse(const Document& document, const HttpRequest& request) {
  HttpResponse response;
  const std::string etag = cat("\"", document.hash, "\"");
  response.headers = {{"ETag", etag}, {"Vary", "Accept"}};
  if (request.header("if-none-match").find(etag) != std::string::npos) {
    response.status = 304;
    return response;
  }
  response.body = document.body;
  return response;
}

HttpResponse serveIndex(const ResourceTable& table) {
  Json paths = Json::object();
  for (const ResourcePtr& resource : table.resources) {
    const std::string path = documentPath(*resource);
    const DocumentPtr document = paths.asObject().contains(path) ? nullptr : documentFor(table, path);
    if (document != nullptr) {
      paths[path] = Json::object({{"serverRelativeURL", cat("/openapi/v3/", path, "?hash=", document->hash)}});
    }
  }
  HttpResponse response;
  response.body = Json::object({{"paths", std::move(paths)}}).dump() + "\n";
  return response;
}

HttpResponse serveV3(const ResourceTable& table, const std::string& path, const HttpRequest& request) {
  const DocumentPtr document = documentFor(table, path);
  if (document == nullptr) {
    return plainText(404, "404 page not found\n");
  }
  const std::string hash = request.parameter("hash");
  if (!hash.empty() && hash != document->hash) {
    HttpResponse moved = plainText(301, "");
    moved.headers = {{"Location", cat("/openapi/v3/", path, "?hash=", document->hash)}};
    return moved;
  }
  HttpResponse response = documentResponse(*document, request);
  if (!hash.empty()) {
    response.headers.emplace_back("Cache-Control", "public, immutable");
    response.headers.emplace_back("Expires", "Thu, 31 Dec 2099 23:59:59 GMT");
  }
  return response;
}

}  // namespace

std::shared_ptr<OpenApiCache> newOpenApiCache() { return std::make_shared<OpenApiCache>(); }

std::optional<HttpResponse> serveOpenApi(const ResourceTable& table, const HttpRequest& request) {
  constexpr std::string_view kV3 = "/openapi/v3";
  const bool v2 = request.path == "/openapi/v2";
  const bool index = request.path == kV3 || request.path == "/openapi/v3/";
  if (!v2 && !index && !request.path.starts_with("/openapi/v3/")) {
    return std::nullopt;
  }
  if (request.method != "GET" && request.method != "HEAD") {
    return plainText(405, "method not allowed\n");
  }
  if (!acceptsJson(request)) {
    return plainText(406, "only application/json is served\n");
  }
  if (v2) {
    return documentResponse(*documentFor(table, std::string(kV2Key)), request);
  }
  return index ? serveIndex(table) : serveV3(table, request.path.substr(kV3.size() + 1), request);
}

}  // namespace slipway::apiserver
