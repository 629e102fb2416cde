#include "reconciler/release/summary.h"

#include <algorithm>
#include <cstdlib>
#include <map>

#include "reconciler/base/strings.h"
#include "reconciler/planner/shift_script.h"
#include "reconciler/release/new_run.h"
#include "reconciler/release/operations/stop_mark.h"
#include "reconciler/release/requests.h"

namespace slipway::release {
namespace {

constexpr std::size_t kHistory = 20;

class Conditions {
 public:
  Conditions(ReleaseStatus& status, std::int64_t generation, WallTime now)
      : status_(status), generation_(generation), now_(now) {}

  void set(std::string type, std::string value, const std::string& reason, const std::string& message) {
    setCondition(status_.conditions, {std::move(type), std::move(value), reason, message, {}, generation_}, now_);
  }
  // Present only while true.
  void abnormal(const std::string& type, bool present, const std::string& reason, const std::string& message) {
    if (present) {
      set(type, "True", reason, message);
    } else {
      removeCondition(status_.conditions, type);
    }
  }

 private:
  ReleaseStatus& status_;
  std::int64_t generation_;
  WallTime now_;
};

std::string reasonOf(const ReleaseRun& run) {
  return run.status.transitions.empty() ? "Pending" : run.status.transitions.back().reason;
}

// What every target ran before the run, if it was the same; of groups, those of the one that has the traffic.
std::string commonBefore(const ReleaseRun& run) {
  const bool groups = run.spec.spec.strategy.hasGroups();
  const std::string live = groups ? planner::liveGroup(run.spec.spec, run.status) : "";
  std::string before;
  for (const RunTarget& target : run.status.targets) {
    if (target.gone || (groups && target.group != live)) {
      continue;
    }
    if (!before.empty() && before != target.before) {
      return {};
    }
    before = target.before;
  }
  return before;
}

// "step 2 Successful, step 4 Failed": the steps counted as the run's messages count them.
std::string verdictsOf(const ReleaseRun& run) {
  std::map<int, std::string> steps;
  for (const auto& [step, analysis] : run.status.analyses) {
    steps[std::atoi(step.c_str())] = analysis.verdict.empty() ? "not ended" : analysis.verdict;
  }
  std::vector<std::string> out;
  for (const auto& [step, verdict] : steps) {
    out.push_back(cat("step ", step + 1, " ", verdict));
  }
  return join(out, ", ");
}

}  // namespace

ReleaseStatus summarise(const Release& release, bool current, const ReleaseRun* run, WallTime now) {
  ReleaseStatus status = release.status;
  Conditions conditions(status, release.meta.generation, now);
  if (run == nullptr) {
    status.phase = release.spec.suspend ? "Suspended" : "Pending";
    status.message = release.spec.suspend ? "suspended: nothing is started" : "waiting for the first run";
    conditions.set("Ready", "False", status.phase, status.message);
    return status;
  }
  const RunPhase phase = run->status.phase;
  const bool open = !isTerminal(phase);
  const bool ready = phase == RunPhase::Completed && current && run->spec.reason != RunReason::Rollback;
  const std::string reason = reasonOf(*run);
  status.phase = std::string(phaseName(phase));
  status.step = run->status.step;
  status.message = run->status.message;
  status.weight = run->status.traffic.number > 0 ? run->status.traffic.weight : TrafficWeight{};
  status.currentRun = run->meta.name;
  status.versions.attempted = run->spec.version;
  if (run->spec.reason != RunReason::Rollback) {
    status.versions.desired = run->spec.version;
  }
  conditions.set("Ready", ready ? "True" : "False", ready ? "Completed" : reason, status.message);
  conditions.abnormal("Reconciling", open, reason, status.message);
  conditions.set("Progressing", open && phase != RunPhase::Paused ? "True" : "False", reason, status.message);
  const bool failed = phase == RunPhase::Failed || phase == RunPhase::RolledBack || phase == RunPhase::Cancelled;
  conditions.abnormal("Stalled", failed, reason, status.message);
  conditions.abnormal("Paused", phase == RunPhase::Paused, reason, status.message);
  const bool back =
      phase == RunPhase::RolledBack || (phase == RunPhase::Completed && run->spec.reason == RunReason::Rollback);
  conditions.abnormal("RolledBack", back, reason, status.message);
  showStopped(status, release.meta, now);
  return status;
}

ReleaseStatus stalled(const Release& release, const std::string& reason, const std::string& message, WallTime now) {
  ReleaseStatus status = release.status;
  Conditions conditions(status, release.meta.generation, now);
  status.phase = "Stalled";
  status.message = message;
  status.step.clear();
  status.observedGeneration = release.meta.generation;
  conditions.set("Ready", "False", reason, message);
  conditions.abnormal("Stalled", true, reason, message);
  conditions.abnormal("Reconciling", false, reason, message);
  return status;
}

bool onlyMoved(const ReleaseStatus& was, const ReleaseStatus& now) {
  const auto moved = [](const Condition& one, const Condition& other) {
    return one.type == other.type && one.status == other.status && one.observedGeneration == other.observedGeneration;
  };
  ReleaseStatus same = now;
  same.step = was.step;
  same.message = was.message;
  same.conditions = was.conditions;
  return same == was &&
         std::equal(was.conditions.begin(), was.conditions.end(), now.conditions.begin(), now.conditions.end(), moved);
}

std::map<std::string, int> countTargets(const ReleaseRun& run) {
  std::map<std::string, int> counts{{"desired", 0}, {"live", 0}, {"failed", 0}};
  for (const RunTarget& target : run.status.targets) {
    counts["desired"] += target.gone ? 0 : 1;
    counts["live"] +=
        target.stateOf(StepKind::Verify) == StepState::Done && target.stateOf(StepKind::Undo) != StepState::Done;
    counts["failed"] += std::any_of(target.steps.begin(), target.steps.end(),
                                    [](const auto& step) { return step.second.state == StepState::Failed; });
  }
  return counts;
}

void bookOutcome(ReleaseStatus& status, const ReleaseRun& run) {
  const auto booked = [&](const ReleaseHistoryEntry& entry) { return entry.run == run.meta.name; };
  if (std::any_of(status.history.begin(), status.history.end(), booked)) {
    return;
  }
  ReleaseHistoryEntry entry;
  entry.version = run.spec.version;
  entry.run = run.meta.name;
  entry.outcome = run.status.outcome;
  entry.revision = run.status.revisionDisplay;
  entry.identity = run.spec.identity;
  entry.finishedAt = run.status.finishedAt;
  entry.analysis = verdictsOf(run);
  for (const RunTarget& target : run.status.targets) {
    entry.digest = target.gone ? entry.digest : target.digest;
  }
  if (run.status.phase == RunPhase::RolledBack) {
    entry.bad = true;
    entry.badReason = run.status.message;
    status.versions.applied = commonBefore(run);
  }
  const bool switchedEverywhere = std::all_of(
      run.status.targets.begin(), run.status.targets.end(),
      [](const RunTarget& target) { return target.gone || target.stateOf(StepKind::Switch) == StepState::Done; });
  if (run.status.phase == RunPhase::Failed && switchedEverywhere) {
    status.versions.applied = run.spec.version;  // it runs there, unwell: rollback.policy None left it
  }
  if (run.status.phase == RunPhase::Completed) {
    status.versions.applied = run.spec.version;
    status.versions.stable = run.spec.version;
    status.liveGroup =
        run.spec.spec.strategy.hasGroups() ? planner::freshGroup(run.spec.spec, run.status) : std::string();
    for (ReleaseHistoryEntry& other : status.history) {
      if (!run.spec.rollbackFrom.empty() && other.version == run.spec.rollbackFrom) {
        other.bad = true;
        other.badReason = cat("rolled back by run ", run.meta.name);
      } else if (other.version == run.spec.version) {
        other.bad = false;  // asked for by a person, and it passed its checks
      }
    }
  }
  status.lastOutcome = run.status.outcome;
  status.history.insert(status.history.begin(), std::move(entry));
  if (status.history.size() > kHistory) {
    status.history.resize(kHistory);
  }
}

void rebuild(Release& release, const std::vector<ReleaseRun>& runs, WallTime now) {
  ReleaseStatus& status = release.status;
  for (const ReleaseRun& run : runs) {
    if (isTerminal(run.status.phase)) {
      bookOutcome(status, run);
    }
    if (run.spec.reason != RunReason::Rollback) {
      status.versions.desired = run.spec.version;
    }
  }
  const ReleaseRun& newest = runs.back();
  status.runCounter = runNumber(newest);
  status.currentRun = newest.meta.name;
  status.identity = newest.spec.identity;
  for (const Request& request : pendingRequests(release)) {
    status.handledRequests[std::string(verbName(request.verb))] = {
        request.token, "Refused: asked before the status was rebuilt; ask again", formatTime(now)};
  }
}

std::vector<std::string> protectedVersions(const Release& release, const ReleaseRun& run) {
  std::vector<std::string> out{run.spec.version};
  const auto add = [&](const std::string& version) {
    if (!version.empty() && std::find(out.begin(), out.end(), version) == out.end()) {
      out.push_back(version);
    }
  };
  for (const ReleaseHistoryEntry& entry : release.status.history) {
    if (entry.outcome == phaseName(RunPhase::Completed) &&
        out.size() < static_cast<std::size_t>(std::max(release.spec.layout.keepReleases, 1))) {
      add(entry.version);
    }
  }
  int failed = 0;
  for (const ReleaseHistoryEntry& entry : release.status.history) {
    if (entry.outcome != phaseName(RunPhase::Completed) && failed < release.spec.layout.keepFailed) {
      add(entry.version);
      ++failed;
    }
  }
  for (const RunTarget& target : run.status.targets) {
    add(target.before);
  }
  return out;
}

}  // namespace slipway::release
