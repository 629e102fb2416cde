#include "providers/vm/call_turns.h"

namespace slipway::vm {

void CallTurns::add(std::shared_ptr<StepCall> call) {
  waiting_.push_back(std::move(call));
  startNext();
}

void CallTurns::addFirst(std::shared_ptr<StepCall> call) {
  waiting_.push_front(std::move(call));
  startNext();
}

void CallTurns::ended(const StepCall& call) {
  running_.erase(&call);
  startNext();
}

void CallTurns::startNext() {
  if (std::exchange(starting_, true)) {
    return;
  }
  while (!waiting_.empty() && (running_.empty() || !alone())) {
    const std::shared_ptr<StepCall> next = waiting_.front();
    waiting_.pop_front();
    if (!next->finished()) {
      running_.insert(next.get());
      next->start();
    }
  }
  starting_ = false;
}

}  // namespace slipway::vm
