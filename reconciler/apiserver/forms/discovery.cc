#include "reconciler/apiserver/forms/discovery.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>

#include "reconciler/apiserver/forms/negotiation.h"
#include "reconciler/apiserver/forms/openapi.h"
#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"

namespace slipway::apiserver {

namespace {

// The versions of one group, the preferred one first, with their resources in the order of the table.
struct GroupVersion {
  std::string version;
  std::vector<ResourcePtr> resources;
};
struct Group {
  std::string name;
  std::vector<GroupVersion> versions;
};

// Kubernetes' order of versions: v2 before v1 before v2beta1 before v1alpha3, others last by name.
std::tuple<int, std::int64_t, std::int64_t> versionRank(std::string_view version) {
  std::size_t at = 1;
  auto number = [&] {
    std::int64_t value = 0;
    const std::size_t begin = at;
    while (at < version.size() && version[at] >= '0' && version[at] <= '9' && at - begin < 9) {
      value = value * 10 + (version[at++] - '0');
    }
    return at == begin ? -1 : value;
  };
  if (!version.starts_with('v')) {
    return {0, 0, 0};
  }
  const std::int64_t major = number();
  if (major < 0) {
    return {0, 0, 0};
  }
  if (at == version.size()) {
    return {3, major, 0};
  }
  const bool beta = version.substr(at).starts_with("beta");
  if (!beta && !version.substr(at).starts_with("alpha")) {
    return {0, 0, 0};
  }
  at += beta ? 4 : 5;
  const std::int64_t minor = number();
  if (minor < 0 || at != version.size()) {
    return {0, 0, 0};
  }
  return {beta ? 2 : 1, major, minor};
}

bool versionBefore(const GroupVersion& a, const GroupVersion& b) {
  const auto rankA = versionRank(a.version);
  const auto rankB = versionRank(b.version);
  return rankA != rankB ? rankA > rankB : a.version < b.version;
}

template <typename Item, typename Name>
Item& findOrAdd(std::vector<Item>& items, const std::string& name, Name Item::*member) {
  for (Item& item : items) {
    if (item.*member == name) {
      return item;
    }
  }
  items.emplace_back();
  items.back().*member = name;
  return items.back();
}

std::vector<Group> groupsOf(const ResourceTable& table) {
  std::vector<Group> groups;
  for (const ResourcePtr& resource : table.resources) {
    Group& group = findOrAdd(groups, resource->group, &Group::name);
    findOrAdd(group.versions, resource->version, &GroupVersion::version).resources.push_back(resource);
  }
  for (Group& group : groups) {
    std::stable_sort(group.versions.begin(), group.versions.end(), versionBefore);
  }
  return groups;
}

Json strings(const std::vector<std::string>& values) {
  Json out(Json::Array{});
  for (const std::string& value : values) {
    out.push(value);
  }
  return out;
}

// One path below a resource, whichever way it was declared.
struct SubresourceView {
  std::string name;
  std::string group;
  std::string version;
  std::string kind;
  std::vector<std::string> verbs;
};

std::vector<SubresourceView> subresourcesOf(const ResourceInfo& resource) {
  const std::vector<std::string> verbs{"get", "patch", "update"};
  std::vector<SubresourceView> out;
  if (resource.hasStatus) {
    out.push_back({"status", resource.group, resource.version, resource.kind, verbs});
  }
  if (resource.hasScale) {
    out.push_back({"scale", "autoscaling", "v1", "Scale", verbs});
  }
  for (const Subresource& extra : resource.subresources) {
    out.push_back(
        {extra.name, resource.group, resource.version, extra.kind.empty() ? resource.kind : extra.kind, extra.verbs});
  }
  return out;
}

// Base64 of the first eight bytes of the hash of the storage location's name.
std::string storageVersionHash(const ResourceInfo& resource) {
  const std::string hex = sha256Hex(cat(resource.group, "/", resource.version, "/", resource.kind));
  std::string bytes;
  for (std::size_t i = 0; i < 16; i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return base64Encode(bytes);
}

bool isStored(const ResourceInfo& resource) {
  return std::find(resource.verbs.begin(), resource.verbs.end(), "get") != resource.verbs.end();
}

Json resourceList(const GroupVersion& version, const std::string& apiVersion) {
  Json resources(Json::Array{});
  for (const ResourcePtr& resource : version.resources) {
    Json entry = Json::object({{"name", resource->plural},
                               {"singularName", resource->singular},
                               {"namespaced", resource->namespaced},
                               {"kind", resource->kind},
                               {"verbs", strings(resource->verbs)}});
    if (!resource->shortNames.empty()) {
      entry["shortNames"] = strings(resource->shortNames);
    }
    if (!resource->categories.empty()) {
      entry["categories"] = strings(resource->categories);
    }
    if (isStored(*resource)) {
      entry["storageVersionHash"] = storageVersionHash(*resource);
    }
    resources.push(std::move(entry));
    for (const SubresourceView& sub : subresourcesOf(*resource)) {
      Json path = Json::object(
          {{"name", cat(resource->plural, "/", sub.name)}, {"singularName", ""}, {"namespaced", resource->namespaced}});
      if (sub.group != resource->group || sub.version != resource->version) {
        path["group"] = sub.group;
        path["version"] = sub.version;
      }
      path["kind"] = sub.kind;
      path["verbs"] = strings(sub.verbs);
      resources.push(std::move(path));
    }
  }
  return Json::object({{"kind", "APIResourceList"},
                       {"apiVersion", "v1"},
                       {"groupVersion", apiVersion},
                       {"resources", std::move(resources)}});
}

Json groupEntry(const Group& group) {
  Json versions(Json::Array{});
  for (const GroupVersion& version : group.versions) {
    versions.push(
        Json::object({{"groupVersion", cat(group.name, "/", version.version)}, {"version", version.version}}));
  }
  Json preferred = versions.asArray().front();
  return Json::object(
      {{"name", group.name}, {"versions", std::move(versions)}, {"preferredVersion", std::move(preferred)}});
}

Json groupList(const std::vector<Group>& groups) {
  Json entries(Json::Array{});
  for (const Group& group : groups) {
    if (!group.name.empty()) {
      entries.push(groupEntry(group));
    }
  }
  return Json::object({{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(entries)}});
}

Json coreVersions(const std::vector<Group>& groups, const std::string& host) {
  Json versions(Json::Array{});
  for (const Group& group : groups) {
    for (const GroupVersion& version : group.versions) {
      if (group.name.empty()) {
        versions.push(version.version);
      }
    }
  }
  Json address = Json::object({{"clientCIDR", "0.0.0.0/0"}, {"serverAddress", host}});
  return Json::object({{"kind", "APIVersions"},
                       {"versions", std::move(versions)},
                       {"serverAddressByClientCIDRs", Json::array({std::move(address)})}});
}

Json kindReference(const std::string& group, const std::string& version, const std::string& kind) {
  return Json::object({{"group", group}, {"version", version}, {"kind", kind}});
}

Json aggregatedResource(const ResourceInfo& resource) {
  Json entry = Json::object({{"resource", resource.plural},
                             {"responseKind", kindReference(resource.group, resource.version, resource.kind)},
                             {"scope", resource.namespaced ? "Namespaced" : "Cluster"},
                             {"singularResource", resource.singular},
                             {"verbs", strings(resource.verbs)}});
  if (!resource.shortNames.empty()) {
    entry["shortNames"] = strings(resource.shortNames);
  }
  if (!resource.categories.empty()) {
    entry["categories"] = strings(resource.categories);
  }
  for (const SubresourceView& sub : subresourcesOf(resource)) {
    entry["subresources"].push(Json::object({{"subresource", sub.name},
                                             {"responseKind", kindReference(sub.group, sub.version, sub.kind)},
                                             {"verbs", strings(sub.verbs)}}));
  }
  return entry;
}

Json aggregated(const std::vector<Group>& groups, bool core, const std::string& formVersion) {
  Json items(Json::Array{});
  for (const Group& group : groups) {
    if (group.name.empty() != core) {
      continue;
    }
    Json versions(Json::Array{});
    for (const GroupVersion& version : group.versions) {
      Json resources(Json::Array{});
      for (const ResourcePtr& resource : version.resources) {
        resources.push(aggregatedResource(*resource));
      }
      versions.push(
          Json::object({{"version", version.version}, {"resources", std::move(resources)}, {"freshness", "Current"}}));
    }
    Json metadata = Json::object({{"creationTimestamp", nullptr}});
    if (!core) {
      metadata = Json::object({{"name", group.name}, {"creationTimestamp", nullptr}});
    }
    items.push(Json::object({{"metadata", std::move(metadata)}, {"versions", std::move(versions)}}));
  }
  return Json::object({{"kind", "APIGroupDiscoveryList"},
                       {"apiVersion", cat("apidiscovery.k8s.io/", formVersion)},
                       {"metadata", Json::object()},
                       {"items", std::move(items)}});
}

enum class Form { Plain, Aggregated, None };
struct DiscoveryFormat {
  Form form = Form::Plain;
  std::string version;
};

DiscoveryFormat discoveryFormat(const HttpRequest& request) {
  const std::vector<AcceptClause> clauses = parseAccept(request.header("accept"));
  if (clauses.empty()) {
    return {};
  }
  for (const AcceptClause& clause : clauses) {
    const bool json = clause.mediaType == "application/json";
    if (json && clause.as == "APIGroupDiscoveryList" && clause.group == "apidiscovery.k8s.io" &&
        (clause.version == "v2" || clause.version == "v2beta1")) {
      return {Form::Aggregated, clause.version};
    }
    if (clause.as.empty() && clause.quality > 0 &&
        (json || clause.mediaType == "*/*" || clause.mediaType == "application/*" ||
         clause.mediaType == "application/yaml")) {
      return {};
    }
  }
  return {Form::None, ""};
}

HttpResponse statusResponse(int code, std::string_view reason, std::string_view message) {
  const Json status = Json::object({{"kind", "Status"},
                                    {"apiVersion", "v1"},
                                    {"metadata", Json::object()},
                                    {"status", "Failure"},
                                    {"message", message},
                                    {"reason", reason},
                                    {"code", code}});
  return encodeResponse(code, status, {});
}

HttpResponse plain(const Json& value, const HttpRequest& request) {
  const auto format = negotiate(request, Negotiable::ObjectsOnly);
  if (!format) {
    return statusResponse(406, "NotAcceptable", kNotAcceptableMessage);
  }
  HttpResponse response = encodeResponse(200, value, *format);
  response.headers.emplace_back("Cache-Control", "no-cache, private");
  return response;
}

HttpResponse aggregatedResponse(const Json& value, const std::string& version, const HttpRequest& request) {
  HttpResponse response;
  response.body = value.dump() + "\n";
  const std::string etag = cat("\"", sha256Hex(response.body), "\"");
  response.contentType = cat("application/json;g=apidiscovery.k8s.io;v=", version, ";as=APIGroupDiscoveryList");
  response.headers = {{"ETag", etag}, {"Vary", "Accept"}, {"Cache-Control", "public"}};
  if (request.header("if-none-match").find(etag) != std::string::npos) {
    response.status = 304;
    response.body.clear();
  }
  return response;
}

HttpResponse serveRoot(const std::vector<Group>& groups, bool core, const HttpRequest& request) {
  const DiscoveryFormat format = discoveryFormat(request);
  switch (format.form) {
    case Form::Aggregated:
      return aggregatedResponse(aggregated(groups, core, format.version), format.version, request);
    case Form::None:
      return statusResponse(406, "NotAcceptable", kNotAcceptableMessage);
    case Form::Plain:
      break;
  }
  HttpResponse response = plain(core ? coreVersions(groups, request.header("host")) : groupList(groups), request);
  response.headers.emplace_back("Vary", "Accept");
  return response;
}

std::optional<HttpResponse> serveGroupVersion(const std::vector<Group>& groups, const std::string& groupName,
                                              const std::string& versionName, const HttpRequest& request) {
  for (const Group& group : groups) {
    for (const GroupVersion& version : group.versions) {
      if (group.name == groupName && version.version == versionName) {
        const std::string apiVersion = group.name.empty() ? versionName : cat(groupName, "/", versionName);
        return plain(resourceList(version, apiVersion), request);
      }
    }
  }
  return std::nullopt;
}

std::optional<HttpResponse> serveGroup(const std::vector<Group>& groups, const std::string& name,
                                       const HttpRequest& request) {
  for (const Group& group : groups) {
    if (group.name == name && !name.empty()) {
      Json entry = Json::object({{"kind", "APIGroup"}, {"apiVersion", "v1"}});
      const Json listed = groupEntry(group);
      for (const auto& [key, value] : listed.asObject()) {
        entry[key] = value;
      }
      return plain(entry, request);
    }
  }
  return std::nullopt;
}

}  // namespace

std::shared_ptr<const ResourceTable> newResourceTable(std::vector<ResourcePtr> resources) {
  auto table = std::make_shared<ResourceTable>();
  table->resources = std::move(resources);
  table->openApi = newOpenApiCache();
  return table;
}

std::optional<HttpResponse> serveDiscovery(const ResourceTable& table, const HttpRequest& request) {
  if (request.method != "GET" && request.method != "HEAD") {
    return std::nullopt;
  }
  std::string_view path = request.path;
  while (path.ends_with('/')) {
    path.remove_suffix(1);
  }
  const std::vector<std::string> parts = split(path, '/');
  if (parts.size() < 2 || parts.size() > 4 || (parts[1] != "api" && parts[1] != "apis")) {
    return std::nullopt;
  }
  const bool core = parts[1] == "api";
  const std::vector<Group> groups = groupsOf(table);
  if (parts.size() == 2) {
    return serveRoot(groups, core, request);
  }
  if (core) {
    return parts.size() == 3 ? serveGroupVersion(groups, "", parts[2], request) : std::nullopt;
  }
  return parts.size() == 3 ? serveGroup(groups, parts[2], request)
                           : serveGroupVersion(groups, parts[2], parts[3], request);
}

}  // namespace slipway::apiserver
