#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "providers/vm/step_call.h"

namespace slipway::vm {

// The switches of one wave where only one server can be talked to at a time, so that not all can be armed together.
// First every server is armed and let go again: when one cannot be, none flips. Then each is armed and flipped, in the
// wave's order, stopping at the first that fails. Used on the provider's queue only.
class SwitchInTurn : public std::enable_shared_from_this<SwitchInTurn> {
 public:
  // Gives a call its turn.
  using Start = std::function<void(std::shared_ptr<StepCall>)>;
  // Makes a call for the same switch that nobody hears of.
  using Rehearse = std::function<std::shared_ptr<StepCall>(const StepRequest&, StepCall::Hooks)>;

  SwitchInTurn(Start start, Rehearse rehearse) : start_(std::move(start)), rehearse_(std::move(rehearse)) {}

  // Before begin().
  void add(std::shared_ptr<StepCall> call) { calls_.push_back(std::move(call)); }
  void begin();
  // From the hooks of the calls that were added.
  void ended(const StepCall& call, const StepResult& result);

 private:
  void rehearseNext();
  void rehearsed(const StepCall& call, StepResult result);
  void flipNext();

  Start start_;
  Rehearse rehearse_;
  std::vector<std::shared_ptr<StepCall>> calls_;
  std::shared_ptr<StepCall> rehearsal_;
  std::size_t rehearsed_ = 0;
  std::size_t next_ = 0;  // to flip
  bool open_ = true;      // nothing has failed
};

}  // namespace slipway::vm
