#include "providers/vm/switch_in_turn.h"

#include <utility>

#include "reconciler/base/strings.h"

namespace slipway::vm {

void SwitchInTurn::begin() { rehearseNext(); }

void SwitchInTurn::rehearseNext() {
  if (!open_) {
    return;
  }
  if (rehearsed_ == calls_.size()) {
    flipNext();
    return;
  }
  StepCall::Hooks hooks;
  hooks.armed = [](StepCall& call) { call.cancel(Status(Code::Cancelled, "only to see whether it can be armed")); };
  hooks.done = [self = shared_from_this()](StepCall& call, StepResult result) {
    self->rehearsed(call, std::move(result));
  };
  rehearsal_ = rehearse_(calls_[rehearsed_]->request(), std::move(hooks));
  start_(rehearsal_);
}

void SwitchInTurn::rehearsed(const StepCall& call, StepResult result) {
  rehearsal_.reset();
  if (!open_) {
    return;
  }
  // Without having been armed it is either a failure or there was nothing to do.
  if (call.armed() || result.outcome == StepResult::Outcome::Done) {
    ++rehearsed_;
    rehearseNext();
    return;
  }
  calls_[rehearsed_]->endWith(std::move(result));
}

void SwitchInTurn::flipNext() {
  if (next_ < calls_.size()) {
    start_(calls_[next_++]);
  }
}

void SwitchInTurn::ended(const StepCall& call, const StepResult& result) {
  if (!open_) {
    return;
  }
  if (result.outcome == StepResult::Outcome::Done) {
    flipNext();
    return;
  }
  open_ = false;
  const Status why(Code::Cancelled,
                   cat("not switched, because ", call.request().target.name, " failed: ", result.status.message()));
  const auto all = calls_;
  for (const auto& other : all) {
    if (!other->finished() && !other->flipped()) {
      other->cancel(why);
    }
  }
  if (const auto last = std::exchange(rehearsal_, nullptr)) {
    last->cancel(why);
  }
}

}  // namespace slipway::vm
