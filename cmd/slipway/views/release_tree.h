#pragma once

#include <string>
#include <vector>

#include "reconciler/base/clock.h"
#include "reconciler/base/json.h"

namespace slipway::cli {

struct TreeStyle {
  bool unicode = true;
  bool color = false;
  bool ticking = true;     // show how long running things have taken so far: for a screen that is redrawn
  bool everyStep = false;  // also those that are done or pending
};

// The tree of a release, its current run (nullptr: none), the run's targets and their steps, one line each, without
// line ends. Pure. Everything that comes from the objects is made one line and safe for a terminal.
std::vector<std::string> renderRelease(const Json& release, const Json* run, WallTime now, const TreeStyle& style);

}  // namespace slipway::cli
