// The part of RunPass that keeps a cluster whole.
#include "reconciler/planner/cluster/cluster_pass.h"

#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/planner/run_pass.h"

namespace slipway::planner {
namespace {

// What was seen longer ago is looked at again before anything follows from it.
constexpr Duration kFresh = std::chrono::seconds(10);
// Two members that were asked one after another may both have led in between: seen once it may be a change of leader.
constexpr int kConfirmedSplits = 2;

struct Problem {
  std::string reason;  // empty: there is none
  std::string message;
  bool final = false;  // waiting does not help
};

std::string unknownOnes(const RunStatus& status) {
  constexpr std::size_t kShown = 3;
  std::vector<std::string> parts;
  std::size_t more = 0;
  for (const auto& [server, member] : status.cluster.members) {
    if (member.role != "Unknown") {
      continue;
    }
    if (parts.size() < kShown) {
      parts.push_back(cat(server, ": ", member.message));
    } else {
      ++more;
    }
  }
  return parts.empty() ? "" : cat("; ", join(parts, "; "), more > 0 ? cat("; and ", more, " more") : "");
}

Problem problemOf(const RunStatus& status, const Quorum& quorum) {
  const std::vector<std::string> leaders = quorum.leaders();
  if (leaders.size() > 1) {
    return {"SplitBrain", cat("more than one member says that it leads: ", join(leaders, ", ")),
            status.cluster.splits >= kConfirmedSplits};
  }
  if (leaders.empty()) {
    return {"NoLeader", cat("no member says that it leads, ", quorum.up(), " of ", quorum.voters(),
                            " members with a vote are up", unknownOnes(status))};
  }
  return {};
}

}  // namespace

bool RunPass::clustered() const {
  return input_.run.spec.cluster.has_value() &&
         std::any_of(status_.targets.begin(), status_.targets.end(),
                     [](const RunTarget& target) { return !target.before.empty(); });
}

std::optional<Plan> RunPass::settled(const ClusterCall& call) {
  const ClusterSpec& spec = *input_.run.spec.cluster;
  const bool known = status_.cluster.surveys > 0 && input_.rolesAge.has_value();
  Problem problem;
  if (known) {
    const Quorum quorum = Quorum::of(input_.run, status_);
    const Judgement judged = call.judge(quorum);
    problem = judged.harmless ? Problem{} : problemOf(status_, quorum);
    if (problem.reason.empty() && !judged.objection.empty()) {
      problem = {"QuorumAtRisk", cat(judged.objection, unknownOnes(status_))};
    }
  }
  const Duration age = input_.rolesAge.value_or(Duration::max());
  const bool stale = !known || age > kFresh + spec.roleProbe.timeout;
  if (problem.reason.empty() && !stale) {
    return std::nullopt;
  }
  const std::string wait = cat("cluster-", call.key, "-", status_.cluster.round);
  const auto waited = input_.waited.find(wait);
  const Duration passed = waited == input_.waited.end() ? Duration(0) : waited->second;
  if (problem.final || (!problem.reason.empty() && passed >= spec.settleTimeout)) {
    const std::string after = problem.final ? "" : cat(" (waited for ", formatDuration(spec.settleTimeout), ")");
    return unsettled(problem.reason, cat(problem.message, after));
  }
  if (stale || age >= spec.roleProbe.interval) {
    plan_.survey = PlannedSurvey{cat(input_.runUid, ".roles.", status_.cluster.surveys + 1)};
  } else {
    plan_.checkAgain = spec.roleProbe.interval - age;
  }
  if (!problem.reason.empty()) {
    plan_.wait = PlannedWait{wait, spec.settleTimeout};
  }
  if (call.phase == RunPhase::RollingBack) {
    return at(call.phase, status_.decisions.revertReason,
              problem.reason.empty() ? status_.decisions.revertMessage
                                     : cat(status_.decisions.revertMessage, "; waiting: ", problem.message));
  }
  return problem.reason.empty() ? at(call.phase, "AskingRoles", "asking the members of the cluster for their roles")
                                : at(call.phase, cat("Waiting", problem.reason), cat("waiting: ", problem.message));
}

std::optional<Plan> RunPass::wholeCluster(const std::string& key, RunPhase phase, HookPoint before) {
  const bool began = std::any_of(status_.hooks.begin(), status_.hooks.end(), [&](const auto& one) {
    const Hook* hook = hookOf(input_.run.spec, one.first);
    return hook != nullptr && hook->at == before && one.second.record.attempt > 0;
  });
  if (!clustered() || began) {
    return std::nullopt;
  }
  const bool back = before == HookPoint::BeforeSwitch && restores();
  return settled({key, phase, [back](const Quorum& quorum) {
                    const bool lost = quorum.up() < quorum.needed();
                    return Judgement{lost && !back ? cat("of ", quorum.voters(), " members ", quorum.needed(),
                                                         " must be up, and ", quorum.up(), " are")
                                                   : "",
                                     lost && back};
                  }});
}

// Nothing is taken back by itself here: that would take more members down.
Plan RunPass::unsettled(const std::string& reason, const std::string& message) {
  if (!status_.decisions.revert.empty()) {
    return at(RunPhase::Paused, "RollbackIncomplete", cat("the fleet is mixed: ", message, "; resume to try again"));
  }
  if (status_.decisions.commit.empty()) {
    return failing(reason, cat(message, "; nothing was switched"));
  }
  if (std::optional<Plan> next = hooksOfRun(HookPoint::OnFailure, status_.phase)) {
    return *next;
  }
  return decide(Decision::Hold, reason, cat(message, "; held: resume to look again, abort to undo"));
}

std::optional<Plan> RunPass::pick(Picking picking) {
  const ClusterSpec& spec = *input_.run.spec.cluster;
  const RollingSettings rolling = input_.run.spec.strategy.rolling.value_or(RollingSettings{});
  const Quorum::Limit limit{picking.most, spec.leaderLast, !rolling.zoneLabel.empty()};
  std::vector<std::size_t> next;
  // What is out of service already may always be taken back.
  const bool back = picking.back || restores();
  picking.call.judge = [&](const Quorum& quorum) {
    next = quorum.next(picking.candidates, limit);
    return Judgement{next.empty() ? quorum.objection({quorum.turn(picking.candidates, limit.leaderLast).front()}) : "",
                     back && !next.empty() && !quorum.member(next.front()).up};
  };
  if (std::optional<Plan> waits = settled(picking.call)) {
    return waits;
  }
  if (std::is_permutation(next.begin(), next.end(), picking.chosen.begin(), picking.chosen.end())) {
    return std::nullopt;
  }
  std::vector<std::string> names;
  for (std::size_t i : next) {
    names.push_back(target(i).name);
  }
  plan_.batch = PlannedBatch{next, picking.back, !picking.chosen.empty()};
  return decide(Decision::NextBatch, picking.back ? "NextBack" : "NextBatch",
                cat(picking.back ? "taken back next: " : "next: ", join(names, ", ")));
}

void takeBatch(ClusterRecord& record, const PlannedBatch& batch, const std::vector<RunTarget>& targets) {
  std::vector<std::vector<std::string>>& batches = batch.back ? record.back : record.batches;
  if (batch.replaces && !batches.empty()) {
    batches.pop_back();
  }
  std::vector<std::string>& names = batches.emplace_back();
  for (std::size_t i : batch.targets) {
    names.push_back(targets[i].name);
  }
}

void takeSurvey(ClusterRecord& record, std::map<std::string, MemberSight> members, std::string at) {
  const auto leaders =
      std::count_if(members.begin(), members.end(), [](const auto& one) { return one.second.role == "Leader"; });
  ++record.surveys;
  record.splits = leaders > 1 ? record.splits + 1 : 0;
  record.members = std::move(members);
  record.seenAt = std::move(at);
}

}  // namespace slipway::planner
