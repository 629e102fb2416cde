#include "reconciler/client/api_client.h"

#include "reconciler/base/strings.h"

namespace slipway::client {
namespace {

constexpr std::size_t kMaxIdle = 4;
constexpr std::size_t kMaxLine = 16U << 20U;
constexpr std::size_t kMaxBody = 256U << 20U;
constexpr int kPageSize = 500;
constexpr std::string_view kManager = "slipway";

std::vector<std::pair<std::string, std::string>> writeQuery() {
  return {{"fieldManager", std::string(kManager)}, {"fieldValidation", "Strict"}};
}

ObjectKey keyOf(const Json& object) {
  const Json* meta = object.find("metadata");
  return meta == nullptr ? ObjectKey{} : ObjectKey{meta->getString("namespace"), meta->getString("name")};
}

}  // namespace

std::string resourcePath(const Kind& kind, const ObjectKey& key, std::string_view subresource) {
  std::string path = kind.group.empty() ? cat("/api/", kind.version) : cat("/apis/", kind.group, '/', kind.version);
  if (kind.namespaced && !key.ns.empty()) {
    path += cat("/namespaces/", key.ns);
  }
  path += cat('/', kind.plural);
  if (!key.name.empty()) {
    path += cat('/', key.name);
  }
  if (!subresource.empty()) {
    path += cat('/', subresource);
  }
  return path;
}

Status errorOf(const ApiResponse& response) {
  std::string message;
  std::string reason;
  if (auto body = parseJson(response.body); body && body->getString("kind") == "Status") {
    message = body->getString("message");
    reason = body->getString("reason");
  }
  if (message.empty()) {
    message = cat("the API server answered HTTP ", response.status, ": ", trim(response.body.substr(0, 500)));
  }
  switch (response.status) {
    case 401:
    case 403:
      return {Code::Denied, message};
    case 404:
      return {Code::NotFound, message};
    case 409:
      return {reason == "AlreadyExists" ? Code::AlreadyExists : Code::Conflict, message};
    case 410:
      return {Code::Expired, message};
    case 408:
    case 504:
      return {Code::Timeout, message};
    case 429:
    case 502:
    case 503:
      return {Code::Unavailable, message};
    default:
      return {response.status >= 500 ? Code::Internal : Code::Invalid, message};
  }
}

Result<std::optional<std::string>> ByteStream::readLine(Duration timeout) {
  while (true) {
    const std::size_t end = pending_.find('\n');
    if (end != std::string::npos) {
      std::string line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      if (!trim(line).empty()) {
        return std::optional(std::move(line));
      }
      continue;
    }
    if (ended_) {
      return std::optional<std::string>();  // a last line without its end is not whole: it cannot be trusted
    }
    if (pending_.size() > kMaxLine) {
      return Status(Code::Invalid, "a line of the stream is too long");
    }
    auto piece = connection_->read(timeout);
    if (!piece) {
      return piece;
    }
    if (*piece) {
      pending_ += **piece;
    } else {
      ended_ = true;
    }
  }
}

ApiClient::ApiClient(ClientConfig config, Duration timeout) : config_(std::move(config)), timeout_(timeout) {}
ApiClient::~ApiClient() = default;

std::unique_ptr<HttpConnection> ApiClient::idle() {
  const std::lock_guard lock(mutex_);
  while (!idle_.empty()) {
    std::unique_ptr<HttpConnection> connection = std::move(idle_.back());
    idle_.pop_back();
    if (connection->reusable()) {
      return connection;
    }
  }
  return nullptr;
}

void ApiClient::keep(std::unique_ptr<HttpConnection> connection) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kMaxIdle && connection->reusable()) {
    idle_.push_back(std::move(connection));
  }
}

Result<std::unique_ptr<HttpConnection>> ApiClient::begin(const ApiRequest& request) {
  if (auto connection = idle()) {
    const Status sent = connection->send(request, timeout_);
    if (sent) {
      return connection;
    }
    // The server may have closed a kept connection at just this moment. What only reads may be asked again.
    const bool harmless = sent.code() == Code::Unavailable || request.method == "GET";
    if (!harmless) {
      return sent;
    }
  }
  auto opened = HttpConnection::open(config_, timeout_);
  if (!opened) {
    return opened;
  }
  SLIPWAY_RETURN_IF_ERROR((*opened)->send(request, timeout_));
  return opened;
}

Result<ApiResponse> ApiClient::finish(std::unique_ptr<HttpConnection> connection) {
  ApiResponse response = connection->head();
  while (true) {
    auto piece = connection->read(timeout_);
    if (!piece) {
      return piece.status();
    }
    if (!*piece) {
      break;
    }
    response.body += **piece;
    if (response.body.size() > kMaxBody) {
      return Status(Code::Invalid, "the API server's answer is too large");
    }
  }
  keep(std::move(connection));
  if (warning_ && !response.warning.empty()) {
    for (const std::string& text : split(response.warning, '\n')) {
      warning_(text);
    }
  }
  return response;
}

Result<ApiResponse> ApiClient::request(const ApiRequest& request) {
  auto connection = begin(request);
  if (!connection) {
    return connection.status();
  }
  return finish(std::move(*connection));
}

Result<Json> ApiClient::call(const ApiRequest& request) {
  auto response = this->request(request);
  if (!response) {
    return response.status();
  }
  if (response->status > 299) {
    return errorOf(*response);
  }
  auto parsed = parseJson(response->body);
  if (!parsed) {
    return Status(Code::Internal, cat("the API server's answer to ", request.method, ' ', request.path,
                                      " is not JSON: ", parsed.status().message()));
  }
  return parsed;
}

Result<std::unique_ptr<ByteStream>> ApiClient::open(const ApiRequest& request) {
  auto connection = begin(request);
  if (!connection) {
    return connection.status();
  }
  if ((*connection)->head().status > 299) {
    auto response = finish(std::move(*connection));
    return response ? errorOf(*response) : response.status();
  }
  return std::make_unique<ByteStream>(std::move(*connection));
}

Result<Json> ApiClient::get(const Kind& kind, const ObjectKey& key) { return call({.path = resourcePath(kind, key)}); }

Result<ObjectList> ApiClient::list(const Kind& kind, const std::string& ns, const std::string& selector) {
  ObjectList all;
  std::string next;
  do {
    ApiRequest request{.path = resourcePath(kind, {ns, ""}), .query = {{"limit", std::to_string(kPageSize)}}};
    if (!selector.empty()) {
      request.query.emplace_back("labelSelector", selector);
    }
    if (!next.empty()) {
      request.query.emplace_back("continue", next);
    }
    auto page = call(request);
    if (!page) {
      return page.status();
    }
    const Json* meta = page->find("metadata");
    all.resourceVersion = meta == nullptr ? "" : meta->getString("resourceVersion");
    next = meta == nullptr ? "" : meta->getString("continue");
    if (Json* items = page->find("items"); items != nullptr && items->isArray()) {
      for (Json& item : items->asArray()) {
        all.items.push_back(std::make_shared<const Json>(std::move(item)));
      }
    }
  } while (!next.empty());
  return all;
}

Result<Json> ApiClient::patch(const Kind& kind, const ObjectKey& key, const Json& patch, bool dryRun) {
  ApiRequest request{.method = "PATCH",
                     .path = resourcePath(kind, key),
                     .query = writeQuery(),
                     .contentType = "application/merge-patch+json"};
  if (dryRun) {
    request.query.emplace_back("dryRun", "All");
  }
  request.body = patch.dump();
  return call(request);
}

Result<ObjectPtr> ApiClient::write(ApiRequest request, const Json& body) {
  request.body = body.dump();
  request.query = writeQuery();
  auto answer = call(request);
  if (!answer) {
    return answer.status();
  }
  return std::make_shared<const Json>(std::move(*answer));
}

Result<ObjectPtr> ApiClient::create(const Kind& kind, const Json& object) {
  return write({.method = "POST", .path = resourcePath(kind, {keyOf(object).ns, ""})}, object);
}

Result<ObjectPtr> ApiClient::update(const Kind& kind, const Json& object) {
  return write({.method = "PUT", .path = resourcePath(kind, keyOf(object))}, object);
}

Result<ObjectPtr> ApiClient::mergePatch(const Kind& kind, const ObjectKey& key, const Json& patch) {
  return write({.method = "PATCH", .path = resourcePath(kind, key), .contentType = "application/merge-patch+json"},
               patch);
}

Status ApiClient::remove(const Kind& kind, const ObjectKey& key, const std::string& uid) {
  Json options = Json::object({{"kind", "DeleteOptions"}, {"apiVersion", "v1"}, {"propagationPolicy", "Background"}});
  if (!uid.empty()) {
    options["preconditions"] = Json::object({{"uid", uid}});
  }
  return call({.method = "DELETE", .path = resourcePath(kind, key), .body = options.dump()}).status();
}

Result<ObjectPtr> ApiClient::replaceStatus(const Kind& kind, const ObjectKey& key, const std::string& resourceVersion,
                                           const Json& status) {
  auto current = get(kind, key);
  if (!current) {
    return current.status();
  }
  const Json* meta = current->find("metadata");
  if (meta == nullptr || meta->getString("resourceVersion") != resourceVersion) {
    return Status(Code::Conflict, cat(kind.kind, ' ', key.toString(), " was changed in between"));
  }
  const Json* old = current->find("status");
  if (old != nullptr && *old == status) {
    return std::make_shared<const Json>(std::move(*current));
  }
  (*current)["status"] = status;
  return write({.method = "PUT", .path = resourcePath(kind, key, "status")}, *current);
}

}  // namespace slipway::client
