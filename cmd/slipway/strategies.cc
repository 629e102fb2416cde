#include "cmd/slipway/strategies.h"

#include <limits>

#include "cmd/slipway/plan_preview.h"
#include "reconciler/base/strings.h"
#include "reconciler/release/strategy_check.h"
#include "reconciler/release/targets.h"

namespace slipway::cli {
namespace {

Json resourcesJson(const planner::Resources& resources) {
  return Json::object({{"cpu", planner::cpuText(resources.cpuMilli)},
                       {"memory", planner::bytesText(resources.memory)},
                       {"disk", planner::bytesText(resources.disk)}});
}

struct Question {
  ResourceNeeds needs;
  std::vector<planner::ServerRoom> servers;
};

Result<Question> questionOf(Context& context, const StrategiesOptions& options) {
  Question out;
  if (!options.release.empty()) {
    auto api = context.client();
    SLIPWAY_RETURN_IF_ERROR(api.status());
    const auto object = (*api)->get(kRelease, {context.ns(), options.release});
    SLIPWAY_RETURN_IF_ERROR(object.status());
    const auto release = releaseFromJson(*object);
    SLIPWAY_RETURN_IF_ERROR(release.status());
    out.needs = release->spec.resources.value_or(ResourceNeeds());
    const ManifestReader reader({}, context.ns(), *api);
    const auto targets = release::freezeTargets(reader, context.ns(), release->spec);
    SLIPWAY_RETURN_IF_ERROR(targets.status());
    auto servers = release::roomsOf(reader, context.ns(), *targets);
    SLIPWAY_RETURN_IF_ERROR(servers.status());
    out.servers = std::move(*servers);
  }
  const auto take = [](const std::string& flag, std::string& into) { into = flag.empty() ? into : flag; };
  take(options.cpu, out.needs.cpu);
  take(options.memory, out.needs.memory);
  take(options.disk, out.needs.disk);
  return out;
}

}  // namespace

Json strategiesJson(const planner::Resources& base, const std::vector<planner::ServerRoom>& servers) {
  Json out = Json::array();
  for (const planner::StrategyCard& card : planner::strategyCards()) {
    const planner::Estimate estimate = planner::estimate(card.type, base);
    Json settings = Json::array();
    for (const std::string& setting : card.settings) {
      settings.push(setting);
    }
    Json item = Json::object({{"name", strategyName(card.type)},
                              {"description", card.summary},
                              {"needs", card.needs},
                              {"supportsRollback", card.rollsBack},
                              {"settings", std::move(settings)},
                              {"instances", estimate.instances},
                              {"factor", estimate.factor},
                              {"resources", resourcesJson(estimate.needs)}});
    if (!servers.empty()) {
      const planner::RoomVerdict verdict = planner::judgeRoom(card.type, base, servers);
      item["valid"] = verdict.errors.empty();
      item["errors"] = Json::Array(verdict.errors.begin(), verdict.errors.end());
      item["recommendation"] = verdict.recommendation;
    }
    out.push(std::move(item));
  }
  return out;
}

std::string strategiesText(const Json& strategies) {
  std::string out;
  for (const Json& item : strategies.asArray()) {
    const Json& resources = *item.find("resources");
    std::vector<std::string> settings;
    for (const Json& setting : item.find("settings")->asArray()) {
      settings.push_back(setting.asString());
    }
    out += cat(item.getString("name"), "\n  ", item.getString("description"), "\n");
    if (const std::string needs = item.getString("needs"); !needs.empty()) {
      out += cat("  needs     ", needs, "\n");
    }
    out += cat("  settings  ", join(settings, ", "), "\n");
    out += cat("  takes     ", item.getString("factor"), " on each server: cpu ", resources.getString("cpu"),
               ", memory ", resources.getString("memory"), ", disk ", resources.getString("disk"), "; instances ",
               item.getInt("instances"), "\n");
    out += cat("  rollback  ", item.getBool("supportsRollback") ? "yes" : "no", "\n");
    if (const Json* errors = item.find("errors"); errors != nullptr && !errors->asArray().empty()) {
      for (const Json& error : errors->asArray()) {
        out += cat("  too little ", error.asString(), "\n");
      }
      out += cat("  advice    ", item.getString("recommendation"), "\n");
    } else if (errors != nullptr) {
      out += "  fits\n";
    }
  }
  return out;
}

int printStrategies(Context& context, const StrategiesOptions& options) {
  constexpr std::int64_t kPlenty = std::numeric_limits<std::int64_t>::max();
  const auto form = outputForm(options.output);
  if (!form) {
    return context.fail(form.status());
  }
  Result<Question> question = questionOf(context, options);
  if (!question) {
    return context.fail(question.status());
  }
  const bool compare = !options.haveCpu.empty() || !options.haveMemory.empty() || !options.haveDisk.empty();
  const auto base = planner::readResources(question->needs, "--");
  const ResourceNeeds given{options.haveCpu.empty() ? "0" : options.haveCpu,
                            options.haveMemory.empty() ? "0" : options.haveMemory,
                            options.haveDisk.empty() ? "0" : options.haveDisk};
  auto have = planner::readResources(given, "--have-");
  if (!base || !have) {
    return context.badInput(
        join(std::vector<std::string>{base.status().message(), have.status().message()}, base || have ? "" : "; "));
  }
  if (compare) {
    have->cpuMilli = options.haveCpu.empty() ? kPlenty : have->cpuMilli;
    have->memory = options.haveMemory.empty() ? kPlenty : have->memory;
    have->disk = options.haveDisk.empty() ? kPlenty : have->disk;
    question->servers = {{"", *have}};
  }
  const Json found = strategiesJson(*base, question->servers);
  context.print(*form == OutputForm::Text ? strategiesText(found) : documentText(found, *form));
  return kConverged;
}

}  // namespace slipway::cli
