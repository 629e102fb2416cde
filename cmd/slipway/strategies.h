#pragma once

#include <optional>
#include <string>

#include "cmd/slipway/context.h"
#include "reconciler/base/json.h"
#include "reconciler/planner/estimate.h"

namespace slipway::cli {

struct StrategiesOptions {
  std::string release;  // its needs and its servers; empty: what follows
  std::string cpu;      // empty, likewise the others: the release's, or the default
  std::string memory;
  std::string disk;
  std::string haveCpu;  // empty: not compared
  std::string haveMemory;
  std::string haveDisk;
  std::string output = "text";
};

// Every strategy with its settings, its estimate, and what the servers lack for it; none: not compared. Pure.
Json strategiesJson(const planner::Resources& base, const std::vector<planner::ServerRoom>& servers);
std::string strategiesText(const Json& strategies);

// The exit code.
int printStrategies(Context& context, const StrategiesOptions& options);

}  // namespace slipway::cli
