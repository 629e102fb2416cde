#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/clock.h"
#include "reconciler/base/json.h"

namespace slipway {

// One condition in kstatus form. `Ready` always exists; `Reconciling` and `Stalled` only while true.
struct Condition {
  std::string type;
  std::string status;  // True, False, Unknown
  std::string reason;  // CamelCase
  std::string message;
  std::string lastTransitionTime;  // changes only with `status`
  std::int64_t observedGeneration = -1;
  bool operator==(const Condition&) const = default;
};

const Condition* findCondition(const std::vector<Condition>& conditions, std::string_view type);

// Adds or replaces by type. The transition time moves only when the status differs.
void setCondition(std::vector<Condition>& conditions, Condition condition, WallTime now);
// Where `now` was made in several steps: a status that came out as it was before has not changed in between.
void keepTransitionTimes(std::vector<Condition>& now, const std::vector<Condition>& before);
void removeCondition(std::vector<Condition>& conditions, std::string_view type);

std::vector<Condition> conditionsFromJson(const Json* list);
Json toJson(const std::vector<Condition>& conditions);

}  // namespace slipway
