#include "reconciler/release/strategy_check.h"

#include <algorithm>

#include "reconciler/api/server.h"
#include "reconciler/base/strings.h"
#include "reconciler/planner/estimate.h"
#include "reconciler/release/cluster/cluster_check.h"
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

// The uses of templates in a strategy, each with its path.
std::vector<std::pair<AnalysisUse, std::string>> analysesOf(const Strategy& strategy) {
  std::vector<std::pair<AnalysisUse, std::string>> out;
  const std::vector<CanaryStep> steps =
      strategy.canary.has_value() ? strategy.canary->steps : std::vector<CanaryStep>();
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].kind == CanaryStep::Kind::Analysis) {
      out.push_back({{steps[i].templates, steps[i].args}, cat("spec.strategy.canary.steps[", i, "].analysis")});
    }
  }
  if (strategy.blueGreen.has_value()) {
    out.emplace_back(strategy.blueGreen->prePromotionAnalysis, "spec.strategy.blueGreen.prePromotionAnalysis");
    out.emplace_back(strategy.blueGreen->postPromotionAnalysis, "spec.strategy.blueGreen.postPromotionAnalysis");
  }
  return out;
}

Status checkArgs(const AnalysisUse& use, const AnalysisTemplateSpec& spec, const std::string& path) {
  for (const AnalysisArg& arg : spec.args) {
    const bool given =
        std::any_of(use.args.begin(), use.args.end(), [&](const AnalysisArg& one) { return one.name == arg.name; });
    if (!arg.value.has_value() && !given) {
      return {Code::Invalid, cat(path, ".args: argument ", arg.name, " of the template has no value")};
    }
  }
  return Status::ok();
}

// Against what the strategy takes there.
Status checkRoom(const Services& services, const std::string& ns, const ReleaseSpec& spec,
                 const std::vector<RunTarget>& targets) {
  const Result<planner::Resources> base = planner::readResources(*spec.resources, "spec.resources.");
  SLIPWAY_RETURN_IF_ERROR(base.status());
  const Result<std::vector<planner::ServerRoom>> rooms = roomsOf(services.reader, ns, targets);
  SLIPWAY_RETURN_IF_ERROR(rooms.status());
  const planner::RoomVerdict verdict = planner::judgeRoom(planner::takesRoomAs(spec.strategy), *base, *rooms);
  if (verdict.errors.empty()) {
    return Status::ok();
  }
  return {Code::ResourceExhausted, cat("insufficient server capacity for ", strategyName(spec.strategy.type), ": ",
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

Result<std::vector<planner::ServerRoom>> roomsOf(const ApiReader& reader, const std::string& ns,
                                                 const std::vector<RunTarget>& targets) {
  std::vector<planner::ServerRoom> rooms;
  for (const RunTarget& target : targets) {
    const Result<ObjectPtr> object = reader.get(kServer, {ns, target.name});
    SLIPWAY_RETURN_IF_ERROR(object.status());
    const Result<Server> server = serverFromJson(**object);
    SLIPWAY_RETURN_IF_ERROR(server.status());
    rooms.push_back(planner::roomOf(target.name, server->status.capacity));
  }
  return rooms;
}

// All that is wrong, in one answer: a person sees it at once.
Status checkStrategy(const Services& services, const std::string& ns, const ReleaseSpec& spec,
                     const std::vector<RunTarget>& targets) {
  const bool moves = spec.strategy.type == StrategyType::BlueGreen || spec.strategy.type == StrategyType::Canary ||
                     spec.strategy.type == StrategyType::Rolling;
  std::vector<Status> found;
  if (spec.resources.has_value()) {
    found.push_back(checkRoom(services, ns, spec, targets));
  }
  found.push_back(checkHooks(spec.hooks, targets));
  found.push_back(checkCluster(spec, targets));
  if (moves && spec.traffic.has_value()) {
    found.push_back(checkTraffic(services, ns, spec));
  }
  if (spec.strategy.type == StrategyType::Canary && !spec.slots.has_value() && targets.size() < 2) {
    found.emplace_back(
        Code::Invalid,
        "spec.strategy.type: a canary shares the traffic among servers, and there is one: set slots, or add a server");
  }
  std::erase_if(found, [](const Status& one) { return one.isOk(); });
  if (found.empty()) {
    return Status::ok();
  }
  std::vector<std::string> messages;
  for (const Status& one : found) {
    messages.push_back(one.message());
  }
  return {found.front().code(), join(messages, "; ")};
}

Result<std::map<std::string, AnalysisTemplateSpec>> freezeAnalyses(const Services& services, const std::string& ns,
                                                                   const ReleaseSpec& spec) {
  std::map<std::string, AnalysisTemplateSpec> out;
  for (const auto& [use, path] : analysesOf(spec.strategy)) {
    for (std::size_t j = 0; j < use.templates.size(); ++j) {
      const std::string& name = use.templates[j];
      const Result<ObjectPtr> object = services.reader.get(kAnalysisTemplate, {ns, name});
      if (!object && object.code() == Code::NotFound) {
        return Status(Code::Invalid, cat(path, ".templates[", j, "]: there is no AnalysisTemplate '", name,
                                         "' in namespace '", ns, "'"));
      }
      SLIPWAY_RETURN_IF_ERROR(object.status());
      Result<AnalysisTemplateSpec> frozen = analysisTemplateFromJson(**object);
      SLIPWAY_RETURN_IF_ERROR(frozen.status().withContext(cat("AnalysisTemplate ", name)));
      SLIPWAY_RETURN_IF_ERROR(checkArgs(use, *frozen, path));
      out[name] = std::move(*frozen);
    }
  }
  return out;
}

}  // namespace slipway::release
