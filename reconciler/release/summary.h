#pragma once

#include <map>
#include <string>
#include <vector>

#include "reconciler/api/run.h"

namespace slipway::release {

// The release's status as it follows from its newest run (nullptr: none). Pure; keeps what it does not decide
// (history, handled requests, counter).
// `current`: the status's identity is that of the spec.
ReleaseStatus summarise(const Release& release, bool current, const ReleaseRun* run, WallTime now);

// The status while nothing can be started: `reason` says why, `message` what to change.
ReleaseStatus stalled(const Release& release, const std::string& reason, const std::string& message, WallTime now);

// Whether nothing differs but how far the run is: the step, and what is said of it.
bool onlyMoved(const ReleaseStatus& was, const ReleaseStatus& now);

// How many servers there are to be, run the version, and failed: by the states of the metric slipway_release_targets.
std::map<std::string, int> countTargets(const ReleaseRun& run);

// Books a finished run into the history (newest first, at most 20), and the versions that follow from its outcome.
void bookOutcome(ReleaseStatus& status, const ReleaseRun& run);

// Makes the status anew from the release's own runs, oldest first and not empty. Requests of which nothing tells
// whether they were handled are refused: a rollback that ran once must not run again.
void rebuild(Release& release, const std::vector<ReleaseRun>& runs, WallTime now);

// The release ids to keep on the targets: what was live last, newest first, and what `run` names.
std::vector<std::string> protectedVersions(const Release& release, const ReleaseRun& run);

}  // namespace slipway::release
