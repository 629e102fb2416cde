#pragma once

#include <memory>
#include <optional>
#include <string>

#include "reconciler/apiserver/forms/http_message.h"
#include "reconciler/apiserver/forms/negotiation.h"
#include "reconciler/apiserver/object_writer.h"
#include "reconciler/apiserver/registry.h"
#include "reconciler/apiserver/rest_options.h"
#include "reconciler/apiserver/rest_stream.h"
#include "reconciler/ports/run_log.h"

namespace slipway::apiserver {

// A request for a resource that is served, its verb known and allowed.
struct RestCall {
  const HttpRequest& request;
  RestPath path;
  ResourcePtr resource;
  std::string verb;
  std::shared_ptr<HttpResponder> responder;
};

// The verbs on objects, collections and subresources. Thread-safe.
class ResourceEndpoint {
 public:
  // Without a run log, releaseruns/log answers 404.
  ResourceEndpoint(Registry& registry, ObjectWriter& writer, StreamPump& pump, const RunLog* log)
      : registry_(registry), writer_(writer), pump_(pump), log_(log) {}

  // nullopt: the answer goes on over the responder, as a stream. Blocks until writes are durable.
  std::optional<HttpResponse> answer(const RestCall& call);

 private:
  struct Body {
    Json value;
    std::vector<std::string> duplicates;
  };

  HttpResponse get(const RestCall& call);
  std::optional<HttpResponse> list(const RestCall& call);
  HttpResponse listPage(const RestCall& call, const ListOptions& options, const ResponseFormat& format);
  HttpResponse create(const RestCall& call);
  HttpResponse update(const RestCall& call);
  HttpResponse patch(const RestCall& call);
  HttpResponse remove(const RestCall& call);
  HttpResponse removeCollection(const RestCall& call);
  HttpResponse scale(const RestCall& call);
  std::optional<HttpResponse> log(const RestCall& call);

  ApiResult<Body> body(const RestCall& call) const;
  ApiResult<Registry::Snapshot> snapshot(const RestCall& call, const ListOptions& options,
                                         std::optional<ContinueToken>& token) const;
  HttpResponse show(const RestCall& call, const ApiResult<Written>& written);
  HttpResponse showObject(const RestCall& call, const StoredObject& object, int status);

  Registry& registry_;
  ObjectWriter& writer_;
  StreamPump& pump_;
  const RunLog* log_;
};

}  // namespace slipway::apiserver
