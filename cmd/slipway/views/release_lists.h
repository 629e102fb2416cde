#pragma once

#include <string>
#include <vector>

#include "reconciler/base/clock.h"
#include "reconciler/base/json.h"
#include "reconciler/ports/objects.h"

namespace slipway::cli {

// A release's versions, newest first, with outcome, run, revision, when, and what is wrong with them. Pure.
std::string historyText(const Json& release, WallTime now);

// One version of one release on one server, as the runs recorded it.
struct PlacedRelease {
  std::string server;
  std::string destination;
  std::string release;
  std::string environment;
  std::string version;
  std::string state;  // Current, Previous, Prepared, Undone, Failed
  std::string run;
  std::string since;
};

struct PlacedFilter {
  std::string release;      // empty: any
  std::string destination;  // empty: any
  std::string server;       // empty: any
};

// What each server has, from the runs of a namespace; ordered by server, release, newest first. Pure. What retention
// removed since is listed no more than keepReleases allows.
std::vector<PlacedRelease> placedReleases(const std::vector<ObjectPtr>& runs, const PlacedFilter& filter);
std::string placedText(const std::vector<PlacedRelease>& placed, WallTime now);
Json placedJson(const std::vector<PlacedRelease>& placed);

}  // namespace slipway::cli
