#include "reconciler/release/cluster/cluster_check.h"

#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/planner/cluster/quorum.h"

namespace slipway::release {

Status checkCluster(const ReleaseSpec& spec, const std::vector<RunTarget>& targets) {
  if (!spec.cluster.has_value()) {
    return Status::ok();
  }
  const ClusterSpec& cluster = *spec.cluster;
  const auto voters = static_cast<std::size_t>(
      std::count_if(targets.begin(), targets.end(), [](const RunTarget& target) { return target.voter; }));
  if (voters == 0) {
    return {Code::Invalid, "spec.cluster.quorum.members: none of the release's servers has these labels"};
  }
  const std::size_t needed = planner::quorumOf(voters, static_cast<std::size_t>(std::max(cluster.minAvailable, 0)));
  if (needed >= voters) {
    return {Code::Invalid,
            cat(cluster.minAvailable > static_cast<int>(voters / 2 + 1) ? "spec.cluster.quorum.minAvailable: "
                                                                        : "spec.cluster: ",
                "of ", voters, voters == 1 ? " member " : " members ", needed,
                " must stay up, so none could ever be replaced: ",
                voters < 3 ? "a cluster takes 3 members at least; leave cluster out where it may be down for a moment"
                           : "ask for fewer")};
  }
  const bool found =
      std::any_of(targets.begin(), targets.end(), [](const RunTarget& target) { return target.tieBreaker; });
  if (cluster.tieBreaker.has_value() && !found) {
    return {Code::Invalid, cat("spec.cluster.tieBreaker: none of the members with a vote ",
                               cluster.tieBreaker->zone.empty()
                                   ? std::string("has these labels")
                                   : cat("is in zone ", cluster.tieBreaker->zone, " by label ", cluster.zoneLabel))};
  }
  return Status::ok();
}

}  // namespace slipway::release
