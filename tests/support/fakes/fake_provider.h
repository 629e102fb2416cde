#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "reconciler/ports/provider.h"

namespace slipway {

// Keeps the steps it was given; the test answers them.
class FakeProvider final : public Provider {
 public:
  struct Started {
    StepRequest request;
    StepEvents events;
  };

  ProviderCapabilities capabilities() const override {
    return {.type = "Servers", .armedSwitch = true, .execChecks = true};
  }
  void start(std::vector<StepRequest> wave, StepEvents events) override {
    const std::lock_guard lock(mutex_);
    for (StepRequest& request : wave) steps_.push_back({std::move(request), events});
  }
  void cancel(const std::string& operationId) override {
    const std::lock_guard lock(mutex_);
    cancelled_.push_back(operationId);
  }

  std::size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return steps_.size();
  }
  // REQUIRES: waiting() > at.
  StepRequest request(std::size_t at = 0) const {
    const std::lock_guard lock(mutex_);
    return steps_.at(at).request;
  }
  // Answers the oldest step that waits.
  void answer(StepResult result = {}) {
    Started step;
    {
      const std::lock_guard lock(mutex_);
      step = std::move(steps_.front());
      steps_.erase(steps_.begin());
    }
    step.events.done(step.request, std::move(result));
  }
  // What the oldest step that waits prints on its target.
  void print(const std::string& text) {
    const Started step = steps_.front();
    step.events.output(step.request, text);
  }
  void refuse(Code code, const std::string& message, const std::string& phase = "part") {
    StepResult result;
    result.outcome = StepResult::Outcome::Refused;
    result.status = Status(code, message);
    result.phase = phase;
    answer(std::move(result));
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Started> steps_;
  std::vector<std::string> cancelled_;
};

}  // namespace slipway
