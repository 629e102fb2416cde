#include "providers/vm/ssh_vm_provider.h"

#include <list>
#include <map>
#include <string>
#include <vector>

#include "providers/vm/call_turns.h"
#include "providers/vm/host_request.h"
#include "providers/vm/step_call.h"
#include "providers/vm/switch_in_turn.h"
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

class SshVmProvider final : public SteppedProvider {
 public:
  struct Ports {
    CommandRunner& runner;
    Clock& clock;
    Metrics& metrics;
    Logger& logger;
  };

  SshVmProvider(const Ports& ports, bool parallel, TaskQueue::Mode mode)
      : ports_(ports), parallel_(parallel), turns_([this] { return alone(); }), spooling_(mode), queue_(mode) {}

  ~SshVmProvider() override {
    queue_.post([this] {
      const auto calls = calls_;
      for (const auto& call : calls) {
        call->cancel(Status(Code::Cancelled, "the controller stops"));
        if (!call->finished()) {
          call->abandon();
        }
      }
      while (!held_.empty()) {
        tellHeld(held_.begin()->first);
      }
    });
  }

  bool step() override { return queue_.step() || spooling_.step(); }

  ProviderCapabilities capabilities() const override {
    return {.type = "Servers", .armedSwitch = !alone(), .execChecks = true};
  }

  void start(std::vector<StepRequest> wave, StepEvents events) override {
    queue_.post(
        [this, wave = std::move(wave), events = std::move(events)]() mutable { begin(std::move(wave), events); });
  }

  void cancel(const std::string& operationId) override {
    queue_.post([this, operationId] { cancelCall(operationId, Status(Code::Cancelled, "cancelled")); });
  }

 private:
  using Call = std::shared_ptr<StepCall>;

  bool alone() const { return !parallel_ || !ports_.runner.parallel(); }

  void begin(std::vector<StepRequest> wave, const StepEvents& events) {
    if (wave.empty()) {
      return;
    }
    const bool switching = std::holds_alternative<SwitchStep>(wave.front().action);
    if (switching && alone()) {
      beginInTurn(std::move(wave), events);
    } else if (switching) {
      beginArmed(std::move(wave), events);
    } else if (std::holds_alternative<AbortStep>(wave.front().action)) {
      for (StepRequest& request : wave) {
        beginAbort(std::move(request), events);
      }
    } else {
      std::vector<Call> begun;  // all are there before the first one runs: their time counts from here
      for (StepRequest& request : wave) {
        begun.push_back(makeCall(std::move(request), events, {}));
      }
      for (const Call& call : begun) {
        turns_.add(call);
      }
    }
  }

  // A call that is there until it ends, and then gives its turn to others.
  Call add(StepRequest request, const StepEvents& events, StepCall::Hooks hooks) {
    hooks.done = [this, done = std::move(hooks.done)](StepCall& call, StepResult result) {
      calls_.remove_if([&](const auto& one) { return one.get() == &call; });
      done(call, std::move(result));
      turns_.ended(call);
    };
    const CallContext context{ports_.runner, ports_.clock, queue_.mailbox(), spooling_.mailbox(), spools_};
    calls_.push_back(std::make_shared<StepCall>(context, std::move(request), events, std::move(hooks)));
    return calls_.back();
  }

  // One that the caller hears of; what `hooks` want to hear of its end they hear first.
  Call makeCall(StepRequest request, const StepEvents& events, StepCall::Hooks hooks) {
    hooks.done = [this, events, first = std::move(hooks.done)](StepCall& call, StepResult result) {
      measure(call, result);
      if (first) {
        first(call, result);
      }
      report(call, [events, request = call.request(), result] { events.done(request, result); });
    };
    return add(std::move(request), events, std::move(hooks));
  }

  // All are armed together, then flip.
  void beginArmed(std::vector<StepRequest> wave, const StepEvents& events) {
    const auto switches = std::make_shared<SwitchWave>();
    std::vector<Call> begun;
    for (StepRequest& request : wave) {
      begun.push_back(
          makeCall(std::move(request), events,
                   {.armed = [switches](StepCall& call) { switches->armed(call); },
                    .done = [switches](StepCall& call, const StepResult& result) { switches->ended(call, result); }}));
      switches->add(begun.back());
    }
    for (const Call& call : begun) {
      turns_.add(call);
    }
  }

  void beginInTurn(std::vector<StepRequest> wave, const StepEvents& events) {
    const auto start = [this](const Call& call) { turns_.add(call); };
    const auto rehearse = [this](const StepRequest& request, StepCall::Hooks hooks) {
      return add(request, {}, std::move(hooks));
    };
    const auto switches = std::make_shared<SwitchInTurn>(start, rehearse);
    for (StepRequest& request : wave) {
      switches->add(
          makeCall(std::move(request), events,
                   {.armed = [](StepCall& call) { call.flip(); },
                    .done = [switches](StepCall& call, const StepResult& result) { switches->ended(call, result); }}));
    }
    switches->begin();
  }

  // Where one command runs at a time it must not wait for what it is to end: that one lets go of its server first, and
  // says so after the abort has.
  void beginAbort(StepRequest request, const StepEvents& events) {
    const std::string victim = std::get<AbortStep>(request.action).operationId;
    const Call abort = makeCall(std::move(request), events, {.armed = {}, .done = [this, victim](auto&&...) {
                                                               queue_.post([this, victim] { tellHeld(victim); });
                                                             }});
    if (alone()) {
      held_[victim];
      cancelCall(victim, Status(Code::Cancelled, "aborted"));
    }
    turns_.addFirst(abort);
  }

  void report(const StepCall& call, std::function<void()> tell) {
    const auto held = held_.find(call.request().operationId);
    if (held != held_.end()) {
      held->second.push_back(std::move(tell));
    } else {
      tell();
    }
  }

  // By value: the name may be the entry's own.
  void tellHeld(std::string victim) {
    const auto held = held_.extract(victim);
    if (!held.empty()) {
      for (const auto& tell : held.mapped()) {
        tell();
      }
    }
  }

  void cancelCall(const std::string& operationId, const Status& why) {
    const auto calls = calls_;
    for (const Call& call : calls) {
      if (call->request().operationId == operationId) {
        call->cancel(why);
      }
    }
  }

  void measure(const StepCall& call, const StepResult& result) {
    const StepRequest& request = call.request();
    ports_.metrics.observe(
        "slipway_step_duration_seconds",
        {{"step", std::string(stepName(request.action))}, {"outcome", std::string(outcomeName(result.outcome))}},
        std::chrono::duration<double>(result.duration).count());
    if (!result.status) {
      ports_.logger.info("A step did not succeed", {{"server", request.target.name},
                                                    {"step", std::string(stepName(request.action))},
                                                    {"operation", request.operationId},
                                                    {"phase", result.phase},
                                                    {"status", result.status.toString()}});
    }
  }

  const Ports ports_;
  const bool parallel_;
  // The rest is used on queue_ only.
  std::list<Call> calls_;
  CallTurns turns_;
  std::map<std::string, std::vector<std::function<void()>>> held_;  // what to tell of an operation after its abort
  std::shared_ptr<SpoolCache> spools_ = std::make_shared<SpoolCache>();
  TaskQueue spooling_;
  TaskQueue queue_;
};

}  // namespace

std::unique_ptr<Provider> newSshVmProvider(CommandRunner& runner, Clock& clock, Metrics& metrics, Logger& logger,
                                           bool parallel) {
  return std::make_unique<SshVmProvider>(SshVmProvider::Ports{runner, clock, metrics, logger}, parallel,
                                         TaskQueue::Mode::Threaded);
}

std::unique_ptr<SteppedProvider> newSteppedSshVmProvider(CommandRunner& runner, Clock& clock, Metrics& metrics,
                                                         Logger& logger) {
  return std::make_unique<SshVmProvider>(SshVmProvider::Ports{runner, clock, metrics, logger}, true,
                                         TaskQueue::Mode::Stepped);
}

}  // namespace slipway::vm
