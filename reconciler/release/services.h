#pragma once

#include <functional>
#include <map>
#include <string>

#include "reconciler/base/clock.h"
#include "reconciler/base/log.h"
#include "reconciler/ports/analysis.h"
#include "reconciler/ports/artifact_source.h"
#include "reconciler/ports/events.h"
#include "reconciler/ports/http_client.h"
#include "reconciler/ports/leases.h"
#include "reconciler/ports/metrics.h"
#include "reconciler/ports/objects.h"
#include "reconciler/ports/provider.h"
#include "reconciler/ports/run_log.h"
#include "reconciler/ports/traffic.h"
#include "reconciler/ports/worker_pool.h"

namespace slipway::release {

// Every port the release controller works through. All outlive it.
struct Services {
  const ApiReader& reader;
  ApiWriter& writer;
  StatusWriter& status;
  Provider& provider;
  HttpClient& http;
  ArtifactSource& source;
  Leases& leases;
  WorkerPool& pool;
  RunLog& runLog;
  EventSink& events;
  Metrics& metrics;
  Clock& clock;
  Logger& logger;
  std::string holder;                                 // of leases: the same for every process on one store
  std::function<void(const ObjectKey&)> wake;         // puts a release's key into the queue; thread-safe
  std::map<ProxyType, TrafficManager*> traffic = {};  // of other kinds of proxy traffic is not managed
  Analyst* analyst = nullptr;                         // none: releases with an analysis are refused
  HttpClient* outbound = nullptr;                     // for URLs that users wrote; none: they are refused
};

}  // namespace slipway::release
