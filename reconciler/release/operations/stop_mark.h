#pragma once

#include <string>

#include "reconciler/api/release.h"

namespace slipway::release {

// On a Release whose processes a person has stopped: the run that was the newest then, and who asked. Written before
// anything is stopped, so that a crash in between leaves a release that says so. It means nothing any more once there
// is another run: that one starts processes.
inline constexpr std::string_view kStopped = "slipway.dev/stopped";

// "<run> <who>".
std::string stopMark(const std::string& run, const std::string& who);
// Whether its processes are stopped by a person's wish, as far as the Release says. `status` is its newest.
bool isStopped(const ObjectMeta& meta, const ReleaseStatus& status);
// The condition Stopped while that is so; such a Release is not Ready and waits for a person.
void showStopped(ReleaseStatus& status, const ObjectMeta& meta, WallTime now);

}  // namespace slipway::release
