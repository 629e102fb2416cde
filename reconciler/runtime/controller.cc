#include "reconciler/runtime/controller.h"

#include <exception>
#include <utility>

#include "reconciler/base/strings.h"
#include "reconciler/runtime/error_policy.h"

namespace slipway::runtime {
namespace {

WorkQueueOptions queueOptions(const ControllerOptions& options) {
  WorkQueueOptions queue = options.queue;
  if (queue.name.empty()) queue.name = options.name;
  return queue;
}

}  // namespace

Controller::Controller(ControllerOptions options, Reconciler& reconciler, ControllerContext context)
    : options_(std::move(options)),
      reconciler_(reconciler),
      context_(context),
      queue_(queueOptions(options_), context.clock, context.random, context.metrics) {}

Controller::~Controller() { stop(); }

void Controller::start() {
  for (int i = 0; i < options_.workers; ++i) {
    workers_.emplace_back([this](const std::stop_token& stop) {
      while (const auto key = queue_.take(stop)) reconcile(*key);
    });
  }
}

void Controller::stop() {
  queue_.shutDown();
  for (auto& worker : workers_) worker.requestStop();
  workers_.clear();
}

bool Controller::step() {
  const auto key = queue_.tryTake();
  if (!key) return false;
  reconcile(*key);
  return true;
}

void Controller::reconcile(const ObjectKey& key) {
  const MetricLabels labels{{"controller", options_.name}};
  context_.metrics.set("slipway_reconcile_active", labels, ++active_);
  const SteadyTime start = context_.clock.steady();
  const auto result = call(key);
  const std::chrono::duration<double> took = context_.clock.steady() - start;
  context_.metrics.observe("slipway_reconcile_duration_seconds", labels, took.count());
  context_.metrics.set("slipway_reconcile_active", labels, --active_);
  settle(key, result);
  queue_.done(key);
}

Result<Action> Controller::call(const ObjectKey& key) {
  try {
    return reconciler_.reconcile(key);
  } catch (const std::exception& error) {
    return Status(Code::Internal, cat("an exception left the reconciler: ", error.what()));
  } catch (...) {
    return Status(Code::Internal, "an unknown exception left the reconciler");
  }
}

void Controller::settle(const ObjectKey& key, const Result<Action>& result) {
  const NextStep next = nextStep(result.code());
  const bool wait = result && result->requeueAfter.has_value();
  context_.metrics.add("slipway_reconcile_total",
                       {{"controller", options_.name}, {"result", wait ? "wait" : std::string(name(next))}});
  if (!result) {
    context_.metrics.add("slipway_reconcile_errors_total",
                         {{"controller", options_.name}, {"code", std::string(codeName(result.code()))}});
    const bool fault = next == NextStep::Retry || next == NextStep::Stalled;
    context_.log.log(fault ? LogLevel::Warn : LogLevel::Debug, "reconciliation failed",
                     {{"controller", options_.name},
                      {"key", key.toString()},
                      {"error", result.status().toString()},
                      {"next", std::string(name(next))}});
  }
  if (next == NextStep::Retry || next == NextStep::Reobserve) return queue_.retry(key);
  queue_.forget(key);
  if (wait) queue_.addAfter(key, *result->requeueAfter);
}

}  // namespace slipway::runtime
