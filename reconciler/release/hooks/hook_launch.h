#pragma once

#include <functional>
#include <string>

#include "reconciler/api/run.h"
#include "reconciler/planner/plan.h"
#include "reconciler/ports/http_client.h"
#include "reconciler/ports/objects.h"
#include "reconciler/ports/provider.h"

namespace slipway::release {

// What starting a hook needs. The references must outlive it.
struct HookContext {
  const ApiReader& reader;
  Provider& provider;
  HttpClient* outbound = nullptr;  // none: requests are refused
  Clock& clock;
};

// One hook of a run, as it is to be started.
struct HookLaunch {
  const ReleaseRun& run;
  planner::PlannedHook hook;
  std::uint64_t fence = 0;
  std::string liveBefore;  // the version that ran before, where its server does not say
};

struct HookEvents {
  std::function<void(std::string operationId, StepResult)> done;  // once, on any thread
  std::function<void(std::string target, std::string text)> output;
};

// Starts a command on its server or sends a request. Never blocks.
void startHook(const HookContext& context, const HookLaunch& launch, const HookEvents& events);

// A request as it is sent: placeholders replaced, without the headers of a Secret. `address` is the server's. Pure.
HttpClientRequest hookRequest(const HookLaunch& launch, const std::string& address);

// The environment of a command hook. Pure.
std::map<std::string, std::string> hookEnvironment(const HookLaunch& launch);

}  // namespace slipway::release
