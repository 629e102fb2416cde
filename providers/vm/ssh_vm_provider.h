#pragma once

#include <memory>

#include "reconciler/base/clock.h"
#include "reconciler/base/log.h"
#include "reconciler/ports/command_runner.h"
#include "reconciler/ports/metrics.h"
#include "reconciler/ports/provider.h"

namespace slipway::vm {

// Servers reached over `runner`: each step is one run of a fixed POSIX shell script on the target, whose arguments are
// length-framed data on its standard input.
//
// Prepare and Process record their result on the target under the operation id: the same id again attaches to what
// still runs or answers what was recorded, failure included. To run a failed one again, use a new id. Observe, Check
// and Verify look anew each time; Switch, Undo and Retire are repeatable by their form.
//
// Where the runner is not parallel, or `parallel` is false, one step runs at a time, in the order in which they were
// started; an AbortStep goes first. What a run ends with is the same; a switch then has no armed wave: see
// ProviderCapabilities.
//
// The references must outlive the provider; its destruction ends every step with Unknown or Refused (Cancelled).
std::unique_ptr<Provider> newSshVmProvider(CommandRunner& runner, Clock& clock, Metrics& metrics, Logger& logger,
                                           bool parallel = true);

// The same without threads: nothing happens but in step(), which does one thing and is false when nothing was to do.
class SteppedProvider : public Provider {
 public:
  virtual bool step() = 0;
};
std::unique_ptr<SteppedProvider> newSteppedSshVmProvider(CommandRunner& runner, Clock& clock, Metrics& metrics,
                                                         Logger& logger);

}  // namespace slipway::vm
