#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reconciler/api/kinds.h"
#include "reconciler/base/json.h"
#include "reconciler/client/http_connection.h"
#include "reconciler/client/kubeconfig.h"
#include "reconciler/ports/objects.h"

namespace slipway::client {

// "/apis/slipway.dev/v1alpha1/namespaces/default/releases/shop/status". Without `key.name` the collection; without
// `key.ns` over all namespaces.
std::string resourcePath(const Kind& kind, const ObjectKey& key, std::string_view subresource = {});

// The error that an answer with such an HTTP status and (Kubernetes Status) body stands for.
Status errorOf(const ApiResponse& response);

// The body of a long answer, as it comes. Not thread-safe.
class ByteStream {
 public:
  explicit ByteStream(std::unique_ptr<HttpConnection> connection) : connection_(std::move(connection)) {}

  // The next piece; nothing at the end. Timeout: nothing came yet, try again.
  Result<std::optional<std::string>> read(Duration timeout) { return connection_->read(timeout); }
  // The next whole line, without its end; empty lines are skipped. Invalid for a line above 16 MiB.
  Result<std::optional<std::string>> readLine(Duration timeout);

 private:
  std::unique_ptr<HttpConnection> connection_;
  std::string pending_;
  bool ended_ = false;
};

// The Kubernetes API as blocking calls, each with the client's time-out. Thread-safe; connections are kept for the next
// call. A call that cannot have had an effect is tried once more on a new connection.
class ApiClient final : public ApiWriter, public StatusWriter {
 public:
  explicit ApiClient(ClientConfig config, Duration timeout = std::chrono::seconds(30));
  ~ApiClient() override;

  const ClientConfig& config() const { return config_; }

  // Any answer, of whatever HTTP status. Errors are those of the transport.
  Result<ApiResponse> request(const ApiRequest& request);
  // The answer's JSON; an HTTP status above 299 is the error it stands for.
  Result<Json> call(const ApiRequest& request);
  // The answer's body as a stream.
  Result<std::unique_ptr<ByteStream>> open(const ApiRequest& request);

  Result<Json> get(const Kind& kind, const ObjectKey& key);
  // Every page; `selector` is a label selector.
  Result<ObjectList> list(const Kind& kind, const std::string& ns, const std::string& selector = {});
  // A change that only validates when `dryRun`.
  Result<Json> patch(const Kind& kind, const ObjectKey& key, const Json& patch, bool dryRun);

  // Unknown fields are refused (fieldValidation=Strict). The field manager is "slipway".
  Result<ObjectPtr> create(const Kind& kind, const Json& object) override;
  Result<ObjectPtr> update(const Kind& kind, const Json& object) override;
  Result<ObjectPtr> mergePatch(const Kind& kind, const ObjectKey& key, const Json& patch) override;
  Status remove(const Kind& kind, const ObjectKey& key, const std::string& uid) override;
  Result<ObjectPtr> replaceStatus(const Kind& kind, const ObjectKey& key, const std::string& resourceVersion,
                                  const Json& status) override;

  // Called with each text of the server's Warning headers.
  void onWarning(std::function<void(const std::string&)> report) { warning_ = std::move(report); }

 private:
  std::unique_ptr<HttpConnection> idle();
  void keep(std::unique_ptr<HttpConnection> connection);
  Result<std::unique_ptr<HttpConnection>> begin(const ApiRequest& request);
  Result<ApiResponse> finish(std::unique_ptr<HttpConnection> connection);
  Result<ObjectPtr> write(ApiRequest request, const Json& body);

  const ClientConfig config_;
  const Duration timeout_;
  std::function<void(const std::string&)> warning_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<HttpConnection>> idle_;
};

}  // namespace slipway::client
