#pragma once

#include "providers/traffic/dialect.h"

namespace slipway::traffic {

// Whether what a request says can be sent to a proxy at all: names, addresses, paths and numbers within their grammars.
Status checkRequest(const TrafficRequest& request);

// What the service shall be after the action. Refusals as TrafficResult says. Not for ReadTraffic and RestoreTraffic.
Result<Wanted> wantedAfter(const TrafficRequest& request, const Sight& now);

// "ADDRESS:PORT", an IPv6 address in brackets.
std::string hostPort(const TrafficBackend& backend);
// The other way; false when there is no port.
bool parseHostPort(std::string_view text, TrafficBackend& out);

// Connections to the backend among those that the kernel has; -1 when its address is a name.
int connectionsTo(const TrafficBackend& backend, const std::map<std::string, int>& connections);

BackendState* findBackend(std::vector<BackendState>& backends, const std::string& name);
void sortByName(std::vector<BackendState>& backends);

}  // namespace slipway::traffic
