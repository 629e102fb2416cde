#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <set>

#include "providers/vm/step_call.h"

namespace slipway::vm {

// When calls start: at once, or, where only one command can run at a time, each after the end of those before it. Used
// on the provider's queue only.
class CallTurns {
 public:
  // `alone` is asked before each start, as the machine's means may run out.
  explicit CallTurns(std::function<bool()> alone) : alone_(std::move(alone)) {}

  bool alone() const { return alone_(); }
  void add(std::shared_ptr<StepCall> call);
  // Before all that wait.
  void addFirst(std::shared_ptr<StepCall> call);
  // To be told of every call that was added.
  void ended(const StepCall& call);

 private:
  void startNext();

  std::function<bool()> alone_;
  std::deque<std::shared_ptr<StepCall>> waiting_;
  std::set<const StepCall*> running_;
  bool starting_ = false;  // a start may end its call at once, and so come back here
};

}  // namespace slipway::vm
