#include "reconciler/client/kubeconfig.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "reconciler/base/strings.h"
#include "reconciler/schema/yaml.h"

namespace slipway::client {
namespace {

struct File {
  std::string path;
  Json content;
};

// A named entry of clusters, users or contexts, and the file it stands in: relative paths start there.
struct Entry {
  const File* file = nullptr;
  const Json* value = nullptr;
};

Result<File> readConfig(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return Status(Code::NotFound, cat("kubeconfig ", path, " cannot be read (", std::strerror(errno),
                                      "); name one with --kubeconfig or KUBECONFIG"));
  }
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  auto documents = schema::parseYaml(text);
  if (!documents) {
    return documents.status().withContext(path);
  }
  File file{path, Json::object()};
  if (!documents->empty()) {
    file.content = std::move(documents->front().value);
  }
  if (!file.content.isObject() || documents->size() > 1) {
    return Status(Code::Invalid, cat(path, ": not a kubeconfig: one mapping is expected"));
  }
  return file;
}

Result<std::vector<File>> readAll(const KubeconfigOptions& options) {
  std::vector<File> files;
  if (!options.path.empty() || options.environment.empty()) {
    auto file = readConfig(options.path.empty() ? options.home + "/.kube/config" : options.path);
    if (!file) {
      return file.status();
    }
    files.push_back(std::move(*file));
    return files;
  }
  for (const std::string& path : split(options.environment, ':')) {
    if (path.empty() || !std::filesystem::exists(path)) {
      continue;
    }
    auto file = readConfig(path);
    if (!file) {
      return file.status();
    }
    files.push_back(std::move(*file));
  }
  if (files.empty()) {
    return Status(Code::NotFound, cat("KUBECONFIG names no file that exists: ", options.environment));
  }
  return files;
}

std::optional<Entry> findEntry(const std::vector<File>& files, std::string_view list, std::string_view member,
                               const std::string& name) {
  for (const File& file : files) {
    const Json* entries = file.content.find(list);
    if (entries == nullptr || !entries->isArray()) {
      continue;
    }
    for (const Json& entry : entries->asArray()) {
      const Json* value = entry.find(member);
      if (entry.getString("name") == name && value != nullptr && value->isObject()) {
        return Entry{&file, value};
      }
    }
  }
  return std::nullopt;
}

Status invalid(const Entry& entry, std::string_view field, std::string_view why) {
  return {Code::Invalid, cat(entry.file->path, ": ", field, ' ', why)};
}

// `field`-data in base64, or the content of the file that `field` names.
Status readData(const Entry& entry, const std::string& field, std::string& out) {
  const std::string data = entry.value->getString(field + "-data");
  if (!data.empty()) {
    return base64Decode(data, out) ? Status::ok() : invalid(entry, field + "-data", "is not base64");
  }
  const std::string name = entry.value->getString(field);
  if (name.empty()) {
    return Status::ok();
  }
  const std::filesystem::path path = std::filesystem::path(entry.file->path).parent_path() / name;
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return invalid(entry, field, cat("names ", path.string(), ", which cannot be read"));
  }
  out.assign(std::istreambuf_iterator<char>(in), {});
  return Status::ok();
}

Status readCluster(const Entry& cluster, bool allowInsecure, ClientConfig& config) {
  const Status url = parseServerUrl(cluster.value->getString("server"), config);
  if (!url) {
    return invalid(cluster, "server", url.message());
  }
  if (cluster.value->find("proxy-url") != nullptr) {
    return invalid(cluster, "proxy-url", "is not supported: name the API server directly");
  }
  config.serverName = cluster.value->getString("tls-server-name");
  config.insecureSkipVerify = cluster.value->getBool("insecure-skip-tls-verify");
  if (config.insecureSkipVerify && !allowInsecure) {
    return invalid(cluster, "insecure-skip-tls-verify",
                   "is refused: give certificate-authority-data, or allow it with --insecure-skip-tls-verify");
  }
  return readData(cluster, "certificate-authority", config.caCertificate);
}

Status readUser(const Entry& user, ClientConfig& config) {
  for (const char* plugin : {"exec", "auth-provider"}) {
    if (user.value->find(plugin) != nullptr) {
      return invalid(user, plugin,
                     "is refused: slipway runs no program named by a kubeconfig; use a client certificate or token");
    }
  }
  if (user.value->find("username") != nullptr || user.value->find("password") != nullptr) {
    return invalid(user, "username", "is not supported: use a client certificate or token");
  }
  SLIPWAY_RETURN_IF_ERROR(readData(user, "client-certificate", config.certificate));
  SLIPWAY_RETURN_IF_ERROR(readData(user, "client-key", config.key));
  if (config.certificate.empty() != config.key.empty()) {
    return invalid(user, "client-certificate and client-key", "must be given together");
  }
  config.token = user.value->getString("token");
  if (const std::string file = user.value->getString("tokenFile"); config.token.empty() && !file.empty()) {
    const std::filesystem::path path = std::filesystem::path(user.file->path).parent_path() / file;
    std::ifstream in(path);
    if (!in) {
      return invalid(user, "tokenFile", cat("names ", path.string(), ", which cannot be read"));
    }
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    config.token = std::string(trim(text));
  }
  if (config.token.find_first_of("\r\n") != std::string::npos) {
    return invalid(user, "token", "has a line break");
  }
  return Status::ok();
}

}  // namespace

Status parseServerUrl(const std::string& url, ClientConfig& config) {
  std::string_view rest = url;
  if (rest.starts_with("https://")) {
    config.tls = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    config.tls = false;
    rest.remove_prefix(7);
  } else {
    return {Code::Invalid, cat("must be an http:// or https:// URL, not \"", url, "\"")};
  }
  const std::size_t slash = rest.find('/');
  std::string_view authority = rest.substr(0, slash);
  std::string_view path = slash == std::string_view::npos ? "" : rest.substr(slash);
  while (path.ends_with('/')) {
    path.remove_suffix(1);
  }
  config.basePath = std::string(path);
  config.port = config.tls ? 443 : 80;
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) {
      return {Code::Invalid, cat("has an address without its closing bracket: \"", url, "\"")};
    }
    port = authority.substr(close + 1);
    authority = authority.substr(1, close - 1);
  } else if (const std::size_t colon = authority.find(':'); colon != std::string_view::npos) {
    port = authority.substr(colon);
    authority = authority.substr(0, colon);
  }
  if (!port.empty()) {
    const std::string digits(port.substr(1));
    const bool numeric =
        !digits.empty() && digits.size() <= 5 && digits.find_first_not_of("0123456789") == std::string::npos;
    const int number = numeric ? std::stoi(digits) : 0;
    if (port.front() != ':' || number < 1 || number > 65535) {
      return {Code::Invalid, cat("has no valid port: \"", url, "\"")};
    }
    config.port = static_cast<std::uint16_t>(number);
  }
  config.host = std::string(authority);
  if (config.host.empty() || config.host.find_first_of("@ \t\r\n") != std::string::npos) {
    return {Code::Invalid, cat("has no valid host: \"", url, "\"")};
  }
  return Status::ok();
}

Result<ClientConfig> loadKubeconfig(const KubeconfigOptions& options) {
  const auto files = readAll(options);
  if (!files) {
    return files.status();
  }
  std::string context = options.context;
  for (const File& file : *files) {
    if (context.empty()) {
      context = file.content.getString("current-context");
    }
  }
  const std::string& first = files->front().path;
  if (context.empty()) {
    return Status(Code::Invalid, cat(first, ": current-context is not set; name one with --context"));
  }
  const auto chosen = findEntry(*files, "contexts", "context", context);
  if (!chosen) {
    return Status(Code::Invalid, cat(first, ": there is no context \"", context, "\""));
  }
  const std::string clusterName = chosen->value->getString("cluster");
  const auto cluster = findEntry(*files, "clusters", "cluster", clusterName);
  if (!cluster) {
    return invalid(*chosen, cat("context ", context), cat("names cluster \"", clusterName, "\", which is not there"));
  }
  ClientConfig config;
  config.source = cat(chosen->file->path, ", context ", context);
  SLIPWAY_RETURN_IF_ERROR(readCluster(*cluster, options.allowInsecure, config));
  const std::string userName = chosen->value->getString("user");
  if (const auto user = findEntry(*files, "users", "user", userName)) {
    SLIPWAY_RETURN_IF_ERROR(readUser(*user, config));
  } else if (!userName.empty()) {
    return invalid(*chosen, cat("context ", context), cat("names user \"", userName, "\", which is not there"));
  }
  if (!config.tls && (!config.token.empty() || !config.key.empty())) {
    return invalid(*cluster, "server", "is http://: credentials are not sent over an open line");
  }
  config.ns = chosen->value->getString("namespace", config.ns);
  if (!options.ns.empty()) {
    config.ns = options.ns;
  }
  return config;
}

}  // namespace slipway::client
