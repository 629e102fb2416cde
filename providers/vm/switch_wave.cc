#include "providers/vm/switch_wave.h"

#include "reconciler/base/strings.h"

namespace slipway::vm {
namespace {

bool isSequential(const StepCall& call) {
  const auto* step = std::get_if<SwitchStep>(&call.request().action);
  return step != nullptr && step->sequential;
}

}  // namespace

void SwitchWave::add(std::shared_ptr<StepCall> call) { calls_.push_back(std::move(call)); }

void SwitchWave::armed(StepCall&) {
  if (++armed_ < calls_.size() || !open_) {
    return;
  }
  if (isSequential(*calls_.front())) {
    flipNext();
    return;
  }
  for (const auto& call : calls_) {
    call->flip();
  }
}

void SwitchWave::ended(const StepCall& call, const StepResult& result) {
  if (!open_) {
    return;
  }
  if (result.outcome != StepResult::Outcome::Done) {
    open_ = false;
    letGo(Status(Code::Cancelled,
                 cat("not switched, because ", call.request().target.name, " failed: ", result.status.message())));
  } else if (isSequential(call)) {
    flipNext();
  }
}

void SwitchWave::flipNext() {
  if (next_ < calls_.size()) {
    calls_[next_++]->flip();
  }
}

void SwitchWave::letGo(const Status& why) {
  for (const auto& call : calls_) {
    if (!call->finished() && !call->flipped()) {
      call->cancel(why);
    }
  }
}

}  // namespace slipway::vm
