#pragma once

#include <memory>
#include <vector>

#include "providers/vm/step_call.h"

namespace slipway::vm {

// The switches of one wave: none flips before all are armed. Then all at once, or one after another in the wave's
// order, stopping at the first that fails. Used on the provider's queue only.
class SwitchWave {
 public:
  void add(std::shared_ptr<StepCall> call);
  void armed(StepCall& call);
  // A call ended, before or after the flip; the others go on or are let go.
  void ended(const StepCall& call, const StepResult& result);

 private:
  void flipNext();
  void letGo(const Status& why);

  std::vector<std::shared_ptr<StepCall>> calls_;
  std::size_t armed_ = 0;
  std::size_t next_ = 0;  // to flip, when sequential
  bool open_ = true;      // nothing has failed
};

}  // namespace slipway::vm
