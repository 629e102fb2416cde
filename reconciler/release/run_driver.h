#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "reconciler/api/run.h"
#include "reconciler/ports/reconciler.h"
#include "reconciler/release/active_run.h"
#include "reconciler/release/services.h"
#include "reconciler/release/step_launcher.h"

namespace slipway::release {

// Drives one open run a step further: takes what came back, plans, writes the record, then starts what the plan wants.
// The record is durable before every effect and again after it.
class RunDriver {
 public:
  // The launcher outlives every step that it started: the driver does not.
  struct Subject {
    const Release& release;
    ReleaseRun& run;
    ActiveRun& active;
    RunStatus durable;  // of the run, as it was read
  };
  RunDriver(Services& services, StepLauncher& launcher, Subject subject);

  // `run` has the new status afterwards. Conflict: somebody changed the run; read it again.
  Result<Action> drive();
  // Whether the record is what the run has become.
  bool recorded() const { return run_.status == before_; }

 private:
  void takeMessages();
  void takeResult(RunTarget& target, std::size_t index, StepKind kind, const Message& message);
  Result<Action> begin();  // lock, leases, source; ok without requeue when all is there
  Status holdLeases();
  Status holdLease(const std::string& destination, bool renew);
  bool takeFenceRefusal(const RunTarget& target, const StepRecord& record, const StepResult& result);
  std::optional<std::string> destinationLock() const;
  Result<bool> haveArtifact();  // false: still on its way
  void startFetch();
  bool needsArtifact() const;
  Result<Action> advance();  // plan, record, act
  planner::Plan planNow() const;
  // Writes down how much of it has passed.
  void keepWaiting(const planner::PlannedWait& wait);
  Status decide(const planner::Plan& plan);
  Status enter(RunPhase phase, const std::string& reason, const std::string& message);
  void measurePhase(RunPhase next) const;
  bool moves(const RunTarget& target) const;
  Status checkRecorded(const std::vector<planner::PlannedStep>& wave) const;
  bool othersWait(const std::vector<planner::PlannedStep>& fresh) const;
  void launch(const std::vector<planner::PlannedStep>& wave);
  // Of a look at a server: when it began, what its answer counts for, and which answers are too old to decide on.
  void noteAsked(const planner::PlannedStep& step);
  void takeAnswer(const planner::StepRef& ref, const StepResult& result);
  std::set<planner::StepRef> staleAnswers() const;
  void takeTraffic(const Message& message);
  // True when it was not under way yet.
  bool markTraffic(const planner::PlannedTraffic& traffic);
  void launchTraffic();
  void takeHook(const Message& message);
  // True when one was found of which nobody can know what became: plan anew.
  bool settleLostHooks(const std::vector<planner::PlannedHook>& hooks);
  // Those that were not under way yet.
  std::vector<planner::PlannedHook> markHooks(const std::vector<planner::PlannedHook>& hooks);
  // `underWay`: with those that were so before.
  void launchHooks(const std::vector<planner::PlannedHook>& fresh, std::size_t underWay);
  std::map<std::string, Duration> coolingHooks() const;
  void killHook(const std::string& operation);
  void takeMeasured(const Message& message);
  // Lets the time of the plan's analysis pass and records the measurements that are started now. False: there is a
  // verdict.
  bool tendAnalysis(const planner::Plan& plan);
  void launchMeasurements(const planner::Plan& plan);
  std::vector<StepRequest> looksAtNewVersion(const std::string& operationId) const;
  void giveUpMeasurements(AnalysisRecord& record, const planner::PlannedAnalysis& analysis);
  Duration untilMeasurement(const planner::Plan& plan) const;
  void announceVerdict(const AnalysisRecord& record) const;
  void takeRoles(const Message& message);
  std::optional<Duration> rolesAge() const;
  void launchSurvey(const planner::Plan& plan);
  void warnOfSize();
  void kill(const std::vector<std::string>& operations);
  LaunchContext launchContext() const;
  LaunchEvents launchEvents() const;
  void measureSkew();
  Status finish(const planner::Plan& plan);
  Status save();
  void announce(EventType type, const std::string& reason, const std::string& message) const;
  Duration leaseCheck() const;

  Services& services_;
  StepLauncher& launcher_;
  const Release& release_;
  ReleaseRun& run_;
  ActiveRun& active_;
  RunStatus before_;
  std::size_t taken_ = 0;
  std::vector<std::size_t> dueMetrics_;  // recorded as started, not started yet
};

// The lease of an application on a destination, and for how long it is held after it was last renewed.
constexpr Duration kLease = std::chrono::seconds(30);
ObjectKey leaseKey(const std::string& ns, const std::string& release, const std::string& destination);

}  // namespace slipway::release
