#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/api/run.h"
#include "reconciler/planner/estimate.h"
#include "reconciler/release/services.h"

namespace slipway::release {

// What each of the servers was seen to have.
Result<std::vector<planner::ServerRoom>> roomsOf(const ApiReader& reader, const std::string& ns,
                                                 const std::vector<RunTarget>& targets);

// Whether this controller and these servers can do what the strategy asks for. Invalid or NotFound names the field,
// ResourceExhausted every server that lacks room; no run exists then.
Status checkStrategy(const Services& services, const std::string& ns, const ReleaseSpec& spec,
                     const std::vector<RunTarget>& targets);

// The AnalysisTemplates that the strategy names, by name, as they are now: a run keeps them. Invalid names the field of
// one that is not there, or of an argument without a value.
Result<std::map<std::string, AnalysisTemplateSpec>> freezeAnalyses(const Services& services, const std::string& ns,
                                                                   const ReleaseSpec& spec);

}  // namespace slipway::release
