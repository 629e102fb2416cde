#include "reconciler/planner/cluster/quorum.h"

#include <algorithm>
#include <map>
#include <set>

#include "reconciler/base/strings.h"

namespace slipway::planner {
namespace {

bool contains(const std::vector<std::size_t>& targets, std::size_t i) {
  return std::find(targets.begin(), targets.end(), i) != targets.end();
}

}  // namespace

std::size_t quorumOf(std::size_t voters, std::size_t minAvailable) { return std::max(voters / 2 + 1, minAvailable); }

std::string sizeWarning(std::size_t voters) {
  if (voters < 3 || voters > 7) {
    return cat("the cluster has ", voters, " members with a vote, advised are 3, 5 or 7");
  }
  if (voters % 2 == 0) {
    return cat("the cluster has ", voters, " members with a vote: an even number bears no more losses than ",
               voters - 1);
  }
  return "";
}

Quorum::Quorum(std::vector<Member> members, std::size_t minAvailable) : members_(std::move(members)) {
  for (const Member& member : members_) {
    voters_ += member.voter ? 1 : 0;
    up_ += member.voter && member.up ? 1 : 0;
  }
  needed_ = quorumOf(voters_, minAvailable);
}

Quorum Quorum::of(const RunSpec& run, const RunStatus& status) {
  std::vector<Member> members;
  for (const RunTarget& target : status.targets) {
    const auto seen = status.cluster.members.find(target.name);
    const std::string role = seen == status.cluster.members.end() ? "" : seen->second.role;
    const bool leader = role == "Leader";
    const bool up = !target.gone && (leader || role == "Follower");
    members.push_back({target.name, target.zone, target.voter, target.tieBreaker, up, up && leader});
  }
  const int least = run.spec.cluster.has_value() ? run.spec.cluster->minAvailable : 0;
  return {std::move(members), static_cast<std::size_t>(std::max(least, 0))};
}

std::vector<std::string> Quorum::leaders() const {
  std::vector<std::string> out;
  for (const Member& member : members_) {
    if (member.leader) {
      out.push_back(member.name);
    }
  }
  return out;
}

bool Quorum::downWith(const std::vector<std::size_t>& taken, std::size_t i) const {
  return !members_[i].up || contains(taken, i);
}

bool Quorum::allDown(const std::vector<std::size_t>& taken) const {
  return std::none_of(taken.begin(), taken.end(), [&](std::size_t i) { return members_[i].up; });
}

std::string Quorum::objection(const std::vector<std::size_t>& taken) const {
  std::size_t lost = 0;
  for (std::size_t i : taken) {
    lost += members_[i].voter && members_[i].up ? 1 : 0;
  }
  if (lost == 0) {
    return "";
  }
  if (up_ - lost < needed_) {
    std::vector<std::string> down;
    for (const Member& member : members_) {
      if (member.voter && !member.up) {
        down.push_back(member.name);
      }
    }
    return cat("of ", voters_, " members ", needed_, " must stay up, and ", up_ - lost, " would be",
               down.empty() ? "" : cat(" (down are ", join(down, ", "), ")"));
  }
  return objectionOfZones(taken);
}

std::string Quorum::objectionOfZones(const std::vector<std::size_t>& taken) const {
  std::map<std::string, bool> whole;  // by zone: every member with a vote is down
  std::set<std::string> ofOthers;     // zones that have members besides the tie-breaker
  std::string breaker;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const Member& member = members_[i];
    if (!member.voter) {
      continue;
    }
    const bool down = downWith(taken, i);
    if (member.tieBreaker && down) {
      breaker = member.name;
    }
    if (member.zone.empty()) {
      continue;
    }
    const auto [zone, first] = whole.try_emplace(member.zone, true);
    zone->second = zone->second && down;
    if (!member.tieBreaker) {
      ofOthers.insert(member.zone);
    }
  }
  const auto drained = std::count_if(whole.begin(), whole.end(), [](const auto& zone) { return zone.second; });
  if (whole.size() > 1 && static_cast<std::size_t>(drained) == whole.size()) {
    return "every zone would be out of service";
  }
  for (const auto& [zone, down] : whole) {
    if (down && !breaker.empty() && ofOthers.contains(zone)) {
      return cat("zone ", zone, " and the tie-breaker ", breaker, " would be out of service together");
    }
  }
  return "";
}

// Those that are down alone, then the others, then the leader.
std::vector<std::size_t> Quorum::turn(const std::vector<std::size_t>& candidates, bool leaderLast) const {
  const auto those = [&](auto&& which) {
    std::vector<std::size_t> out;
    std::copy_if(candidates.begin(), candidates.end(), std::back_inserter(out), which);
    return out;
  };
  std::vector<std::size_t> out = those([&](std::size_t i) { return !members_[i].up; });
  if (out.empty()) {
    out = those([&](std::size_t i) { return !leaderLast || !members_[i].leader; });
  }
  return out.empty() ? candidates : out;
}

std::vector<std::size_t> Quorum::next(const std::vector<std::size_t>& candidates, const Limit& limit) const {
  std::vector<std::size_t> out;
  for (std::size_t i : turn(candidates, limit.leaderLast)) {
    const bool elsewhere = limit.oneZone && !out.empty() && members_[i].zone != members_[out.front()].zone;
    if (out.size() >= limit.most || elsewhere) {
      continue;
    }
    out.push_back(i);
    if (!objection(out).empty()) {
      out.pop_back();
    }
  }
  return out;
}

}  // namespace slipway::planner
