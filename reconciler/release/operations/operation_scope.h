#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reconciler/api/operation.h"
#include "reconciler/api/run.h"
#include "reconciler/ports/objects.h"

namespace slipway::release {

// What an Operation is about, as it is now.
struct OperationScope {
  std::optional<Release> release;  // none: machines alone
  std::optional<ReleaseRun> run;   // the newest
  // By which the live version was brought: how its processes are run, where it lies. Of the machines alone only a
  // layout.
  ReleaseSpec spec;
  std::vector<OperationTarget> targets;
  std::vector<std::string> keep;  // versions that a clean-up leaves

  bool runIsOpen() const { return run.has_value() && !isTerminal(run->status.phase); }
};

// NotFound or Invalid, with what to change, when there is no such release, destination or server.
Result<OperationScope> scopeOf(const ApiReader& reader, const Operation& operation);

}  // namespace slipway::release
