#pragma once

#include <functional>
#include <memory>
#include <string>

#include "reconciler/api/run.h"
#include "reconciler/planner/plan.h"
#include "reconciler/ports/http_client.h"
#include "reconciler/ports/metrics.h"
#include "reconciler/ports/objects.h"
#include "reconciler/ports/provider.h"

namespace slipway::release {

// What a run's steps need besides its record.
struct LaunchContext {
  const ReleaseRun& run;
  std::shared_ptr<const Artifact> artifact;              // for Prepare
  std::function<std::uint64_t(const RunTarget&)> fence;  // of the target's destination
  std::vector<std::string> keep;                         // for Retire: releases that were live, newest first
};

// A step that was handed over. Called on any thread, exactly once each.
struct LaunchEvents {
  std::function<void(std::string operationId, StepResult)> done;
  std::function<void(std::string target, std::string text)> output;
  std::function<void(std::string operationId, std::string phase)> progress;
};

// Turns planned steps into provider steps and health checks. Thread-safe. Must outlive every step that it started.
class StepLauncher {
 public:
  StepLauncher(const ApiReader& reader, Provider& provider, HttpClient& http, Metrics& metrics, Clock& clock);

  // Starts the steps of one wave; all are of one kind, but for Sync, which may stand beside any. Steps of which the
  // server is gone answer NotFound.
  void start(const LaunchContext& context, std::vector<planner::PlannedStep> wave, const LaunchEvents& events);

  // Stops waiting for an operation and kills what runs on the target under its id. Its `done` comes, with Cancelled.
  void abort(const LaunchContext& context, const RunTarget& target, const std::string& operationId,
             const LaunchEvents& events);

  // The step as it is handed over, but for the way to its target.
  StepRequest requestFor(const LaunchContext& context, const RunTarget& target, StepKind kind,
                         const std::string& operationId) const;

 private:
  void startSyncs(const LaunchContext& context, const std::vector<planner::PlannedStep>& wave,
                  const LaunchEvents& events);
  // The wave with access to its targets. Steps without are answered here; of a switch that is the whole wave: what
  // cannot be armed everywhere flips nowhere.
  std::vector<StepRequest> admit(const LaunchContext& context, const std::vector<planner::PlannedStep>& wave,
                                 const LaunchEvents& events) const;

  const ApiReader& reader_;
  Provider& provider_;
  HttpClient& http_;
  Metrics& metrics_;
  Clock& clock_;
};

}  // namespace slipway::release
