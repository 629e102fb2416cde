#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "reconciler/ports/server_operator.h"
#include "tests/support/step_driver.h"

namespace slipway {

// Starts operations on the server "one" of a StepDriver and waits for their results.
class OperationDriver {
 public:
  struct Running {
    std::mutex mutex;
    std::condition_variable changed;
    bool ended = false;
    StepResult result;
    std::vector<std::string> facts;
    std::string output;

    void wait() {
      std::unique_lock lock(mutex);
      changed.wait(lock, [this] { return ended; });
    }
    // Until the server has printed `text` or ended.
    void waitForOutput(const std::string& text) {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return ended || output.find(text) != std::string::npos; });
    }
  };

  OperationDriver(ServerOperator& servers, Clock& clock, const StepDriver& driver)
      : servers_(servers), clock_(clock), driver_(driver) {}

  std::shared_ptr<Running> start(ServerOperation operation, const std::string& id) {
    StepRequest like = driver_.request(id, ObserveStep{});
    operation.operationId = id;
    operation.target = std::move(like.target);
    operation.application = like.application;
    operation.layout = like.layout;
    operation.fence = like.fence;
    operation.deadline = clock_.steady() + driver_.timeLimit;
    auto running = std::make_shared<Running>();
    ServerOperationEvents events;
    events.done = [running](StepResult result, std::vector<std::string> facts) {
      const std::lock_guard lock(running->mutex);
      running->result = std::move(result);
      running->facts = std::move(facts);
      running->ended = true;
      running->changed.notify_all();
    };
    events.output = [running](std::string_view text) {
      const std::lock_guard lock(running->mutex);
      running->output += text;
      running->changed.notify_all();
    };
    servers_.start(std::move(operation), std::move(events));
    return running;
  }
  std::shared_ptr<Running> run(ServerOperation operation) {
    auto running = start(std::move(operation), "operation-" + std::to_string(++asked_));
    running->wait();
    return running;
  }

 private:
  ServerOperator& servers_;
  Clock& clock_;
  const StepDriver& driver_;
  int asked_ = 0;
};

// "processes", …
inline ServerOperation serverOperation(std::string verb, std::vector<std::string> words = {}) {
  ServerOperation operation;
  operation.changes = verb == "cleanup" || verb == "fallback" || (!words.empty() && words.front() == "fix");
  operation.verb = std::move(verb);
  operation.words = std::move(words);
  return operation;
}

}  // namespace slipway
