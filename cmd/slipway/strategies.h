#pragma once

#include <optional>
#include <string>

#include "cmd/slipway/context.h"
#include "reconciler/base/json.h"
#include "reconciler/planner/estimate.h"

namespace slipway::cli {

struct StrategiesOptions {
  std::string cpu = "1";
  std::string memory = "512M";
  std::string disk = "1G";
  std::string haveCpu;  // empty: not compared
  std::string haveMemory;
  std::string haveDisk;
  std::string output = "text";
};

// Every strategy with its settings, its estimate, and what a server with `have` lacks for it. Pure.
Json strategiesJson(const planner::Resources& base, const std::optional<planner::Resources>& have);
std::string strategiesText(const Json& strategies);

// The exit code.
int printStrategies(Context& context, const StrategiesOptions& options);

}  // namespace slipway::cli
