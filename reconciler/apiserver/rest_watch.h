#pragma once

#include <memory>
#include <string>

#include "reconciler/apiserver/forms/http_message.h"
#include "reconciler/apiserver/forms/table.h"
#include "reconciler/apiserver/registry.h"
#include "reconciler/apiserver/rest_options.h"
#include "reconciler/apiserver/rest_stream.h"
#include "reconciler/ports/run_log.h"

namespace slipway::apiserver {

struct WatchRequest {
  ResourcePtr resource;
  std::string ns;
  ListOptions options;
  Presentation presentation;
};

// Opens a watch and hands it to the pump. Too old a version is told in the stream, as clients expect; anything else
// that is wrong is the returned error, and nothing was answered then.
ApiCheck startWatch(Registry& registry, StreamPump& pump, WatchRequest request,
                    const std::shared_ptr<HttpResponder>& responder);

struct LogRequest {
  ResourcePtr resource;  // releaseruns
  ObjectKey key;
  std::string uid;
  std::string target;
  std::uint64_t offset = 0;
};

// Follows what a target prints until the run is finished or the client goes.
void startLog(Registry& registry, const RunLog& log, StreamPump& pump, LogRequest request,
              const std::shared_ptr<HttpResponder>& responder);

}  // namespace slipway::apiserver
