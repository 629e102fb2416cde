// The part of RunDriver that changes traffic.
#include "reconciler/base/strings.h"
#include "reconciler/planner/step_rules.h"
#include "reconciler/planner/traffic_goal.h"
#include "reconciler/release/run_driver.h"
#include "reconciler/release/step_records.h"
#include "reconciler/release/traffic_change.h"

namespace slipway::release {

void RunDriver::takeTraffic(const Message& message) {
  TrafficChange& traffic = run_.status.traffic;
  if (!message.result.has_value() || !applyTraffic(traffic, message, services_.clock.wall())) {
    return;
  }
  services_.metrics.observe(
      "slipway_step_duration_seconds",
      {{"step", std::string(stepName(StepKind::Traffic))}, {"outcome", std::string(stateName(traffic.record.state))}},
      std::chrono::duration<double>(message.result->duration).count());
  const MetricLabels labels{{"namespace", release_.meta.ns}, {"release", release_.meta.name}};
  services_.metrics.set("slipway_release_weight", labels, traffic.weight.verified);
  if (traffic.record.state == StepState::Done && planner::freesSlots(run_.spec.spec, run_.status)) {
    return;  // nothing has changed for anybody but those that nobody answered for
  }
  if (traffic.record.state == StepState::Done) {
    announce(
        EventType::Normal, "TrafficChanged",
        cat(traffic.weight.verified, "% of traffic is on version ", run_.spec.version, ", read back from the proxies"));
    return;
  }
  announce(EventType::Warning, "TrafficNotChanged", traffic.record.message);
  if (planner::nextTry(StepKind::Traffic, traffic.record, run_.spec.spec) != planner::NextTry::No) {
    active_.notBefore[{planner::kFleet, StepKind::Traffic}] =
        services_.clock.steady() + planner::retryDelay(StepKind::Traffic, traffic.record.tries, {});
  }
}

bool RunDriver::markTraffic(const planner::PlannedTraffic& traffic) {
  if (active_.inFlight.contains(traffic.operationId)) {
    return false;
  }
  markStarted(run_.status, traffic, services_.clock.wall());
  return true;
}

void RunDriver::launchTraffic() {
  active_.inFlight.insert(run_.status.traffic.record.operationId);
  active_.notBefore.erase({planner::kFleet, StepKind::Traffic});
  const auto done = [mailbox = active_.mailbox, id = run_.status.traffic.record.operationId](TrafficOutcome outcome) {
    mailbox->put({id, std::move(outcome.result), {}, outcome.set, outcome.verified});
  };
  const auto manager = services_.traffic.find(run_.spec.spec.traffic->type);
  if (manager == services_.traffic.end()) {
    done({StepResult::refused(
        {Code::Invalid, cat("spec.traffic.type: this controller manages no ", proxyName(run_.spec.spec.traffic->type))},
        "traffic")});
    return;
  }
  changeTraffic({services_.reader, *manager->second, services_.clock}, run_, done);
}

}  // namespace slipway::release
