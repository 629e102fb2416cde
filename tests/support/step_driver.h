#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "reconciler/base/system.h"
#include "reconciler/ports/provider.h"

namespace slipway {

// Starts waves on a provider and waits for their results.
class StepDriver {
 public:
  struct Outcome {
    std::map<std::string, StepResult> results;  // by target
    std::map<std::string, std::string> output;
    std::map<std::string, std::vector<std::string>> phases;
  };
  // A wave under way; shared with the provider's callbacks.
  struct Wave {
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t expected = 0;
    Outcome outcome;

    Outcome wait() {
      std::unique_lock lock(mutex);
      changed.wait(lock, [this] { return outcome.results.size() >= expected; });
      return outcome;
    }
    // Until the target has printed `text` or ended.
    void waitForOutput(const std::string& target, const std::string& text) {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] {
        return outcome.output[target].find(text) != std::string::npos || outcome.results.contains(target);
      });
    }
  };

  StepDriver(Provider& provider, Clock& clock, std::string root)
      : provider_(provider), clock_(clock), root_(std::move(root)) {}

  StepRequest request(std::string operationId, StepAction action, const std::string& target = "one") const {
    StepRequest r;
    r.operationId = std::move(operationId);
    r.target = base;
    r.target.name = target;
    r.application = "default/shop";
    r.layout = layout;
    r.layout.root = target == "one" ? root_ : root_ + "-" + target;
    r.fence = fence;
    r.deadline = clock_.steady() + timeLimit;
    r.action = std::move(action);
    return r;
  }

  std::shared_ptr<Wave> start(std::vector<StepRequest> requests) {
    auto wave = std::make_shared<Wave>();
    wave->expected = requests.size();
    StepEvents events;
    events.done = [wave](const StepRequest& r, StepResult result) {
      const std::lock_guard lock(wave->mutex);
      wave->outcome.results[r.target.name] = std::move(result);
      wave->changed.notify_all();
    };
    events.output = [wave](const StepRequest& r, std::string_view text) {
      const std::lock_guard lock(wave->mutex);
      wave->outcome.output[r.target.name] += text;
      wave->changed.notify_all();
    };
    events.progress = [wave](const StepRequest& r, const std::string& phase) {
      const std::lock_guard lock(wave->mutex);
      wave->outcome.phases[r.target.name].push_back(phase);
    };
    provider_.start(std::move(requests), std::move(events));
    return wave;
  }

  StepResult run(std::string operationId, StepAction action) {
    return start({request(std::move(operationId), std::move(action))})->wait().results["one"];
  }

  const std::string& root() const { return root_; }

  Layout layout;
  RemoteTarget base;
  std::uint64_t fence = 1;
  Duration timeLimit = std::chrono::seconds(60);

 private:
  Provider& provider_;
  Clock& clock_;
  std::string root_;
};

}  // namespace slipway
