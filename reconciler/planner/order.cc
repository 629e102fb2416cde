#include "reconciler/planner/order.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace slipway::planner {
namespace {

std::size_t placeIn(const std::vector<std::string>& names, const std::string& name) {
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

}  // namespace

std::vector<std::size_t> orderOf(const std::vector<RunTarget>& targets, const RollingSettings& settings) {
  std::vector<std::size_t> out(targets.size());
  std::iota(out.begin(), out.end(), 0);
  const auto rank = [&](std::size_t i) {
    const RunTarget& target = targets[i];
    const std::size_t late = placeIn(settings.last, target.name);
    const bool isLate = late < settings.last.size();
    return std::make_tuple(isLate, isLate ? late : placeIn(settings.order, target.name), target.rank);
  };
  std::stable_sort(out.begin(), out.end(), [&](std::size_t a, std::size_t b) { return rank(a) < rank(b); });
  if (!settings.zoneLabel.empty()) {
    // Zones in the order of their first server; a zone with one of `last` goes last.
    std::vector<std::string> zones;
    for (std::size_t i : out) {
      const std::string& zone = targets[i].zone;
      const bool late = placeIn(settings.last, targets[i].name) < settings.last.size();
      const auto known = std::find(zones.begin(), zones.end(), zone);
      if (known != zones.end() && late) {
        zones.erase(known);
        zones.push_back(zone);
      } else if (known == zones.end()) {
        zones.push_back(zone);
      }
    }
    std::stable_sort(out.begin(), out.end(), [&](std::size_t a, std::size_t b) {
      return placeIn(zones, targets[a].zone) < placeIn(zones, targets[b].zone);
    });
  }
  return out;
}

}  // namespace slipway::planner
