#pragma once

#include <string>
#include <vector>

#include "reconciler/ports/provider.h"

namespace slipway::vm {

// What a step asks of a process manager.
struct ManagerCall {
  const ProcessManager& manager;
  const StepRequest& request;
  const SlotRef& slot;
  Duration timeout{0};
  bool goingBack = false;  // to a release that ran before, as it ran then
};

// The manager's settings as its host script (providers/vm/managers) reads them, in this order.
std::vector<std::string> managerSettings(const ManagerCall& call);

// A unit's lines before and after the one with its working directory, which only the server knows.
struct UnitText {
  std::string before;
  std::string after;
};
UnitText renderUnit(const SystemdUnit& unit, const ManagerCall& call);

}  // namespace slipway::vm
