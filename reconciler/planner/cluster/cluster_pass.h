#pragma once

#include <map>
#include <string>
#include <vector>

#include "reconciler/planner/plan.h"

namespace slipway::planner {

// The decision NextBatch, in the record.
void takeBatch(ClusterRecord& record, const PlannedBatch& batch, const std::vector<RunTarget>& targets);

// What a survey saw, in the record. `at`: RFC 3339.
void takeSurvey(ClusterRecord& record, std::map<std::string, MemberSight> members, std::string at);

}  // namespace slipway::planner
