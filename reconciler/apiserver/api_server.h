#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "reconciler/apiserver/forms/http_message.h"
#include "reconciler/apiserver/object_writer.h"
#include "reconciler/apiserver/registry.h"
#include "reconciler/apiserver/rest_resource.h"
#include "reconciler/apiserver/rest_review.h"
#include "reconciler/apiserver/rest_stream.h"
#include "reconciler/ports/run_log.h"

namespace slipway::apiserver {

struct ApiServerParts {
  Registry& registry;
  ObjectWriter& writer;
  StreamPump& pump;
  const Authorizer& authorizer;
  const RunLog* log = nullptr;
  std::function<bool()> ready;  // for /readyz; none: always
};

// The Kubernetes API over HTTP: health, version, discovery, OpenAPI, and every resource of the registry. Thread-safe.
class ApiServer final : public HttpHandler {
 public:
  explicit ApiServer(ApiServerParts parts);

  void handle(const HttpRequest& request, std::shared_ptr<HttpResponder> responder) override;

 private:
  struct Outcome {
    std::optional<HttpResponse> response;  // none: a stream
    std::string verb;
    std::string resource;
  };

  Outcome route(const HttpRequest& request, const std::shared_ptr<HttpResponder>& responder);
  std::optional<HttpResponse> routePlain(const HttpRequest& request) const;
  Outcome routeResource(const HttpRequest& request, const RestPath& path,
                        const std::shared_ptr<HttpResponder>& responder);
  HttpResponse reviewResponse(const RestCall& call) const;
  ApiCheck authorize(const HttpRequest& request, const RestCall* call) const;

  ApiServerParts parts_;
  ResourceEndpoint endpoint_;
  std::atomic<int> inFlight_ = 0;
};

}  // namespace slipway::apiserver
