#pragma once

#include <string>
#include <vector>

#include "reconciler/base/clock.h"
#include "reconciler/base/json.h"
#include "reconciler/ports/objects.h"

namespace slipway::cli {

// All that is recorded of a ReleaseRun, for people: what it was asked for, its states with entry and exit, the
// decisions that cannot be observed again, what it waited for, traffic and analyses, every step on every server, and
// `events`, the Events about it. Pure; safe for a terminal.
std::string describeRun(const Json& run, const std::vector<ObjectPtr>& events, WallTime now);

// A Release: its versions, conditions, what people asked of it, its history, and the Events about it.
std::string describeRelease(const Json& release, const std::vector<ObjectPtr>& events, WallTime now);

}  // namespace slipway::cli
