#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "reconciler/api/release.h"
#include "reconciler/ports/artifact_source.h"
#include "reconciler/ports/command_runner.h"

namespace slipway {

// The steps a provider can apply to one target. Each is repeatable under its operation id: a step that is already done
// answers Done with `alreadyDone`.

// Read-only: links, releases, fencing number, free space.
struct ObserveStep {};

// Bring the files to releases/<environment>/<releaseId>, link shared paths, run the build steps, check required files,
// write the ready marker with the content digest. `current` is not touched.
struct PrepareStep {
  std::string releaseId;
  std::string identity;  // of what is to be built: a directory prepared for another identity is not trusted
  std::shared_ptr<const Artifact> artifact;
  std::vector<BuildStep> build;
};

// The gate: reachable, fencing number ours, prepared with this digest (recomputed on the target), and the release's own
// check passes in the prepared directory.
struct CheckStep {
  std::string releaseId;
  std::string digest;
  std::vector<std::string> requiredFiles;
  std::optional<ExecCheck> exec;
};

// One of two instances beside one another. Empty name: there is only one.
struct SlotRef {
  std::string name;  // "blue"
  int port = 0;      // of its instance
};

// Point the slot's own link, current-<environment>-<slot>, at a prepared release. Refused (Conflict) for the slot that
// is live, unless it names that release already.
struct PlaceStep {
  std::string releaseId;
  std::string digest;
  std::string slot;
};

// Replace `previous`, then `current`. All SwitchSteps of one wave are armed first; none flips unless all are armed.
struct SwitchStep {
  std::string releaseId;
  std::string digest;
  bool sequential = false;  // when all are armed: one after another in the wave's order, stopping at the first failure
  std::string slot;         // is the live one from then on; empty: there are none
};

// Run one command of the process manager: reload, start or stop. Effect class E1 by contract with the user. With a slot
// it runs in that slot's release, with SLOT and PORT set. With a manager the action is that manager's and is
// repeatable: done when the processes that run are of `releaseId`.
struct ProcessStep {
  std::string action;  // "reload", "start", "stop": for messages
  std::string releaseId;
  std::string run;
  Duration timeout = std::chrono::minutes(5);
  SlotRef slot = {};
  std::optional<ProcessManager> manager = std::nullopt;  // does the action; `run` is empty then
  bool goingBack = false;                                // to a release that ran before, as it ran then
};

// A container of the target that must be running.
struct ContainerLook {
  std::string name;
  Duration timeout = std::chrono::seconds(5);
  bool ownHealth = true;  // where it has a health check of its own, that one must have passed too
};

// The processes of the release on the target: alive, of it, and each begun at least so long ago.
struct ProcessLook {
  Duration minUptime = std::chrono::seconds(10);
  std::string pidFile;  // without a manager: of that one; empty: all whose directory or program is the release's
};

// `current`, or the slot's own link, is `releaseId`, the manager's processes (when given) are of it, the container
// (when given) runs, the processes (when given) are up for long enough, and the command (when given) succeeds in it.
struct VerifyStep {
  std::string releaseId;
  std::optional<ExecCheck> exec;
  std::optional<ContainerLook> container = std::nullopt;
  SlotRef slot = {};
  std::optional<ProcessManager> manager = std::nullopt;  // its processes run, and are of `releaseId`
  std::optional<ProcessLook> process = std::nullopt;
};

// Put the links back as the journal says they were before the switch to `releaseId`. `restoreTo` is what the plan
// believes was live; empty: nothing was, the link is removed.
struct UndoStep {
  std::string releaseId;
  std::string restoreTo;
  std::string slot;  // is the live one from then on
};

// Remove old releases. Never one of `keep`, nor what `current`, `previous` and the slots' links name.
struct RetireStep {
  std::vector<std::string> keep;
};

// Kill the process group that runs under another operation id, if any.
struct AbortStep {
  std::string operationId;
};

// Run one of the user's hooks. Effect class E3: where it is not idempotent it is claimed under the operation id before
// it begins, and one that began and has no result is Unknown, never run again.
struct HookStep {
  std::string name;
  std::string releaseId;  // runs in its directory; empty, or not there: in that of the live release, else in the root
  std::string run;
  Duration timeout = std::chrono::minutes(5);
  bool idempotent = false;
  std::map<std::string, std::string> env;
};

using StepAction = std::variant<ObserveStep, PrepareStep, CheckStep, SwitchStep, ProcessStep, VerifyStep, UndoStep,
                                RetireStep, AbortStep, PlaceStep, HookStep>;

struct StepRequest {
  std::string operationId;  // stable over retries and restarts of the controller; "[a-z0-9.-]+"
  RemoteTarget target;
  std::string application;  // "namespace/name" of the Release: owner of the lock and of the fencing number
  Layout layout;
  std::uint64_t fence = 0;  // the target refuses a lower number than it has seen
  SteadyTime deadline;
  StepAction action;
};

// One release directory on a target.
struct PreparedRelease {
  std::string id;
  std::string identity;
  std::string digest;
  bool ready = false;
};

// What was seen on a target.
struct TargetObservation {
  std::string current;   // release id; empty: no such link
  std::string previous;  // likewise
  std::string slot;      // the live one; empty: there is none
  std::string problem;   // "current points to /x, which does not exist": a person or program changed it
  std::uint64_t fence = 0;
  std::int64_t freeBytes = -1;  // -1: not known
  std::vector<PreparedRelease> releases;
};

struct StepResult {
  // Unknown is never folded into either of the others: observe before anything else.
  enum class Outcome { Done, Refused, Unknown };
  Outcome outcome = Outcome::Done;
  Status status;        // ok when Done
  bool noRoom = false;  // refused because disk space, inodes, memory or processes ran out there
  bool fenced = false;  // refused because the target has seen a higher number: observed.fence
  bool alreadyDone = false;
  std::string phase;   // the named part that failed: "fetch", "link-shared", a build step's name, "required-files"
  int exitCode = -1;   // of the user's command that failed; -1: none did
  std::string tail;    // its last lines, at most 60
  std::string digest;  // after Prepare and Check: "sha256:…" or "cksum:…" of the directory's content
  std::uint64_t bytesSent = 0;  // content that had to be sent
  Duration duration{0};
  SteadyTime effectAt{};       // when the effect was confirmed to us; for Switch the base of the skew
  TargetObservation observed;  // after Observe, and after Check at least `current` and `slot`

  // What did not happen on the target, and why. `phase`: the part that said no.
  static StepResult refused(Status status, std::string phase) {
    StepResult result;
    result.outcome = Outcome::Refused;
    result.status = std::move(status);
    result.phase = std::move(phase);
    return result;
  }
};

struct StepEvents {
  // Exactly once per step of the wave, on the provider's thread; short, must not block.
  std::function<void(const StepRequest&, StepResult)> done;
  // What the target printed, in whole lines.
  std::function<void(const StepRequest&, std::string_view)> output;
  // A named part began: "fetch", "dependencies".
  std::function<void(const StepRequest&, const std::string& phase)> progress;
};

// What a provider can do; a plan that needs more is refused before a run exists.
struct ProviderCapabilities {
  std::string type;  // "Servers"
  bool armedSwitch = false;
  bool execChecks = false;
};

// Applies steps to targets of one platform. Thread-safe. start never blocks; results come through events.
class Provider {
 public:
  virtual ~Provider() = default;
  virtual ProviderCapabilities capabilities() const = 0;
  // Starts every step of a wave at once. Steps are of one kind.
  virtual void start(std::vector<StepRequest> wave, StepEvents events) = 0;
  // Stops waiting for a step: its `done` comes soon, with Unknown or Refused (Cancelled). What runs on the target goes
  // on unless an AbortStep kills it.
  virtual void cancel(const std::string& operationId) = 0;
};

}  // namespace slipway
