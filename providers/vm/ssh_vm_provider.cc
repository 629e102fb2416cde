#include "providers/vm/ssh_vm_provider.h"

#include <list>
#include <map>

#include "providers/vm/host_request.h"
#include "providers/vm/step_call.h"
#include "providers/vm/switch_wave.h"

namespace slipway::vm {
namespace {

std::string_view outcomeName(StepResult::Outcome outcome) {
  switch (outcome) {
    case StepResult::Outcome::Done:
      return "done";
    case StepResult::Outcome::Refused:
      return "refused";
    case StepResult::Outcome::Unknown:
      break;
  }
  return "unknown";
}

class SshVmProvider final : public Provider {
 public:
  SshVmProvider(CommandRunner& runner, Clock& clock, Metrics& metrics, Logger& logger)
      : runner_(runner), clock_(clock), metrics_(metrics), logger_(logger) {}

  ~SshVmProvider() override {
    queue_.post([this] {
      const auto calls = calls_;
      for (const auto& call : calls) {
        call->cancel(Status(Code::Cancelled, "the controller stops"));
        if (!call->finished()) {
          call->abandon();
        }
      }
    });
  }

  ProviderCapabilities capabilities() const override {
    return {.type = "Servers", .armedSwitch = true, .execChecks = true};
  }

  void start(std::vector<StepRequest> wave, StepEvents events) override {
    queue_.post(
        [this, wave = std::move(wave), events = std::move(events)]() mutable { begin(std::move(wave), events); });
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
  void begin(std::vector<StepRequest> wave, const StepEvents& events) {
    const auto switches = std::make_shared<SwitchWave>();
    std::vector<std::shared_ptr<StepCall>> begun;
    for (StepRequest& request : wave) {
      StepCall::Hooks hooks;
      hooks.armed = [switches](StepCall& call) { switches->armed(call); };
      hooks.done = [this, switches, events](StepCall& call, StepResult result) {
        ended(call, result);
        switches->ended(call, result);
        events.done(call.request(), std::move(result));
      };
      const CallContext context{runner_, clock_, queue_.mailbox(), spooling_.mailbox(), spools_};
      begun.push_back(std::make_shared<StepCall>(context, std::move(request), events, std::move(hooks)));
      if (std::holds_alternative<SwitchStep>(begun.back()->request().action)) {
        switches->add(begun.back());
        armBefore(begun.back());
      }
    }
    calls_.insert(calls_.end(), begun.begin(), begun.end());
    for (const auto& call : begun) {
      if (!call->finished()) {
        call->start();
      }
    }
  }

  // A wave that is not armed by its deadline does not flip.
  void armBefore(const std::shared_ptr<StepCall>& call) {
    clock_.startTimer(call->request().deadline, [queue = queue_.mailbox(), weak = std::weak_ptr(call)] {
      queue->post([weak] {
        const auto late = weak.lock();
        if (late != nullptr && !late->armed()) {
          late->cancel(Status(Code::Timeout, "not ready to switch before the deadline"));
        }
      });
    });
  }

  void ended(StepCall& call, const StepResult& result) {
    calls_.remove_if([&](const auto& one) { return one.get() == &call; });
    const StepRequest& request = call.request();
    metrics_.observe(
        "slipway_step_duration_seconds",
        {{"step", std::string(stepName(request.action))}, {"outcome", std::string(outcomeName(result.outcome))}},
        std::chrono::duration<double>(result.duration).count());
    if (!result.status) {
      logger_.info("A step did not succeed", {{"server", request.target.name},
                                              {"step", std::string(stepName(request.action))},
                                              {"operation", request.operationId},
                                              {"phase", result.phase},
                                              {"status", result.status.toString()}});
    }
  }

  CommandRunner& runner_;
  Clock& clock_;
  Metrics& metrics_;
  Logger& logger_;
  std::list<std::shared_ptr<StepCall>> calls_;  // used on queue_ only
  std::shared_ptr<SpoolCache> spools_ = std::make_shared<SpoolCache>();
  TaskQueue spooling_;
  TaskQueue queue_;
};

}  // namespace

std::unique_ptr<Provider> newSshVmProvider(CommandRunner& runner, Clock& clock, Metrics& metrics, Logger& logger) {
  return std::make_unique<SshVmProvider>(runner, clock, metrics, logger);
}

}  // namespace slipway::vm
