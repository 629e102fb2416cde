#include "cmd/slipway/strategies.h"

#include <limits>

#include "reconciler/base/strings.h"

namespace slipway::cli {
namespace {

Json resourcesJson(const planner::Resources& resources) {
  return Json::object({{"cpu", planner::cpuText(resources.cpuMilli)},
                       {"memory", planner::bytesText(resources.memory)},
                       {"disk", planner::bytesText(resources.disk)}});
}

// Every amount that cannot be read is told of, not only the first.
class Amounts {
 public:
  using Parse = Result<std::int64_t> (*)(std::string_view);

  void read(std::string_view flag, const std::string& text, Parse parse, std::int64_t& out) {
    if (text.empty()) {
      return;
    }
    const Result<std::int64_t> value = parse(text);
    if (value) {
      out = *value;
    } else {
      problems_.push_back(cat(flag, ": ", value.status().message()));
    }
  }
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  std::vector<std::string> problems_;
};

std::string recommendation(const std::vector<std::string>& lacking, const std::optional<planner::Resources>& have,
                           const planner::Resources& base) {
  if (lacking.empty()) {
    return "";
  }
  if (planner::shortages(base, *have).empty()) {
    return "provision more, or use Atomic or Recreate, which run one instance";
  }
  return "provision more: not even one instance fits";
}

}  // namespace

Json strategiesJson(const planner::Resources& base, const std::optional<planner::Resources>& have) {
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
    if (have.has_value()) {
      const std::vector<std::string> lacking = planner::shortages(estimate.needs, *have);
      Json errors = Json::array();
      for (const std::string& one : lacking) {
        errors.push(one);
      }
      item["valid"] = lacking.empty();
      item["errors"] = std::move(errors);
      item["recommendation"] = recommendation(lacking, have, base);
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
  Amounts amounts;
  planner::Resources base;
  planner::Resources free{kPlenty, kPlenty, kPlenty};
  amounts.read("--cpu", options.cpu, planner::parseCpu, base.cpuMilli);
  amounts.read("--memory", options.memory, planner::parseBytes, base.memory);
  amounts.read("--disk", options.disk, planner::parseBytes, base.disk);
  amounts.read("--have-cpu", options.haveCpu, planner::parseCpu, free.cpuMilli);
  amounts.read("--have-memory", options.haveMemory, planner::parseBytes, free.memory);
  amounts.read("--have-disk", options.haveDisk, planner::parseBytes, free.disk);
  if (!amounts.problems().empty()) {
    return context.badInput(join(amounts.problems(), "; "));
  }
  const auto form = outputForm(options.output);
  if (!form) {
    return context.fail(form.status());
  }
  const bool compare = !options.haveCpu.empty() || !options.haveMemory.empty() || !options.haveDisk.empty();
  const Json found = strategiesJson(base, compare ? std::optional(free) : std::nullopt);
  context.print(*form == OutputForm::Text ? strategiesText(found) : documentText(found, *form));
  return kConverged;
}

}  // namespace slipway::cli
