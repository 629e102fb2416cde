#pragma once

#include <functional>
#include <string>

#include "reconciler/api/release.h"
#include "reconciler/ports/http_client.h"

namespace slipway::release {

// One attempt of the checks that are made from the controller (http, tcp) against one server. Calls `done` once, on any
// thread; ok when all that are set passed. The message says which check failed and what was found.
void checkHealth(HttpClient& http, const Health& health, const std::string& address, std::function<void(Status)> done);

}  // namespace slipway::release
