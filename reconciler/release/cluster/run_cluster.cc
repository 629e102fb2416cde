// The part of RunDriver that asks a cluster for the roles of its members.
#include <algorithm>

#include "reconciler/base/strings.h"
#include "reconciler/planner/cluster/cluster_pass.h"
#include "reconciler/planner/cluster/quorum.h"
#include "reconciler/release/cluster/role_survey.h"
#include "reconciler/release/run_driver.h"
#include "reconciler/release/targets.h"

namespace slipway::release {
namespace {

std::string surveyId(const ReleaseRun& run, int number) { return cat(run.meta.uid, ".roles.", number); }

}  // namespace

void RunDriver::takeRoles(const Message& message) {
  ClusterRecord& record = run_.status.cluster;
  if (!message.roles.has_value() || message.operationId != surveyId(run_, record.surveys + 1)) {
    return;  // taken already
  }
  planner::takeSurvey(record, *message.roles, formatTime(services_.clock.wall()));
  active_.surveyed = record.surveys;
  active_.surveyedAt = active_.surveyingSince;
  if (record.surveys == 1) {
    warnOfSize();
  }
}

void RunDriver::warnOfSize() {
  const auto& targets = run_.status.targets;
  const auto voters = std::count_if(targets.begin(), targets.end(), [](const RunTarget& one) { return one.voter; });
  const std::string warning = planner::sizeWarning(static_cast<std::size_t>(voters));
  if (!warning.empty()) {
    announce(EventType::Warning, "ClusterSize", warning);
    setCondition(run_.status.conditions, {"ClusterSize", "False", "Unwise", warning, {}, run_.meta.generation},
                 services_.clock.wall());
  }
}

std::optional<Duration> RunDriver::rolesAge() const {
  const bool ours = active_.surveyed > 0 && active_.surveyed == run_.status.cluster.surveys;
  return ours ? std::optional<Duration>(services_.clock.steady() - active_.surveyedAt) : std::nullopt;
}

// Nothing is changed by it: after a crash it is asked again.
void RunDriver::launchSurvey(const planner::Plan& plan) {
  if (!plan.survey.has_value() || active_.surveying == plan.survey->operationId) {
    return;
  }
  active_.surveying = plan.survey->operationId;
  active_.surveyingSince = services_.clock.steady();
  const LaunchContext context = launchContext();
  std::vector<MemberAsk> members;
  for (const RunTarget& target : run_.status.targets) {
    MemberAsk ask;
    const std::string id = cat(plan.survey->operationId, ".", target.name);
    ask.request = launcher_.requestFor(context, target, StepKind::Check, id);
    Result<RemoteTarget> access = resolveAccess(services_.reader, run_.meta.ns, target.name, target.uid);
    if (access) {
      ask.request.target = std::move(*access);
    } else {
      ask.request.target.name = target.name;
      ask.problem = access.status().message();
    }
    members.push_back(std::move(ask));
  }
  surveyRoles({services_.http, services_.provider, services_.clock}, run_.spec.spec.cluster->roleProbe,
              std::move(members), [mailbox = active_.mailbox, id = plan.survey->operationId](Roles roles) {
                mailbox->put({.operationId = id, .roles = std::move(roles)});
              });
}

}  // namespace slipway::release
