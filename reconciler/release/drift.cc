#include "reconciler/release/drift.h"

#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/planner/shift_script.h"

namespace slipway::release {
namespace {

constexpr std::size_t kNamed = 3;

std::string firstOf(const std::vector<std::string>& parts) {
  const auto shown = static_cast<std::ptrdiff_t>(std::min(parts.size(), kNamed));
  std::string out = join({parts.begin(), parts.begin() + shown}, "; ");
  return parts.size() > kNamed ? cat(out, "; and ", parts.size() - kNamed, " more") : out;
}

std::string describeLinks(const DriftSight& sight, const std::string& expected) {
  return cat(sight.server, ": current is ", sight.current.empty() ? "missing" : sight.current, ", expected ", expected,
             sight.problem.empty() ? "" : cat(" (", sight.problem, ")"));
}

}  // namespace

std::string expectedOn(const ReleaseRun& run, const RunTarget& target, const std::string& applied) {
  const bool switched = target.stateOf(StepKind::Switch) == StepState::Done;
  const bool undone = target.stateOf(StepKind::Undo) == StepState::Done;
  const bool completed =
      run.status.phase == RunPhase::Completed && !planner::staysOld(run.spec.spec, run.status, target);
  if (completed || (switched && !undone)) {
    return run.spec.version;
  }
  return target.before.empty() ? applied : target.before;
}

DriftVerdict judgeDrift(const ReleaseRun& run, const std::string& applied, const std::vector<DriftSight>& sights) {
  DriftVerdict verdict;
  std::vector<std::string> differing;
  std::vector<std::string> unseen;
  for (const DriftSight& sight : sights) {
    const auto target = std::find_if(run.status.targets.begin(), run.status.targets.end(),
                                     [&](const RunTarget& one) { return one.name == sight.server; });
    const std::string expected = target == run.status.targets.end() ? "" : expectedOn(run, *target, applied);
    if (expected.empty()) {
      continue;
    }
    if (!sight.status) {
      unseen.push_back(sight.status.message());
      continue;
    }
    const bool right = sight.current == expected && sight.present;
    if (right && sight.process.empty()) {
      continue;
    }
    verdict.links = verdict.links || !right;
    differing.push_back(right ? sight.process : describeLinks(sight, expected));
    verdict.expected = verdict.expected.empty() ? expected : verdict.expected;
    if (expected == verdict.expected) {
      verdict.servers.push_back(sight.server);
    }
  }
  verdict.differing = differing.size();
  if (!differing.empty()) {
    verdict.state = DriftVerdict::State::Drifted;
    verdict.message = firstOf(differing);
  } else if (!unseen.empty()) {
    verdict.state = DriftVerdict::State::Unknown;
    verdict.message = cat("could not be looked at: ", firstOf(unseen));
  }
  return verdict;
}

void showDrift(ReleaseStatus& status, const DriftVerdict& verdict, std::int64_t generation, WallTime now) {
  switch (verdict.state) {
    case DriftVerdict::State::None:
      status.drift = "None";
      removeCondition(status.conditions, "Drifted");
      return;
    case DriftVerdict::State::Drifted:
      status.drift = "Drifted";
      setCondition(
          status.conditions,
          {"Drifted", "True", verdict.links ? "LinkChanged" : "ProcessChanged", verdict.message, {}, generation}, now);
      return;
    case DriftVerdict::State::Unknown:
      status.drift = "Unknown";
      setCondition(status.conditions, {"Drifted", "Unknown", "NotSeen", verdict.message, {}, generation}, now);
      return;
  }
}

void judgeReadiness(ReleaseStatus& status, std::int64_t generation, WallTime now) {
  const Condition* drifted = findCondition(status.conditions, "Drifted");
  const Condition* ready = findCondition(status.conditions, "Ready");
  if (drifted == nullptr || drifted->status != "True" || ready == nullptr || ready->status != "True") {
    return;
  }
  const std::string message = drifted->message;
  setCondition(status.conditions, {"Ready", "False", "Drifted", message, {}, generation}, now);
}

}  // namespace slipway::release
