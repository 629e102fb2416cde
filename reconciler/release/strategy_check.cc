#include "reconciler/release/strategy_check.h"

#include <algorithm>

#include "reconciler/api/server.h"
#include "reconciler/base/strings.h"
#include "reconciler/planner/estimate.h"
#include "reconciler/release/targets.h"

namespace slipway::release {
namespace {

Status checkTraffic(const Services& services, const std::string& ns, const ReleaseSpec& spec) {
  if (!services.traffic.contains(spec.traffic->type)) {
    return {Code::Invalid, cat("spec.traffic.type: this controller manages no ", proxyName(spec.traffic->type))};
  }
  for (std::size_t i = 0; i < spec.traffic->servers.size(); ++i) {
    const std::string& server = spec.traffic->servers[i];
    const Result<RemoteTarget> access = resolveAccess(services.reader, ns, server, "");
    if (!access && access.code() == Code::NotFound) {
      return {Code::NotFound,
              cat("spec.traffic.servers[", i, "]: there is no Server '", server, "' in namespace '", ns, "'")};
    }
  }
  return Status::ok();
}

Status checkSteps(const std::string& ns, const CanarySettings& canary) {
  for (std::size_t i = 0; i < canary.steps.size(); ++i) {
    if (canary.steps[i].kind == CanaryStep::Kind::Analysis) {
      return {Code::NotFound,
              cat("spec.strategy.canary.steps[", i, "].analysis.templates: there is no AnalysisTemplate '",
                  join(canary.steps[i].templates, "', '"), "' in namespace '", ns, "'")};
    }
  }
  return Status::ok();
}

// What each server was seen to have, against what the strategy takes there.
Status checkRoom(const Services& services, const std::string& ns, const ReleaseSpec& spec,
                 const std::vector<RunTarget>& targets) {
  const Result<planner::Resources> base = planner::readResources(*spec.resources, "spec.resources.");
  SLIPWAY_RETURN_IF_ERROR(base.status());
  std::vector<planner::ServerRoom> rooms;
  for (const RunTarget& target : targets) {
    const Result<ObjectPtr> object = services.reader.get(kServer, {ns, target.name});
    SLIPWAY_RETURN_IF_ERROR(object.status());
    const Result<Server> server = serverFromJson(**object);
    SLIPWAY_RETURN_IF_ERROR(server.status());
    rooms.push_back(planner::roomOf(target.name, server->status.capacity));
  }
  const planner::RoomVerdict verdict = planner::judgeRoom(spec.strategy.type, *base, rooms);
  if (verdict.errors.empty()) {
    return Status::ok();
  }
  return {Code::Invalid, cat(kInsufficientCapacity, " for ", strategyName(spec.strategy.type), ": ",
                             join(verdict.errors, "; "), ": ", verdict.recommendation)};
}

Status checkHooks(const std::vector<Hook>& hooks, const std::vector<RunTarget>& targets) {
  for (std::size_t h = 0; h < hooks.size(); ++h) {
    for (std::size_t i = 0; i < hooks[h].servers.size(); ++i) {
      const std::string& server = hooks[h].servers[i];
      if (std::none_of(targets.begin(), targets.end(), [&](const RunTarget& one) { return one.name == server; })) {
        return {Code::Invalid,
                cat("spec.hooks[", h, "].servers[", i, "]: '", server, "' is none of the release's servers")};
      }
    }
  }
  return Status::ok();
}

}  // namespace

Status checkStrategy(const Services& services, const std::string& ns, const ReleaseSpec& spec,
                     const std::vector<RunTarget>& targets) {
  SLIPWAY_RETURN_IF_ERROR(checkHooks(spec.hooks, targets));
  const bool moves = spec.strategy.type == StrategyType::BlueGreen || spec.strategy.type == StrategyType::Canary ||
                     spec.strategy.type == StrategyType::Rolling;
  if (moves && spec.traffic.has_value()) {
    SLIPWAY_RETURN_IF_ERROR(checkTraffic(services, ns, spec));
  }
  if (spec.strategy.canary.has_value()) {
    SLIPWAY_RETURN_IF_ERROR(checkSteps(ns, *spec.strategy.canary));
  }
  if (spec.resources.has_value()) {
    SLIPWAY_RETURN_IF_ERROR(checkRoom(services, ns, spec, targets));
  }
  if (spec.strategy.type == StrategyType::Canary && !spec.slots.has_value() && targets.size() < 2) {
    return {
        Code::Invalid,
        "spec.strategy.type: a canary shares the traffic among servers, and there is one: set slots, or add a server"};
  }
  return Status::ok();
}

}  // namespace slipway::release
