#pragma once

#include <string>
#include <vector>

#include "reconciler/api/run.h"

namespace slipway::release {

// What was seen on one server while no run was open.
struct DriftSight {
  std::string server;
  Status status;         // why nothing could be seen
  std::string current;   // the release `current` names; empty: there is no such link
  bool present = false;  // and its directory is there
  std::string problem;   // what is wrong with the links, for people
  std::string process =
      {};  // what is wrong with the processes of its manager, for people; only where the links are right
};

// What became of looking at all servers of a release.
struct DriftVerdict {
  enum class State { None, Drifted, Unknown } state = State::None;
  std::string message;   // "web2: current is 1.0.0, expected 2.0.0"
  std::string expected;  // the release that `servers` should have
  std::vector<std::string> servers;
  std::size_t differing = 0;  // all that differ, also those that should have another release than `expected`
  bool links = false;         // on some of them the links do, not only what runs
};

// The release that `run`, which has ended, left on a target. `applied`: what the Release says runs everywhere. Empty
// when nothing is known: then nothing can differ.
std::string expectedOn(const ReleaseRun& run, const RunTarget& target, const std::string& applied);

// Pure. Targets without a sight are not judged.
DriftVerdict judgeDrift(const ReleaseRun& run, const std::string& applied, const std::vector<DriftSight>& sights);

// Puts the verdict into the status: `drift`, and the condition Drifted while there is something to say.
void showDrift(ReleaseStatus& status, const DriftVerdict& verdict, std::int64_t generation, WallTime now);

// A Release is not Ready while its servers have drifted. Called after everything else about `Ready` is decided.
void judgeReadiness(ReleaseStatus& status, std::int64_t generation, WallTime now);

}  // namespace slipway::release
