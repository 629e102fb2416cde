#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/api/release.h"
#include "reconciler/ports/http_client.h"
#include "reconciler/ports/provider.h"

namespace slipway::release {

// What is used to ask. All outlive the survey.
struct SurveyPorts {
  HttpClient& http;
  Provider& provider;
  Clock& clock;
};

// One member, as a step is sent to it; `problem` instead, where there is no way to it. The survey sets what is done.
struct MemberAsk {
  StepRequest request;
  std::string problem;
};

using Roles = std::map<std::string, MemberSight>;

// Asks all of them at once. Calls `done` exactly once, on any thread, within about the probe's timeout; who did not
// answer is Unknown.
void surveyRoles(const SurveyPorts& ports, const RoleProbe& probe, std::vector<MemberAsk> members,
                 std::function<void(Roles)> done);

// What a member said, judged by the probe's lists.
MemberSight roleOf(const RoleProbe& probe, std::string_view answer);
// The role in a JSON answer.
MemberSight roleIn(const RoleProbe& probe, const HttpClientResponse& response);

}  // namespace slipway::release
