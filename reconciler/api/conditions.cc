#include "reconciler/api/conditions.h"

#include <algorithm>

#include "reconciler/api/json_fields.h"

namespace slipway {

const Condition* findCondition(const std::vector<Condition>& conditions, std::string_view type) {
  auto found = std::find_if(conditions.begin(), conditions.end(), [&](const Condition& c) { return c.type == type; });
  return found == conditions.end() ? nullptr : &*found;
}

void setCondition(std::vector<Condition>& conditions, Condition condition, WallTime now) {
  condition.lastTransitionTime = formatTime(now);
  auto found =
      std::find_if(conditions.begin(), conditions.end(), [&](const Condition& c) { return c.type == condition.type; });
  if (found == conditions.end()) {
    conditions.push_back(std::move(condition));
    return;
  }
  if (found->status == condition.status) {
    condition.lastTransitionTime = found->lastTransitionTime;
  }
  *found = std::move(condition);
}

void keepTransitionTimes(std::vector<Condition>& now, const std::vector<Condition>& before) {
  for (Condition& condition : now) {
    const Condition* old = findCondition(before, condition.type);
    if (old != nullptr && old->status == condition.status) {
      condition.lastTransitionTime = old->lastTransitionTime;
    }
  }
}

void removeCondition(std::vector<Condition>& conditions, std::string_view type) {
  std::erase_if(conditions, [&](const Condition& c) { return c.type == type; });
}

std::vector<Condition> conditionsFromJson(const Json* list) {
  std::vector<Condition> out;
  if (list == nullptr || !list->isArray()) {
    return out;
  }
  for (const Json& item : list->asArray()) {
    Condition condition;
    FieldReader reader(&item, "status.conditions");
    reader.read("type", condition.type);
    reader.read("status", condition.status);
    reader.read("reason", condition.reason);
    reader.read("message", condition.message);
    reader.read("lastTransitionTime", condition.lastTransitionTime);
    reader.read("observedGeneration", condition.observedGeneration);
    out.push_back(std::move(condition));
  }
  return out;
}

Json toJson(const std::vector<Condition>& conditions) {
  Json::Array out;
  for (const Condition& condition : conditions) {
    out.push_back(Json::object({{"type", condition.type},
                                {"status", condition.status},
                                {"reason", condition.reason},
                                {"message", condition.message},
                                {"lastTransitionTime", condition.lastTransitionTime},
                                {"observedGeneration", condition.observedGeneration}}));
  }
  return out;
}

}  // namespace slipway
