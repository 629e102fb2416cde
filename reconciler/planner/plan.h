#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "reconciler/api/run.h"

namespace slipway::planner {

// One step of one target, by its place in RunStatus::targets.
struct StepRef {
  std::size_t target = 0;
  StepKind kind = StepKind::Prepare;
  auto operator<=>(const StepRef&) const = default;
};

// In place of a target, for what is done for the whole run.
inline constexpr std::size_t kFleet = static_cast<std::size_t>(-1);

// Everything a plan may depend on. No clock, no port: the same input gives the same plan.
struct PlanInput {
  const std::string& runUid;
  const RunSpec& run;
  const RunStatus& progress;
  // Failed steps whose next try is not due yet, and how long it takes. The caller counts in steady time.
  std::map<StepRef, Duration> cooling;
  // How much of the waits that plans asked for has passed.
  std::map<std::string, Duration> waited;
  // As `cooling`, for hooks, by their key in RunStatus::hooks.
  std::map<std::string, Duration> coolingHooks = {};
  // Good answers that are too old to decide on, as spec.health.freshness has it: Check for the gate, Confirm for a
  // verified instance, whatever step asked it.
  std::set<StepRef> stale = {};
  // How long ago the roles in RunStatus::cluster were asked for; nothing: not by this process, or steps were started
  // since.
  std::optional<Duration> rolesAge = std::nullopt;
};

struct PlannedStep {
  StepRef ref;
  int attempt = 1;          // part of the operation id
  std::string operationId;  // "<run uid>.<step>.<server>.<attempt>"
  bool operator==(const PlannedStep&) const = default;
};

// What cannot be observed again. The caller makes it durable, then plans anew; nothing is started before.
// NextStep: the canary's step is behind, RunStatus::canaryStep counts it. NextBatch: which members of a cluster are
// taken next, for RunStatus::cluster.
enum class Decision { None, Commit, Revert, Hold, NextStep, NextBatch };

// A change of what the proxies send where, as part of the run. The weights are absolute.
struct PlannedTraffic {
  int number = 0;  // counted in the run
  int attempt = 1;
  std::string operationId;          // "<run uid>.traffic.<number>.<attempt>"
  int weight = 0;                   // percent for `fresh`
  std::vector<std::size_t> fresh;   // targets whose instance of the new version is in rotation
  std::vector<std::size_t> stable;  // … of the old one
  bool operator==(const PlannedTraffic&) const = default;
};

// A judgement of the new version that the plan waits for; its verdict goes into RunStatus::analyses under `step`.
struct PlannedAnalysis {
  int step = 0;
  std::vector<std::string> templates;
  std::vector<AnalysisArg> args = {};
  bool operator==(const PlannedAnalysis&) const = default;
};

// The decision NextBatch. Nothing was done yet for one that is replaced.
struct PlannedBatch {
  std::vector<std::size_t> targets;
  bool back = false;      // servers that are taken back
  bool replaces = false;  // the last one that was decided
  bool operator==(const PlannedBatch&) const = default;
};

// Every member of the cluster is asked for its role.
struct PlannedSurvey {
  std::string operationId;  // "<run uid>.roles.<number>", counted by RunStatus::cluster
  bool operator==(const PlannedSurvey&) const = default;
};

// Time to let pass before the plan goes on; `name` is unique in the run. The caller keeps count of it over restarts.
struct PlannedWait {
  std::string name;
  Duration duration{0};
  bool operator==(const PlannedWait&) const = default;
};

// One of spec.hooks that should be running now.
struct PlannedHook {
  std::string key;         // in RunStatus::hooks
  std::size_t hook = 0;    // its place in spec.hooks
  std::size_t target = 0;  // the server it runs on, or is sent for
  int attempt = 1;
  std::string operationId;  // "<run uid>.hook.<name>.<server>.<attempt>"
  bool operator==(const PlannedHook&) const = default;
};

// The next thing to do, as a value: printable, comparable, replayable.
struct Plan {
  RunPhase phase = RunPhase::Pending;  // a terminal one is the outcome
  std::string reason;                  // CamelCase
  std::string message;                 // a sentence for people
  std::string step;                    // "prepared 3/5"
  Decision decision = Decision::None;
  std::vector<PlannedStep> wave;          // what should be running now; parts of it may be so already
  std::vector<std::string> abort;         // operations to kill
  std::optional<PlannedTraffic> traffic;  // never together with a wave
  std::vector<PlannedHook> hooks;         // with a wave only where everything is seen to its end
  std::optional<PlannedAnalysis> analysis;
  std::optional<PlannedSurvey> survey;
  std::optional<PlannedBatch> batch;
  std::optional<PlannedWait> wait;
  std::optional<Duration> checkAgain;
  bool operator==(const Plan&) const = default;
};

// How one strategy gets from what is recorded to the next wave. Pure, total, deterministic.
class Strategy {
 public:
  virtual ~Strategy() = default;
  virtual Plan plan(const PlanInput& input) const = 0;
};

// The strategy that the spec asks for; it lives for ever.
const Strategy& strategyFor(const ReleaseSpec& spec);

std::string operationId(const std::string& runUid, StepKind kind, const std::string& target, int attempt);

// A wave as `slipway plan` prints it.
struct PreviewWave {
  StepKind kind = StepKind::Prepare;
  std::vector<std::string> targets;
  std::string note;  // what it does and what it waits for
};

// The waves of a run in which everything succeeds, by driving the real strategy. `liveGroup`: as in RunStatus.
std::vector<PreviewWave> preview(const RunSpec& run, const std::vector<RunTarget>& targets,
                                 const std::string& liveGroup = "");

}  // namespace slipway::planner
