#include "providers/traffic/traffic_manager.h"

#include <algorithm>
#include <vector>

#include "providers/traffic/traffic_call.h"
#include "reconciler/base/strings.h"

namespace slipway::traffic {
namespace {

using transport::TaskQueue;

std::string_view outcomeName(TrafficResult::Outcome outcome) {
  switch (outcome) {
    case TrafficResult::Outcome::Done:
      return "done";
    case TrafficResult::Outcome::Refused:
      return "refused";
    case TrafficResult::Outcome::Unknown:
      break;
  }
  return "unknown";
}

class ProxyTraffic final : public SteppedTrafficManager {
 public:
  ProxyTraffic(CommandRunner& runner, Clock& clock, Logger& logger, TaskQueue::Mode mode)
      : runner_(runner), clock_(clock), logger_(logger), queue_(mode) {}

  ~ProxyTraffic() override {
    queue_.post([this] {
      const auto calls = calls_;
      for (const auto& call : calls) {
        call->cancel(Status(Code::Cancelled, "the controller stops"));
      }
    });
  }

  bool step() override { return queue_.step(); }

  void start(TrafficRequest request, std::function<void(const TrafficRequest&, TrafficResult)> done) override {
    queue_.post([this, request = std::move(request), done = std::move(done)]() mutable {
      const auto call = std::make_shared<TrafficCall>(
          CallContext{runner_, clock_, queue_.mailbox()}, std::move(request),
          [this, done = std::move(done)](TrafficCall& ended, TrafficResult result) {
            std::erase_if(calls_, [&](const auto& one) { return one.get() == &ended; });
            logger_.debug("traffic request ended", {{"operation", ended.request().operationId},
                                                    {"server", ended.request().target.name},
                                                    {"outcome", std::string(outcomeName(result.outcome))},
                                                    {"status", result.status.toString()}});
            done(ended.request(), std::move(result));
          });
      calls_.push_back(call);
      call->start();
    });
  }

  void cancel(const std::string& operationId) override {
    queue_.post([this, operationId] {
      const auto calls = calls_;
      for (const auto& call : calls) {
        if (call->request().operationId == operationId) {
          call->cancel(Status(Code::Cancelled, "cancelled"));
        }
      }
    });
  }

 private:
  CommandRunner& runner_;
  Clock& clock_;
  Logger& logger_;
  std::vector<std::shared_ptr<TrafficCall>> calls_;  // on the queue only
  TaskQueue queue_;
};

}  // namespace

std::unique_ptr<TrafficManager> newTrafficManager(CommandRunner& runner, Clock& clock, Logger& logger) {
  return std::make_unique<ProxyTraffic>(runner, clock, logger, TaskQueue::Mode::Threaded);
}

std::unique_ptr<SteppedTrafficManager> newSteppedTrafficManager(CommandRunner& runner, Clock& clock, Logger& logger) {
  return std::make_unique<ProxyTraffic>(runner, clock, logger, TaskQueue::Mode::Stepped);
}

}  // namespace slipway::traffic
