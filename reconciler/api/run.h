#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/api/analysis.h"
#include "reconciler/api/conditions.h"
#include "reconciler/api/meta.h"
#include "reconciler/api/release.h"

namespace slipway {

enum class RunPhase {
  Pending,
  Preparing,
  Deploying,
  HealthCheck,
  TrafficSwitching,
  Paused,
  Completed,
  RollingBack,
  RolledBack,
  Failed,
  Cancelled,
};

std::string_view phaseName(RunPhase phase);
Result<RunPhase> phaseFromName(std::string_view name);
bool isTerminal(RunPhase phase);
// The state machine: an illegal transition is a defect and is refused. A phase may follow itself.
bool mayFollow(RunPhase from, RunPhase to);

// The kinds of step of one target. The names are used in status, metrics and operation ids.
// Sync looks at a server that ran out of room and makes some, before Prepare is tried again there. With slots: Place
// points the new version's slot at it; Confirm verifies once more before traffic grows; ScaleDown stops the old
// version's instance; Recheck verifies the old one before traffic goes back; Withdraw stops the new one's. Traffic is a
// change of what the proxies send where, Hook one of spec.hooks: of the whole run, not of one target.
enum class StepKind {
  Prepare,
  Sync,
  Check,
  Stop,
  Place,
  Switch,
  Start,
  Verify,
  Confirm,
  ScaleDown,
  Undo,
  Restart,
  Recheck,
  Withdraw,
  Retire,
  Traffic,
  Hook,
};
inline constexpr std::array kStepKinds{StepKind::Prepare, StepKind::Sync,      StepKind::Check, StepKind::Stop,
                                       StepKind::Place,   StepKind::Switch,    StepKind::Start, StepKind::Verify,
                                       StepKind::Confirm, StepKind::ScaleDown, StepKind::Undo,  StepKind::Restart,
                                       StepKind::Recheck, StepKind::Withdraw,  StepKind::Retire};
std::string_view stepName(StepKind kind);
Result<StepKind> stepFromName(std::string_view name);

// Pending → Running → Done, Failed or Unknown. Running is written before the effect starts: after a crash it means
// "may have happened", and the step is started again under the same operation id.
enum class StepState { Pending, Running, Done, Failed, Unknown };
std::string_view stateName(StepState state);

// The code of a step that failed because disk space, inodes, memory or processes ran out on the server.
inline constexpr std::string_view kNoRoomCode = "ResourceExhausted";

// What became of one step on one target.
struct StepRecord {
  StepState state = StepState::Pending;
  int attempt = 0;  // number of the effect: part of the operation id; a new one after a known failure
  int tries = 0;    // how often this step was started in all
  std::string operationId;
  std::string startedAt;  // RFC 3339
  std::string finishedAt;
  std::string notBefore;  // the next try waits until then
  std::int64_t durationMs = -1;
  std::string phase;  // the part that runs or failed: "fetch", "dependencies"
  int exitCode = -1;
  std::string code;  // codeName of the error, or kNoRoomCode
  std::string message;
  std::string tail;  // last lines of a failed command, at most 60
  bool alreadyDone = false;
  int successes = 0;  // of a look at the instance: good answers in a row, up to now
  int failures = 0;   // likewise bad ones
  bool operator==(const StepRecord&) const = default;
};

// One server of a run's frozen set.
struct RunTarget {
  std::string name;  // of the Server
  std::string destination;
  std::string uid;     // of the Server: a namesake made later is another machine
  bool gone = false;   // disappeared before its step ran: neither failed nor waited for
  std::string digest;  // of the prepared directory
  std::string before;  // the release that was current when the run was made ready
  std::int64_t bytesSent = 0;
  std::string slot;        // with slots: where the new version goes
  std::string slotBefore;  // and where the live one is; empty: there is none
  std::string zone;        // value of the label that spec.strategy.rolling.zoneLabel names, or spec.cluster.zoneLabel
  std::string rank;        // likewise orderByLabel
  std::string group;       // of spec.strategy.blueGreen.groups, that it belongs to
  std::map<StepKind, StepRecord> steps;
  bool voter = false;       // with spec.cluster: counts for the quorum
  bool tieBreaker = false;  // likewise: decides where the zones are even
  bool operator==(const RunTarget&) const = default;

  const StepRecord* step(StepKind kind) const;
  StepState stateOf(StepKind kind) const;
};

// The decisions that cannot be observed again. Each is written before anything follows from it and never changes.
struct RunDecisions {
  std::string commit;  // when the gate opened: every target is ready, the switch may begin
  std::string revert;  // when it was decided to undo
  std::string revertReason;
  std::string revertMessage;
  std::string abort;  // when an abort was accepted
  std::string abortReason;
  std::string pausedAt;      // set while paused, by request or by onPartialSwitch: Hold
  std::string promoteFull;   // when it was asked to leave out the steps that are left
  std::string sourceFailed;  // why the source could not be fetched, for good
  int promotedStep = -1;     // the pause that somebody ended by promoting, counted from 0
  bool operator==(const RunDecisions&) const = default;
};

// A wait that a plan asked for: how much of it has passed, by the steady clock. Written down now and then, so that a
// crash neither loses nor restarts it, and jumps of the wall clock neither shorten nor lengthen it.
struct RunWait {
  std::string startedAt;
  std::int64_t elapsedMs = 0;
  bool operator==(const RunWait&) const = default;
};

// The last change of traffic that the plan asked for, and what came of it.
struct TrafficChange {
  int number = 0;  // counted in the run, part of the operation id; 0: none yet
  StepRecord record;
  TrafficWeight weight;
  std::vector<std::string> fresh;   // servers whose instance of the new version is in rotation
  std::vector<std::string> stable;  // servers whose instance of the old version is
  bool operator==(const TrafficChange&) const = default;
};

// What became of one of spec.hooks: the server it ran on, or was sent for.
struct HookRecord {
  std::string server;
  StepRecord record;
  bool operator==(const HookRecord&) const = default;
};

// A row of the run's state table.
struct RunTransition {
  RunPhase phase = RunPhase::Pending;
  std::string enteredAt;
  std::string exitedAt;  // empty: the current one
  std::string reason;
  std::string message;
  bool operator==(const RunTransition&) const = default;
};

enum class RunReason { Apply, Retry, Rollback, Repair };
std::string_view reasonName(RunReason reason);

// What to do, frozen when the run was made. Immutable.
struct RunSpec {
  std::string release;
  std::string releaseUid;
  std::int64_t releaseGeneration = 0;
  RunReason reason = RunReason::Apply;
  std::string version;  // the release id: one for all targets
  std::string identity;
  std::string basedOn;       // run whose pinned revision, and for a retry whose kept builds, are used again
  std::string rollbackFrom;  // version that is abandoned
  ReleaseSpec spec;          // as it was
  std::map<std::string, AnalysisTemplateSpec> analyses = {};  // the templates that it names, as they were
  std::string previousRun = {};  // that made what was live when this one was made; empty: there was none
  bool operator==(const RunSpec&) const = default;
};

struct RunStatus {
  std::int64_t observedGeneration = -1;
  std::vector<Condition> conditions;
  RunPhase phase = RunPhase::Pending;
  std::string message;
  std::string step;  // "prepared 3/5", for the printed column
  std::string startedAt;
  std::string finishedAt;
  std::string outcome;   // Completed, RolledBack, Failed, Cancelled; empty while open
  std::string revision;  // the commit or content id the source was pinned to
  std::string revisionDisplay;
  std::string artifact;  // digest of the content
  std::uint64_t fence = 0;
  std::int64_t skewMs = -1;  // first to last flip
  RunDecisions decisions;
  std::map<std::string, RunWait> waits;  // by the plan's name for them
  int canaryStep = 0;                    // steps of the canary that are behind
  TrafficChange traffic;
  std::string liveGroup;  // of the server groups, the one that had the traffic when the run was made; empty: none yet
  std::map<std::string, AnalysisRecord> analyses;  // by the number of the step
  // By "<hook>", "<hook>/<server>" where it runs on each, "<hook>/<server>/back" where a server is taken back.
  std::map<std::string, HookRecord> hooks;
  ClusterRecord cluster;  // with spec.cluster
  std::vector<RunTransition> transitions;
  std::vector<RunTarget> targets;
  bool operator==(const RunStatus&) const = default;
};

// Of the servers of a run: how many there are, and on how many the new version was verified and stayed.
struct InstanceCount {
  int total = 0;
  int successful = 0;
};
InstanceCount countInstances(const RunStatus& status);

struct ReleaseRun {
  ObjectMeta meta;
  RunSpec spec;
  RunStatus status;
};

Result<ReleaseRun> runFromJson(const Json& object);
Json toJson(const RunSpec& spec);
Json toJson(const RunStatus& status);

// Moves to a phase: closes the open row and adds one. Internal when the transition is illegal. Staying is no change but
// for the message.
Status enterPhase(RunStatus& status, RunPhase phase, std::string reason, std::string message, WallTime now);

}  // namespace slipway
