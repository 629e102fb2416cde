#include "tests/sim/world/cluster_law.h"

#include <algorithm>
#include <set>

#include "reconciler/base/strings.h"

namespace slipway::sim {
namespace {

bool keepsQuorum(const ReleaseRun& run) {
  return run.spec.spec.cluster.has_value() &&
         std::any_of(run.status.targets.begin(), run.status.targets.end(),
                     [](const RunTarget& target) { return !target.before.empty(); });
}

// From the moment its switch may begin until it was seen to serve, and again while it is taken back.
bool out(const RunTarget& target) {
  if (target.stateOf(StepKind::Undo) != StepState::Pending) {
    return target.stateOf(StepKind::Undo) != StepState::Done;
  }
  return target.stateOf(StepKind::Switch) != StepState::Pending && target.stateOf(StepKind::Verify) != StepState::Done;
}

std::string roleOf(const ReleaseRun& run, const std::string& server) {
  const auto seen = run.status.cluster.members.find(server);
  return seen == run.status.cluster.members.end() ? "" : seen->second.role;
}

std::size_t spare(const ReleaseRun& run) {
  const auto voters = static_cast<std::size_t>(std::count_if(run.status.targets.begin(), run.status.targets.end(),
                                                             [](const RunTarget& target) { return target.voter; }));
  return voters - std::min(voters, voters / 2 + 1);
}

}  // namespace

bool wasDown(const ReleaseRun& run, const std::string& server) { return roleOf(run, server) == "Unknown"; }

void ClusterLaw::committed(const ReleaseRun& run) const {
  if (!keepsQuorum(run)) {
    return;
  }
  // One that was down when it was asked last costs nothing: `flips` counts those.
  const auto down = static_cast<std::size_t>(
      std::count_if(run.status.targets.begin(), run.status.targets.end(),
                    [&](const RunTarget& one) { return one.voter && out(one) && !wasDown(run, one.name); }));
  require_(1, down <= spare(run),
           cat("run ", run.meta.name, " takes ", down, " members down, of ", run.status.targets.size(), " only ",
               spare(run), " can be spared"));
}

void ClusterLaw::flips(const ReleaseRun& run, const std::string& server, bool back) const {
  if (!keepsQuorum(run)) {
    return;
  }
  const std::string role = roleOf(run, server);
  if (role != "Leader" && role != "Follower") {
    require_(13, !role.empty(), cat("run ", run.meta.name, " takes ", server, ", which nobody asked for its role"));
    return;  // it was down when it was asked: this costs nothing
  }
  std::size_t leaders = 0;
  std::size_t down = 0;
  bool othersDone = true;
  for (const RunTarget& target : run.status.targets) {
    const std::string one = roleOf(run, target.name);
    leaders += one == "Leader" ? 1 : 0;
    down += target.voter && (out(target) || one == "Unknown" || target.name == server) ? 1 : 0;
    othersDone = othersDone &&
                 (target.name == server || target.gone || back || target.stateOf(StepKind::Verify) == StepState::Done);
  }
  require_(13, leaders == 1, cat("run ", run.meta.name, " takes ", server, " with ", leaders, " leaders"));
  require_(1, down <= spare(run), cat("run ", run.meta.name, " takes ", server, " as the ", down, "th that is down"));
  require_(13, role != "Leader" || othersDone, cat("run ", run.meta.name, " takes the leader ", server, " too early"));
}

}  // namespace slipway::sim
