#include "tests/sim/world/sim_traffic.h"

#include <algorithm>
#include <utility>

#include "reconciler/base/strings.h"

namespace slipway::sim {

using Connect = LinkPlan::Connect;
using Done = std::function<void(const TrafficRequest&, TrafficResult)>;

int SimProxies::weightOf(const std::string& service, const std::string& backend) const {
  int most = 0;
  for (const auto& [key, proxy] : state.proxies) {
    const auto found = proxy.backends.find(backend);
    if (key.ends_with(" " + service) && found != proxy.backends.end()) {
      most = std::max(most, found->second.weight);
    }
  }
  return most;
}

struct SimTraffic::Asked {
  TrafficRequest request;
  Done done;
  bool over = false;
};

namespace {

bool changes(const TrafficRequest& request) { return !std::holds_alternative<ReadTraffic>(request.action); }

TrafficResult lost(Code code, std::string message) {
  TrafficResult result;
  result.outcome = TrafficResult::Outcome::Unknown;
  result.status = Status(code, std::move(message));
  return result;
}

// What a connection that is not made answers.
std::optional<TrafficResult> notConnected(const LinkPlan& plan) {
  switch (plan.connect) {
    case Connect::Accepted:
      return std::nullopt;
    case Connect::Refused:
      return FakeTrafficManager::refused(Code::Unavailable, "connection refused");
    case Connect::Silent:
      return FakeTrafficManager::refused(Code::Timeout, "no answer in time");
    default:
      return FakeTrafficManager::refused(Code::Denied, "the machine is not the one it was, or takes no key");
  }
}

}  // namespace

TrafficResult SimTraffic::effect(const Ports& ports, const TrafficRequest& request) {
  const std::string key = SimProxies::keyOf(request.target.name, request.spec.service);
  std::uint64_t& seen = ports.proxies.fences[key];
  if (request.fence < seen) {
    return FakeTrafficManager::refused(Code::Conflict, cat("fencing number ", request.fence, " is lower than ", seen));
  }
  ports.proxies.changes += request.fence > seen || changes(request) ? 1 : 0;
  seen = std::max(seen, request.fence);
  TrafficRequest named = request;
  named.target.name = key;
  TrafficResult out;
  ports.proxies.state.start(named, [&](const TrafficRequest&, TrafficResult result) { out = std::move(result); });
  if (out.outcome == TrafficResult::Outcome::Done && !out.alreadyDone) {
    ports.changed(request, ports.proxies.state.proxies[key]);
  }
  return out;
}

void SimTraffic::answer(const Ports& ports, const std::shared_ptr<Asked>& asked, Duration after, TrafficResult result) {
  ports.time.after(after, [ports, asked, result = std::move(result)] {
    if (!ports.alive() || std::exchange(asked->over, true)) {
      return;
    }
    ports.answered();
    asked->done(asked->request, result);
  });
}

void SimTraffic::start(TrafficRequest request, Done done) {
  if (!ports_.before(request)) {
    return;
  }
  const LinkPlan plan = ports_.plan(request.target.name);
  const Duration limit = std::max(request.deadline - ports_.time.now(), Duration(0));
  const auto asked = std::make_shared<Asked>(Asked{std::move(request), std::move(done)});
  open_[asked->request.operationId] = asked;
  if (std::optional<TrafficResult> refusal = notConnected(plan)) {
    answer(ports_, asked, plan.connect == Connect::Silent ? limit : plan.latency, *std::move(refusal));
  } else {
    ports_.proxies.changes += changes(asked->request) ? 1 : 0;
    const bool cutBefore = plan.cutAfter > Duration(0) && plan.cutAfter < plan.latency;
    const bool cut = plan.cutAfter > Duration(0) || plan.cutAtAnswer > 0 || 2 * plan.latency > limit;
    const Duration heard = plan.silentCut || 2 * plan.latency > limit ? limit : 2 * plan.latency;
    ports_.time.after(plan.latency, [ports = ports_, asked, cutBefore, cut, heard, latency = plan.latency] {
      // What a process had on its way when it died arrives, or does not.
      const bool arrives = !cutBefore && (ports.alive() || latency.count() % 2 == 0);
      TrafficResult result = arrives ? effect(ports, asked->request) : TrafficResult{};
      const bool drains = std::holds_alternative<DrainBackend>(asked->request.action);
      const Duration more = drains ? ports.lingers(asked->request.spec.drainTimeout) : Duration(0);
      answer(ports, asked, std::max(heard - latency, Duration(0)) + more,
             cut ? lost(Code::OutcomeUnknown, "the connection was lost") : std::move(result));
    });
  }
  ports_.after();
}

void SimTraffic::cancel(const std::string& operationId) {
  const auto found = open_.find(operationId);
  if (found == open_.end()) {
    return;
  }
  if (const std::shared_ptr<Asked> asked = found->second.lock()) {
    answer(ports_, asked, Duration(0), lost(Code::Cancelled, "cancelled"));
  }
  open_.erase(found);
}

}  // namespace slipway::sim
