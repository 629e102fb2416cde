#pragma once

#include "reconciler/api/run.h"
#include "reconciler/ports/objects.h"
#include "reconciler/release/active_run.h"

namespace slipway::release {

// What a new run shall do. The caller creates the object; its status follows from it (initialStatus), so that a crash
// between the two loses nothing.
RunSpec applySpec(const Release& release, WallTime now);
// The same version again.
RunSpec retrySpec(const Release& release, const ReleaseRun& failed);
// Back to the version of an earlier, completed run, with that run's spec and today's limits.
RunSpec rollbackSpec(const Release& release, const ReleaseRun& earlier);

// How a run begins. `basedOn` is the run that spec.basedOn names, or nullptr: its pinned revision is taken over and,
// for a retry, what it prepared is kept: it will only be checked.
RunStatus initialStatus(const RunSpec& spec, const ReleaseRun* basedOn, std::vector<RunTarget> targets);

// The number at the end of the run's name; 0 when it is not named after its release.
std::int64_t runNumber(const ReleaseRun& run);

// A run of this Release. `kept`: as takeKept() has it. NotFound also for one of an earlier Release of this name.
Result<ReleaseRun> readRun(const ApiReader& reader, const Release& release, const std::string& name,
                           std::optional<ReleaseRun>* kept = nullptr);
// All of them, oldest first.
Result<std::vector<ReleaseRun>> ownRuns(const ApiReader& reader, const Release& release);
// The run of that number, which cannot be made: the same, made just before a crash; or a namesake's of an earlier
// Release (nothing), whose number is skipped. Two runs must not be open at once: another one of ours goes first.
Result<std::optional<ReleaseRun>> alreadyThere(const ApiReader& reader, const Release& release, std::int64_t number,
                                               const RunSpec& wanted);

// The object to create; its name is "<release>-<number>".
Json runObject(const Release& release, const RunSpec& spec, std::int64_t number);

}  // namespace slipway::release
