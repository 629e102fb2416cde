#pragma once

#include <string>
#include <vector>

#include "tests/sim/engine/workload.h"

namespace slipway::sim {

// Two instances on each server, at this port and the next one, behind a proxy on that machine.
void putInSlots(ReleaseSpec& spec, int bluePort, const std::string& proxy);
// The AnalysisTemplate "errors": the share of errors of the version, three times, 10 s apart.
void makeErrorsTemplate(Workload& work);
// Has the release move traffic: BlueGreen, Canary in slots or by servers, or its Rolling in slots; decided by dice.
void shift(Dice& dice, ReleaseSpec& spec, const std::vector<std::string>& servers, int port);
// Has a BlueGreen's colours be groups of servers: north and south, by that label.
void useGroups(Dice& dice, ReleaseSpec& spec, const std::string& label, int port);
// The app's proxy sends requests to instances of that version only, and to some (I12).
void routed(World& world, const App& app, const std::string& version);

}  // namespace slipway::sim
